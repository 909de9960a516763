"""Bodies of the answers that tell how the hub itself is doing."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from api.instants import Instant


class _Body(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class KindBody(_Body):
    """Devices in service (active or pending) of one kind."""

    kind: str = Field(examples=["bin"])
    devices: int
    reporting: int = Field(description="Heard within `reporting_window_s`.")
    positioned: int = Field(description="With a valid position.")
    pending: int = Field(description="Registered themselves and await a decision.")


class ProtocolBody(_Body):
    """Devices in service of one kind whose newest frame came by one protocol."""

    protocol: str = Field(examples=["jt808"])
    kind: str = Field(examples=["vehicle"])
    devices: int
    reporting: int = Field(description="Heard within `reporting_window_s`.")


class RowsBody(BaseModel):
    """Rows stored, as the server estimates them."""

    readings: int
    fixes: int
    events: int
    total: int


class StoreBody(BaseModel):
    """The store. While it cannot be reached, everything that would come from it is null."""

    reachable: bool
    mode: str = Field(description="plain or timescale.", examples=["plain"])
    capability: str = Field(
        description="What of TimescaleDB may be used: full (community licence), apache (hypertables alone), or plain.",
        examples=["plain"],
    )
    server_version: str | None = None
    timescaledb_version: str | None = None
    rows: RowsBody | None = None
    detail: str | None = None


class ConnectionBody(_Body):
    """A connection of the hub to a peer."""

    name: str
    kind: str = Field(examples=["broker"])
    connected: bool
    required: bool
    detail: str


class EndpointBody(_Body):
    """A port on which the hub listens."""

    name: str = Field(examples=["MQTT"])
    address: str = Field(examples=["mqtt://0.0.0.0:1883"])


class DevicesBody(BaseModel):
    """Devices in service, and how many of them were heard lately."""

    total: int
    reporting: int
    reporting_window_s: int
    newest_received_at: Instant | None
    by_kind: list[KindBody]
    by_protocol: list[ProtocolBody]


class AlertsOpenBody(BaseModel):
    """Open alerts by severity."""

    total: int
    unacknowledged: int
    critical: int
    warning: int
    info: int


class StatusBody(BaseModel):
    """How the hub is doing. Answers while the store is away too: then what would come from it is null."""

    as_of: Instant
    version: str
    started_at: Instant
    uptime_s: float
    data_dir: str | None
    endpoints: list[EndpointBody]
    devices: DevicesBody | None
    dead_letters_open: int | None = Field(description="Not replayed yet; 100000 stands for that many or more.")
    alerts_open: AlertsOpenBody | None
    pipeline: dict[str, int | float] = Field(
        description="Counters since `started_at`.", examples=[{"messages_total": 120_000, "duplicates_total": 12}]
    )
    store: StoreBody
    connections: list[ConnectionBody]


class CheckBody(BaseModel):
    """One thing that readiness depends on."""

    name: str
    ok: bool
    detail: str


class ReadyBody(BaseModel):
    """Ready: every check is ok."""

    status: str = Field(examples=["ready"])
    checks: list[CheckBody]


class AliveBody(BaseModel):
    """The process answers."""

    status: str = Field(examples=["alive"])
    version: str
