"""What is asked of the planner: a shift, its trucks, places and streets; and the problem that the store makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from time import time_ns
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from devices.errors import ConfigError
from devices.read_models import DeviceEntry
from fleet.master.places import Place
from fleet.master.plan import Shift
from fleet.planning.demands import BinLevel, ExpectedFill, Rule, demands, straight
from fleet.planning.distance import StreetError, Streets, grid_travel
from fleet.planning.expectation import Foretold
from fleet.planning.orders import shift_of
from fleet.planning.problem import Break, Options, Problem, Tip, Travel, Truck, sites
from hub.bins.outlook import Outlook
from hub.bins.settings import BinsSection
from store.bins.history import BinHistory
from store.bins.levels import bin_levels
from store.fleet.master import FleetMaster
from store.readers.bins import BinReads
from store.readers.devices import DeviceReads
from store.reading import ReadSession

PAGE = 1_000
HOUR_US = 3_600_000_000
Expect = Literal["forecast", "measured"]
AGAIN_H = 2.5  #: into the next shift, by when a truck comes again


class Request(msgspec.Struct, frozen=True):
    """A shift ``[begin, end)`` (µs) of a service date, which is that of its beginning in ``zone`` (None: the hub's).

    ``depot`` and ``tips`` count before those of the master data (None); with several depots there, a vehicle's
    attribute ``depot`` names its own. ``vehicles`` by id; none: all that collect refuse. Their attributes
    ``capacity_l``, ``compaction``, ``capacity_kg``, ``speed_factor`` and ``skills`` count before the defaults here.
    ``bins`` by id; none: all that are due. ``expect`` says by what: the fill model's forecast, or nothing but what was
    measured. ``streets`` are a GeoJSON FeatureCollection; without them ways lead along a grid.
    """

    on: date
    begin: int
    end: int
    depot: Place | None = None
    tips: tuple[Place, ...] | None = None
    vehicles: tuple[str, ...] = ()
    bins: tuple[str, ...] = ()
    breaks: tuple[Break, ...] = ()
    collect_pct: float = 85.0
    next_shift_h: float = 0.0
    capacity_l: float = 8_000.0
    compaction: float = 3.0
    tip_s: float = 600.0
    streets: Mapping[str, Any] | None = None
    options: Options = Options()
    expect: Expect = "forecast"
    zone: str | None = None


class Sources(NamedTuple):
    """What problems are made from. ``zone`` is that of shifts for which none is given."""

    devices: DeviceReads
    reads: ReadSession
    master: FleetMaster
    outlook: Outlook
    zone: str

    @classmethod
    def over(cls, reads: ReadSession, section: BinsSection, outlook: Outlook | None = None) -> Sources:
        """The sources of a store; with an ``outlook`` its fill model is shared."""
        outlook = outlook or Outlook(BinReads(reads), BinHistory(reads), section)
        return cls(DeviceReads(reads), reads, FleetMaster(reads), outlook, section.zone)


class Gathered(msgspec.Struct, frozen=True):
    """A problem with its shift, and how many bins it was chosen from; ``nowhere``: bins whose place is not known."""

    problem: Problem
    shift: Shift
    known: int
    nowhere: tuple[str, ...]


async def gather(
    request: Request, sources: Sources, expected: ExpectedFill | None = None, *, now: int | None = None
) -> Gathered:
    """The problem that a request asks for, by what the store knows now (µs), or did when the shift began.

    What bins will hold is expected by ``expected``, else as the request says. Raises ConfigError for vehicles, bins,
    depots or a zone that there are not, and TransientError.
    """
    if request.end <= request.begin:
        raise ConfigError("end: expected an instant after begin")
    as_of = min(request.begin, time_ns() // 1_000 if now is None else now)
    shift = await _shift(request, sources)
    trucks, tips = await _trucks(request, sources), await _tips(request, sources)
    levels, nowhere = await bin_levels(sources.reads, as_of)
    chosen = _chosen(request, levels)
    again = request.end + round((request.next_shift_h + AGAIN_H) * HOUR_US)
    rule = Rule(collect_pct=0.0 if request.bins else request.collect_pct, again=again, overflow_pct=95.0, as_of=as_of)
    if expected is None:
        expected = Foretold(await sources.outlook.courses(as_of, again)) if request.expect == "forecast" else straight
    foretold = expected.bins if isinstance(expected, Foretold) else ()
    wanted = await asyncio.to_thread(demands, chosen, request.begin, request.end, rule, expected, foretold)
    return Gathered(Problem(request.on, wanted, trucks, tips, request.options), shift, len(levels), nowhere)


def travel_of(request: Request, problem: Problem) -> Travel:
    """The ways between all sites of the problem. Raises ConfigError for streets that do not fit."""
    streets = streets_of(request)
    if streets is None:
        return grid_travel(sites(problem))
    try:
        return streets.travel(sites(problem))
    except StreetError as error:
        raise ConfigError(f"streets: {error}") from None


def streets_of(request: Request) -> Streets | None:
    """The streets of a request, if it has any. Raises ConfigError for what are none."""
    try:
        return None if request.streets is None else Streets(request.streets)
    except StreetError as error:
        raise ConfigError(f"streets: {error}") from None


async def _shift(request: Request, sources: Sources) -> Shift:
    zone = request.zone or sources.zone
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ConfigError(f"zone: there is no {zone!r}; expected a name such as Asia/Shanghai") from None
    try:
        return shift_of(request.on, request.begin, request.end, zone, await sources.master.shifts())
    except ValueError as error:
        raise ConfigError(str(error)) from None


async def _tips(request: Request, sources: Sources) -> tuple[Tip, ...]:
    if request.tips is not None:
        places: Sequence[Place] = request.tips
    else:
        places = [place for place in await sources.master.places() if place.role == "tip"]
    return tuple(Tip(place, request.tip_s) for place in places)


def _chosen(request: Request, levels: Sequence[BinLevel]) -> Sequence[BinLevel]:
    if not request.bins:
        return levels
    known = {level.bin: level for level in levels}
    if missing := [name for name in request.bins if name not in known]:
        raise ConfigError(f"bins: there is no active bin with a place called {', '.join(missing[:5])}")
    return [known[name] for name in dict.fromkeys(request.bins)]


async def _trucks(request: Request, sources: Sources) -> tuple[Truck, ...]:
    devices = sources.devices
    if request.vehicles:
        found = [(name, await devices.device(name)) for name in dict.fromkeys(request.vehicles)]
        if missing := [name for name, entry in found if entry is None or entry.kind != "vehicle"]:
            raise ConfigError(f"vehicles: there is no vehicle called {', '.join(missing[:5])}")
        entries = [entry for _, entry in found if entry is not None]
    else:
        entries = [entry for entry in await _vehicles(devices) if entry.attributes.get("type") == "refuse_truck"]
    if not entries:
        raise ConfigError("vehicles: there is none of type refuse_truck; name those that are to collect")
    if request.depot is not None:
        return tuple(_truck(request, entry, request.depot) for entry in entries)
    depots = {place.id: place for place in await sources.master.places() if place.role == "depot"}
    return tuple(_truck(request, entry, _depot(entry, depots)) for entry in entries)


def _depot(entry: DeviceEntry, depots: Mapping[str, Place]) -> Place:
    """Where a vehicle is at home, by the master data."""
    if not depots:
        raise ConfigError("depot: the master data have no place of role depot; import one, or give it here")
    named = entry.attributes.get("depot")
    if named is None and len(depots) == 1:
        return next(iter(depots.values()))
    if not isinstance(named, str) or named not in depots:
        known = ", ".join(sorted(depots)[:5])
        raise ConfigError(f"vehicle {entry.id}: attributes.depot: expected one of {known}, got {named!r}")
    return depots[named]


async def _vehicles(devices: DeviceReads) -> list[DeviceEntry]:
    found: list[DeviceEntry] = []
    cursor: str | None = None
    while True:
        page = await devices.devices(kinds=("vehicle",), statuses=("active",), cursor=cursor, limit=PAGE)
        found += page.items
        if (cursor := page.next_cursor) is None:
            return found


def _truck(request: Request, entry: DeviceEntry, depot: Place) -> Truck:
    told = {
        name: entry.attributes[name]
        for name in ("capacity_l", "compaction", "capacity_kg", "speed_factor", "skills")
        if name in entry.attributes
    }
    fields = {
        "id": entry.id,
        "start": msgspec.to_builtins(depot),
        "finish": msgspec.to_builtins(depot),
        "begin": request.begin,
        "end": request.end,
        "capacity_l": request.capacity_l,
        "compaction": request.compaction,
        "breaks": msgspec.to_builtins(request.breaks),
    }
    try:
        return msgspec.convert(fields | told, Truck, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"vehicle {entry.id}: attributes: {error}") from None
