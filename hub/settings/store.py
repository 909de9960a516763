"""Settings of the store: ``[store]``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from store.rollups import zone as rollup_zone
from store.telemetry.forgetting import Keeping
from store.timescale.columnstore import Columnstore


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSection(_Section):
    """Where telemetry is kept. An empty ``dsn`` asks for the embedded PostgreSQL."""

    dsn: SecretStr = Field(
        SecretStr(""),
        description=(
            "address of the server, PostgreSQL 15 or newer: postgresql://user:password@host:5432/database; "
            "empty for the embedded one"
        ),
    )
    mode: Literal["auto", "plain", "timescale"] = Field(
        "auto",
        description=(
            "auto takes TimescaleDB where the server has it, the others insist; decided when the tables are made"
        ),
    )
    partition_days: int = Field(7, ge=1, le=366, description="width of a partition or chunk, days")
    retention_days: int | None = Field(
        None, ge=1, description="telemetry older than this is dropped, days; without it everything is kept"
    )
    columnstore_after_days: int = Field(
        30, ge=0, le=36_500, description="chunks older than this go to TimescaleDB's columnstore, days; 0 converts none"
    )
    hourly_rollups_days: int | None = Field(
        None, ge=1, description="sums of hours older than this are dropped, days; without it they are kept for ever"
    )
    daily_rollups_days: int | None = Field(
        None, ge=1, description="sums of days older than this are dropped, days; without it they are kept for ever"
    )
    zone: str = Field(rollup_zone.DEFAULT, description="time zone whose days are summed up")
    dead_letters_days: int = Field(90, ge=1, description="so long dead letters are kept, days")
    dead_letters: int = Field(1_000_000, ge=1_000, description="so many of them are kept, the newest")
    embedded_port: int | None = Field(
        None, ge=1, le=65_535, description="of the embedded PostgreSQL, on 127.0.0.1; without it a free one"
    )

    def columnstore(self) -> Columnstore:
        """The store's view of when chunks are converted."""
        return Columnstore(self.columnstore_after_days or None)

    def keeping(self) -> Keeping:
        """The store's view of what to keep."""
        return Keeping(
            self.retention_days,
            dead_letters_days=self.dead_letters_days,
            dead_letters=self.dead_letters,
            hourly_days=self.hourly_rollups_days,
            daily_days=self.daily_rollups_days,
        )

    @field_validator("zone")
    @classmethod
    def _days_are_whole_hours(cls, name: str) -> str:
        if (fault := rollup_zone.check_zone(name)) is not None:
            raise ValueError(fault)
        return name

    @model_validator(mode="after")
    def _sums_outlive_what_they_are_made_of(self) -> StoreSection:
        steps = (
            ("retention_days", self.retention_days, "hourly_rollups_days", self.hourly_rollups_days),
            ("hourly_rollups_days", self.hourly_rollups_days, "daily_rollups_days", self.daily_rollups_days),
        )
        for finer, days, name, kept in steps:
            if kept is not None and (days is None or kept < days):
                raise ValueError(f"{name}: {kept} is shorter than {finer}; expected {days or 'no'} days or more")
        return self
