"""A plan judged, with the names and lines that a report of it needs."""

from __future__ import annotations

import msgspec

from fleet.compliance.result import Compliance
from fleet.master.plan import Plan
from fleet.master.route import Line, LonLat, Route
from fleet.reports.document import Name


class AlarmSeen(msgspec.Struct, frozen=True):
    """An alarm of the vehicle within the shift. ``id`` is its number in the store."""

    at: int
    severity: str
    rule: str
    id: int | None = None
    cleared_at: int | None = None


class Judged(msgspec.Struct, frozen=True):
    """What a report is made of.

    ``track`` are the driven lines, thinned; ``depots`` and ``streets`` are drawn if given. Names are as people gave
    them.
    """

    compliance: Compliance
    route: Route
    plan: Plan
    vehicle_name: str = ""
    drivers: tuple[str, ...] = ()
    shift: Name = Name("")
    track: tuple[Line, ...] = ()
    depots: tuple[LonLat, ...] = ()
    streets: tuple[Line, ...] = ()
    alarms: tuple[AlarmSeen, ...] = ()

    @property
    def spans(self) -> tuple[tuple[int, int, str], ...]:
        """What went on (``work``, ``transit``, ``idle``, ``off``, ``no_data``), in order: (start, end, state)."""
        return tuple((one.start, one.end, one.doing) for one in self.compliance.spells)

    @property
    def vehicle(self) -> str:
        """The vehicle, by its name where it has one."""
        return self.vehicle_name or self.compliance.vehicle

    @property
    def route_name(self) -> Name:
        """The route's names; its id where it has none."""
        return Name(self.route.name or self.route.id, self.route.name_zh)

    def stop_name(self, stop: str) -> str:
        """A stop by its name, else by its id."""
        return next((one.name for one in self.route.stops if one.id == stop and one.name), stop)

    def place(self, stop: str) -> LonLat | None:
        """Where a stop lies."""
        return next(((one.lon, one.lat) for one in self.route.stops if one.id == stop), None)
