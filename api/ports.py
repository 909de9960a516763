"""What the API needs from the rest of the house, as protocols; the hub hands in what fulfils them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec
from prometheus_client import Metric as PrometheusMetric

from api.alert_ports import AlertHandling, AlertReader, RuleKeeper
from api.bin_ports import BinOutlook, EmptyingReader
from api.board_files import BoardSettings
from api.evaluation_ports import EvaluationDesk
from api.fleet_ports import FleetKeeper, FleetReader
from api.incident_ports import IncidentDesk
from api.live_ports import CityReader
from api.order_ports import OrderDesk
from api.people_ports import AreaDirectory, DeviceKeeper, KeyKeeper, PeopleKeeper, SessionKeeper
from api.planning_ports import Planning
from api.policy import AccessPolicy
from api.report_ports import ReportDesk
from api.trip_ports import TripReader
from devices.access import AuditEntry, KeyEntry, Principal
from devices.errors import SanihubError, TransientError
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
        self,
        *,
        kinds: Sequence[str] = (),
        statuses: Sequence[str] = (),
        ids: Sequence[str] = (),
        q: str = "",
        cursor: str | None,
        limit: int,
    ) -> Page[DeviceEntry]:
        """Devices by id; ``q`` is a piece of id, name or identity, without regard to case. Empty filters let all in."""

    async def state(self, device_id: str) -> DeviceState | None:
        """What is newest of one device, or None when there is no such device."""

    async def states(
        self,
        *,
        kinds: Sequence[str] = (),
        protocols: Sequence[str] = (),
        ids: Sequence[str] = (),
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
        self,
        *,
        codes: Sequence[str] = (),
        device_id: str | None,
        device_ids: Sequence[str] = (),
        is_open: bool | None,
        cursor: str | None,
        limit: int,
    ) -> Page[DeadLetterEntry]:
        """Dead letters, newest first; ``is_open`` picks those not replayed yet (True) or replayed (False).

        ``device_ids`` picks those of any of these devices.
        """

    async def letter(self, letter_id: int) -> DeadLetterContent | None:
        """One dead letter with its bytes, or None."""


class StoreReader(Protocol):
    """The store as a whole."""

    async def ping(self) -> None:
        """Return when the store answers; raise ``TransientError`` soon when it does not."""

    async def figures(self, *, reporting_since: int) -> StoreFigures:
        """Counts for boards; a device is reporting when it was heard at ``reporting_since`` (µs) or later."""


class KeyRing(Protocol):
    """API keys. Raises ``TransientError`` while the store is away."""

    async def find(self, prefix: str) -> KeyEntry | None:
        """The key with this prefix, usable or not; None when there is none."""

    async def used(self, key_id: int) -> None:
        """Note that a key was used."""


class AuditReader(Protocol):
    """Who did what."""

    async def entries(
        self, *, actor: str | None, action: str | None, target: str | None, cursor: str | None, limit: int
    ) -> Page[AuditEntry]:
        """Entries, newest first; filters of None let all in."""


class NotTakenError(TransientError):
    """The hub could not store what was posted in time; send it again."""


class AnotherDeviceError(SanihubError):
    """A device's key was used to speak for another device; nothing of it was filed. ``device`` is the other one."""

    def __init__(self, device: str) -> None:
        super().__init__(f"the message names {device}")
        self.device = device


class Submitted(msgspec.Struct, frozen=True):
    """What became of a posted frame, after the commit: how many of its messages are filed, and what was refused.

    What was filed before counts as accepted. Each problem is a line that names its field. A frame with problems is
    kept in dead letters.
    """

    accepted: int
    problems: tuple[str, ...] = ()


class Uplinks(Protocol):
    """The way into the pipeline for what is posted.

    Both methods return once everything is committed, and raise ``NotTakenError`` when that takes too long: then it may
    still be committed later, and what knows itself again (by time, id or ``again``) may be posted again.
    """

    @property
    def webhooks(self) -> Sequence[str]:
        """The protocols whose frames may be posted."""

    async def telemetry(self, payload: bytes, poster: Principal, again: str | None = None) -> Submitted:
        """File a payload of sanihub's own JSON.

        A poster that speaks for one device may name no other: raises ``AnotherDeviceError``. ``again`` is the poster's
        name for the request, by which its repetition is known.
        """

    async def webhook(self, protocol: str, query: str, payload: bytes, poster: Principal) -> Submitted:
        """File what a server of ``protocol`` has posted; ``query`` is the query string of its address.

        Raises KeyError for a protocol that is none of :attr:`webhooks`.
        """


class UnreachableError(SanihubError):
    """Nothing that the hub is connected to can carry this command to the device now."""


class NoAnswerError(SanihubError):
    """The device did not answer; whether it has done as it was told is not known."""


class Commands(Protocol):
    """Telling devices what to do."""

    def available(self, device: DeviceEntry) -> Sequence[str]:
        """The commands that can reach the device now, by name."""

    async def send(self, actor: str, device: DeviceEntry, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out a command, with an entry in the audit before and after; what the device answered.

        Raises ``UnreachableError``, ``NoAnswerError``, ValueError for arguments that do not fit, and
        ``TransientError`` when the audit cannot be written: then nothing was sent.
        """


class PostLimits(msgspec.Struct, frozen=True):
    """Bounds of what is posted.

    ``body_bytes`` is of a body, as it comes and unpacked; it has to be there within ``body_within_s``. Of all requests
    at most ``waiting`` are read or await their commit, and of one key ``waiting_per_key``; of one key there are
    ``posts_per_s`` in the long run, 0: any number.
    """

    body_bytes: int = 256 * 1024
    body_within_s: float = 30.0
    waiting: int = 200
    waiting_per_key: int = 50
    posts_per_s: float = 0.0


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
    """What the hub says of itself. ``store_mode`` is ``plain`` or ``timescale``; ``started_at`` in µs.

    ``store_capability`` is what of TimescaleDB may be used: ``full``, ``apache`` or ``plain``.
    """

    version: str
    started_at: int
    store_mode: str
    data_dir: str | None = None
    endpoints: tuple[Endpoint, ...] = ()
    store_capability: str = "unknown"


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
    keys: KeyRing
    audit: AuditReader
    uplinks: Uplinks
    commands: Commands
    alerts: AlertReader
    alert_handling: AlertHandling
    rules: RuleKeeper
    fleet: FleetReader
    trips: TripReader
    emptyings: EmptyingReader
    outlook: BinOutlook
    fleet_keeper: FleetKeeper
    planning: Planning
    city: CityReader
    probe: HubProbe
    people: PeopleKeeper
    sessions: SessionKeeper
    key_keeper: KeyKeeper
    registry: DeviceKeeper
    areas: AreaDirectory
    access: AccessPolicy = field(default_factory=AccessPolicy)
    reports: ReportDesk | None = None
    evaluation: EvaluationDesk | None = None
    incidents: IncidentDesk | None = None
    order_desk: OrderDesk | None = None
    limits: PostLimits = field(default_factory=PostLimits)
    board: BoardSettings = field(default_factory=BoardSettings)
    metrics: Families = tuple
    clock: Callable[[], int] = wall_clock
    catalogue: Catalogue = field(default_factory=Catalogue)
