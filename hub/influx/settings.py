"""Settings of the InfluxDB sink: ``[influx]`` (docs/influx.md)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

if TYPE_CHECKING:
    from store.influx.client import InfluxTarget
    from store.influx.points import Naming

Measurement = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
Tag = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]


class InfluxSection(BaseModel):
    """A bucket of an InfluxDB v2 that gets readings and fixes too. Off, nothing of it runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(False, description="bring readings and fixes to InfluxDB too")
    url: str = Field(
        "http://127.0.0.1:8086", pattern=r"^https?://[^\s/]+(/[^\s?#]*)?$", description="address of InfluxDB"
    )
    org: str = Field("", description="organisation, by name or id")
    bucket: str = Field("", description="bucket that is written to")
    token: SecretStr = Field(SecretStr(""), description="token that may write to the bucket")
    verify: bool = Field(True, description="of an https address: hold its certificate against the authorities")
    ca: Path | None = Field(None, description="a PEM file of authorities in place of the usual ones")
    timeout_s: float = Field(10.0, ge=0.1, le=600, description="that an answer may take")
    batch_points: int = Field(5_000, ge=1, le=100_000, description="points in one request, at most")
    every_s: float = Field(1.0, ge=0.05, le=3_600, description="between two looks, when nothing waits")
    most_wait_s: float = Field(60.0, ge=0.1, le=3_600, description="between two tries while InfluxDB is away")
    keep_days: int = Field(30, ge=1, le=3_650, description="what waits for longer is given up, counted and logged")
    readings: Measurement = Field("readings", description="measurement of the readings")
    fixes: Measurement = Field("fixes", description="measurement of the fixes")
    tags: tuple[Tag, ...] = Field((), max_length=10, description="kind, or attributes of devices, beside the id")
    history: bool = Field(False, description="series of the API are read there")

    @model_validator(mode="after")
    def _says_where(self) -> InfluxSection:
        if self.enabled or self.history:
            for name in ("org", "bucket"):
                if not getattr(self, name):
                    raise ValueError(f"{name}: is needed when the sink is on")
            if not self.token.get_secret_value():
                raise ValueError("token: is needed when the sink is on; SANIHUB_INFLUX__TOKEN keeps it out of files")
        if self.readings == self.fixes:
            raise ValueError("fixes: expected another measurement than that of readings")
        if "device" in self.tags or len(set(self.tags)) < len(self.tags):
            raise ValueError("tags: each may stand once, and device is always there")
        return self

    def target(self) -> InfluxTarget:
        """The store's view of where to write."""
        from store.influx.client import InfluxTarget

        ca = None if self.ca is None else str(self.ca)
        token = self.token.get_secret_value()
        return InfluxTarget(self.url, self.org, self.bucket, token, self.timeout_s, self.verify, ca)

    def naming(self) -> Naming:
        """The store's view of how points are called."""
        from store.influx.points import Naming

        return Naming(self.readings, self.fixes, self.tags)
