"""What the API needs from the rest of the house, as protocols; the hub hands in what fulfils them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec
from prometheus_client import Metric as PrometheusMetric

from devices.metrics import Catalogue
from devices.read_models import (
    DeadLetterContent,
    DeadLetterEntry,
    DeviceEntry,
    DeviceState,
    EventRecord,
    Page,
    SeriesBucket,
    SeriesPoint,
    StoreFigures,
    TrackPoint,
)


class DeviceReader(Protocol):
    """Devices and what is newest of them.

    Every reader raises ``TransientError`` while the store is away, its subclass ``QueryTimeoutError`` when the store
    gave up on the question, and ``CursorError`` for a cursor that it did not make.
    """

    async def device(self, device_id: str) -> DeviceEntry | None:
        """The device with that id, or None."""

    async def devices(
        self, *, kinds: Sequence[str] = (), statuses: Sequence[str] = (), q: str = "", cursor: str | None, limit: int
    ) -> Page[DeviceEntry]:
        """Devices by id; ``q`` is a piece of id, name or identity, without regard to case. Empty filters let all in."""

    async def state(self, device_id: str) -> DeviceState | None:
        """What is newest of one device, or None when there is no such device."""

    async def states(
        self,
        *,
        kinds: Sequence[str] = (),
        protocols: Sequence[str] = (),
        since: int | None = None,
        cursor: str | None,
        limit: int,
    ) -> Page[DeviceState]:
        """States by device id of devices in service that were ever heard; ``since`` (µs): heard then or later.

        ``protocols`` are those by which the newest frame came.
        """


class TelemetryReader(Protocol):
    """The history of one device. Spans are ``[start, end)`` in µs. Unknown devices and metrics have empty histories."""

    async def series(
        self, device_id: str, metric: str, *, start: int, end: int, cursor: str | None, limit: int
    ) -> Page[SeriesPoint]:
        """Readings as stored, oldest first; of one instant, smaller values first."""

    async def buckets(
        self, device_id: str, metric: str, *, start: int, end: int, width: int
    ) -> tuple[SeriesBucket, ...]:
        """Readings summed up by buckets of ``width`` µs, counted from Monday 2000-01-03T00:00Z."""

    async def track(
        self, device_id: str, *, start: int, end: int, include_invalid: bool, cursor: str | None, limit: int
    ) -> Page[TrackPoint]:
        """Positions, oldest first; of one instant by ``seq`` (none first), then as the store keeps them."""

    async def events(
        self, device_id: str, *, start: int, end: int, kinds: Sequence[str] = (), cursor: str | None, limit: int
    ) -> Page[EventRecord]:
        """Events, newest first."""


class DeadLetterReader(Protocol):
    """Frames that could not be filed."""

    async def letters(
        self, *, codes: Sequence[str] = (), device_id: str | None, is_open: bool | None, cursor: str | None, limit: int
    ) -> Page[DeadLetterEntry]:
        """Dead letters, newest first; ``is_open`` picks those not replayed yet (True) or replayed (False)."""

    async def letter(self, letter_id: int) -> DeadLetterContent | None:
        """One dead letter with its bytes, or None."""


class StoreReader(Protocol):
    """The store as a whole."""

    async def ping(self) -> None:
        """Return when the store answers; raise ``TransientError`` soon when it does not."""

    async def figures(self, *, reporting_since: int) -> StoreFigures:
        """Counts for boards; a device is reporting when it was heard at ``reporting_since`` (µs) or later."""


class Connection(msgspec.Struct, frozen=True):
    """A connection of the hub to a peer. One that is not ``required`` may be down while the hub is ready."""

    name: str
    connected: bool
    kind: str = "broker"
    required: bool = True
    detail: str = ""


class Endpoint(msgspec.Struct, frozen=True):
    """A port on which the hub listens: a name for people (``MQTT``) and the address (``mqtt://0.0.0.0:1883``)."""

    name: str
    address: str


class About(msgspec.Struct, frozen=True):
    """What the hub says of itself. ``store_mode`` is ``plain`` or ``timescale``; ``started_at`` in µs."""

    version: str
    started_at: int
    store_mode: str
    data_dir: str | None = None
    endpoints: tuple[Endpoint, ...] = ()


class HubProbe(Protocol):
    """The running hub. Asked often, on the event loop: it answers from memory."""

    def about(self) -> About:
        """Version, mode and addresses."""

    def connections(self) -> Sequence[Connection]:
        """Brokers and other peers, in the order of the settings."""

    def counters(self) -> Mapping[str, int | float]:
        """Counters of the pipeline since the start, by name.

        ``messages_total`` (frames that were dealt with) has to be there: boards compute the rate from it.
        """


class Sample(msgspec.Struct, frozen=True):
    """One number of a family, with the labels that set it apart."""

    value: float
    labels: Mapping[str, str] = {}


class MetricFamily(msgspec.Struct, frozen=True):
    """A family of ``/metrics``: name ``sanihub_<noun>_<unit>_total`` for counters, help text, samples."""

    name: str
    help: str
    samples: tuple[Sample, ...]
    kind: Literal["counter", "gauge"] = "gauge"


Families = Callable[[], Iterable[MetricFamily | PrometheusMetric]]
"""Asked at each scrape. Families of prometheus_client (a histogram) are passed on as they are."""


def wall_clock() -> int:
    """Now, in µs since 1970."""
    return time.time_ns() // 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that the routes work with. ``clock`` gives now in µs; tests hand in their own."""

    devices: DeviceReader
    telemetry: TelemetryReader
    dead_letters: DeadLetterReader
    store: StoreReader
    probe: HubProbe
    metrics: Families = tuple
    clock: Callable[[], int] = wall_clock
    catalogue: Catalogue = field(default_factory=Catalogue)
