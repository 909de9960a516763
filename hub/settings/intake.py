"""Settings of what the hub lets in: ``[intake]``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from devices.clock import SECOND, ClockPolicy
from devices.instants import from_datetime
from devices.registry import UnknownPolicy
from ingest.assembly import IntakeRules
from ingest.pipeline import Bounds
from ingest.spool import SpoolSettings


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IntakeSection(_Section):
    """What the hub lets in."""

    unknown: Literal["register", "quarantine", "reject"] = Field(
        "register",
        description=(
            "devices that nobody registered: register enters them as pending and keeps their telemetry, "
            "quarantine keeps their messages as dead letters, reject notes only that they came"
        ),
    )
    max_pending_devices: int = Field(
        10_000, ge=0, description="beyond so many pending devices register turns into quarantine"
    )
    max_payload_bytes: int = Field(
        256 * 1024, ge=1_024, le=16 * 1024 * 1024, description="larger payloads become dead letters"
    )
    clock_future_s: int = Field(
        60, ge=0, description="a device's time is not believed when it lies further in the future, seconds"
    )
    clock_oldest: int = Field(2000, ge=1970, le=2100, description="the earliest year that is believed")
    max_batch: int = Field(4_000, ge=1, le=50_000, description="messages in one transaction, at most")
    max_in_flight: int = Field(
        20_000, ge=1, description="messages taken and not yet committed, at most; beyond it the hub stops reading"
    )
    max_in_flight_mib: int = Field(48, ge=1, description="the same in MiB")
    spool_mib: int = Field(512, ge=16, description="bound of the spool on disk, MiB")

    def rules(self) -> IntakeRules:
        """The assembler's view of this section."""
        oldest = from_datetime(datetime(self.clock_oldest, 1, 1, tzinfo=UTC))
        clock = ClockPolicy(future=self.clock_future_s * SECOND, oldest=oldest)
        return IntakeRules(
            max_payload_bytes=self.max_payload_bytes,
            unknown=UnknownPolicy(self.unknown),
            max_pending_devices=self.max_pending_devices,
            clock=clock,
        )

    def bounds(self) -> Bounds:
        """The pipeline's view of this section."""
        return Bounds(
            max_batch=self.max_batch,
            max_in_flight=self.max_in_flight,
            max_in_flight_bytes=self.max_in_flight_mib * 1024 * 1024,
        )

    def spool(self) -> SpoolSettings:
        """The spool's view of this section."""
        return SpoolSettings(max_bytes=self.spool_mib * 1024 * 1024)
