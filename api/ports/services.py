"""All that the API works with, together: made by the hub, and handed in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from api.board_files import BoardSettings
from api.policy import AccessPolicy
from api.ports.access import AuditReader, KeyRing
from api.ports.alerts import AlertHandling, AlertReader, RuleKeeper
from api.ports.bins import BinOutlook, EmptyingReader
from api.ports.commands import Commands
from api.ports.evaluation import EvaluationDesk
from api.ports.fleet import FleetKeeper, FleetReader
from api.ports.incidents import IncidentDesk
from api.ports.live import CityReader
from api.ports.orders import OrderDesk
from api.ports.people import AreaDirectory, DeviceKeeper, KeyKeeper, PeopleKeeper, SessionKeeper
from api.ports.planning import Planning
from api.ports.posting import PostLimits, Uplinks
from api.ports.probe import Families, HubProbe
from api.ports.reports import ReportDesk
from api.ports.telemetry import DeadLetterReader, DeviceReader, StoreReader, TelemetryReader
from api.ports.trips import TripReader
from devices.metrics import Catalogue


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
