"""The ``[[modbus]]`` sections of the settings: buses of Modbus units that the hub polls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from devices.errors import ConfigError
from devices.kinds import DEVICE_ID
from devices.register_maps.files import map_named, maps_of
from devices.register_maps.layout import RegisterMap
from ingest.plugin import Section
from ingest.transports.modbus.bus import BusSettings
from ingest.transports.modbus.link import CHARACTER_BITS, Line
from ingest.transports.modbus.plan import Unit

_DEVICE = "^" + DEVICE_ID.pattern.replace(r"\Z", "$")
PROBE_S = 0.5  #: how long a unit that is silent is given to answer, where the settings do not say


class UnitSection(BaseModel):
    """One unit of a bus: its Modbus address, the device that it is, and the register map that it is read by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: int = Field(ge=0, le=255, description="1 to 247 on a line; 0 and 255 name a TCP device itself")
    device: str = Field(pattern=_DEVICE, description="id of the device that it is")
    map: str = Field(description="its register map")
    period_s: float | None = Field(None, ge=0.1, le=86_400, description="in the place of the map's")
    device_kind: Literal["vehicle", "bin", "toilet", "worker", "station", "gateway", "unknown"] | None = Field(
        None, description="in place of the map's"
    )


class ModbusSection(Section):
    """One bus of Modbus units (``[[modbus]]``; several may stand)."""

    kind: Literal["tcp", "rtu", "rtu-over-tcp"] = Field(
        description="TCP, a serial port, or a transparent serial server"
    )
    host: str = Field("127.0.0.1", description="of the units or of the serial server")
    port: int = Field(502, ge=1, le=65_535, description="of the units or of the serial server")
    path: str = Field("", description="of a serial port")
    baud: int = Field(9_600, ge=300, le=4_000_000, description="speed of the serial port")
    parity: Literal["N", "E", "O"] = Field("N", description="of the serial port")
    stopbits: Literal[1, 2] = Field(1, description="of the serial port")
    timeout_s: float = Field(1.0, ge=0.01, le=30, description="that a unit may take to answer, seconds")
    probe_timeout_s: float | None = Field(None, ge=0.01, le=30, description="of units that have not answered")
    connections: int = Field(2, ge=1, le=16, description="of TCP; the last is for units that do not answer")
    maps: Path | None = Field(None, description="folder of register maps of one's own")
    units: tuple[UnitSection, ...] = Field(min_length=1, max_length=256)

    @model_validator(mode="after")
    def _fits(self) -> ModbusSection:
        if self.kind == "rtu" and not self.path:
            raise ValueError("path: needed by the kind rtu")
        for index, unit in enumerate(self.units):
            before = self.units[:index]
            if any(other.unit == unit.unit for other in before):
                raise ValueError(f"units[{index}].unit: {unit.unit} stands twice")
            if any(other.device == unit.device for other in before):
                raise ValueError(f"units[{index}].device: {unit.device} stands twice")
            if self.kind != "tcp" and not 1 <= unit.unit <= 247:
                raise ValueError(f"units[{index}].unit: expected 1 to 247 on a line, got {unit.unit}")
        return self

    def register_maps(self) -> Mapping[str, RegisterMap]:
        """The maps of this section. Raises ConfigError."""
        try:
            return maps_of(self.maps)
        except ConfigError as error:
            raise ConfigError(f"modbus {self.name}: {error}") from None

    def plan(self) -> tuple[Unit, ...]:
        """The units as the bus knows them. Raises ConfigError for maps that are not there or faulty."""
        maps = self.register_maps()
        try:
            return tuple(Unit(unit.unit, unit.device, map_named(maps, unit.map), unit.period_s) for unit in self.units)
        except ConfigError as error:
            raise ConfigError(f"modbus {self.name}: {error}") from None

    def bus(self) -> BusSettings:
        """The transport's view of this section."""
        probe_s = self.probe_timeout_s or min(PROBE_S, self.timeout_s)
        return BusSettings(self._line(), self.timeout_s, probe_s, self.connections)

    def _line(self) -> Line:
        """The line. On a wire 3.5 characters of silence part the frames, 1.75 ms above 19,200 baud (clause 2.5.1.1)."""
        silence_s = 0.0 if self.kind == "tcp" else max(0.00175, 3.5 * CHARACTER_BITS / self.baud)
        return Line(self.kind, self.host, self.port, self.path, self.baud, self.parity, self.stopbits, silence_s)
