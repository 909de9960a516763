"""What is asked of the planner: a shift, its trucks, places and streets; and the problem that the store makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from devices.errors import ConfigError
from devices.read_models import DeviceEntry
from fleet.master.places import Place
from fleet.planning.demands import BinLevel, ExpectedFill, Rule, demands, straight
from fleet.planning.distance import StreetError, Streets, grid_travel
from fleet.planning.problem import Break, Options, Problem, Tip, Travel, Truck, sites
from store.bin_levels import bin_levels
from store.readers import DeviceReads
from store.readers_session import ReadSession

PAGE = 1_000
HOUR_US = 3_600_000_000
AGAIN_H = 2.5  #: into the next shift, by when a truck comes again


class Request(msgspec.Struct, frozen=True):
    """A shift ``[begin, end)`` (µs) of a service date.

    ``vehicles`` by id; none: all that collect refuse. Their attributes ``capacity_l``, ``compaction``, ``capacity_kg``,
    ``speed_factor`` and ``skills`` count before the defaults here. ``bins`` by id; none: all that are due. ``streets``
    are a GeoJSON FeatureCollection; without them ways lead along a grid.
    """

    on: date
    begin: int
    end: int
    depot: Place
    tips: tuple[Place, ...] = ()
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


class Gathered(msgspec.Struct, frozen=True):
    """A problem, and how many bins it was chosen from; ``nowhere``: bins whose place is not known."""

    problem: Problem
    known: int
    nowhere: tuple[str, ...]


async def gather(
    request: Request, devices: DeviceReads, reads: ReadSession, expected: ExpectedFill = straight
) -> Gathered:
    """The problem that a request asks for, by what the store knows at the shift's beginning.

    Raises ConfigError for vehicles or bins that there are not, and TransientError.
    """
    if request.end <= request.begin:
        raise ConfigError("end: expected an instant after begin")
    trucks = await _trucks(request, devices)
    levels, nowhere = await bin_levels(reads, request.begin)
    chosen = _chosen(request, levels)
    again = request.end + round((request.next_shift_h + AGAIN_H) * HOUR_US)
    rule = Rule(collect_pct=0.0 if request.bins else request.collect_pct, again=again, overflow_pct=95.0)
    wanted = demands(chosen, request.begin, request.end, rule, expected)
    tips = tuple(Tip(place, request.tip_s) for place in request.tips)
    return Gathered(Problem(request.on, wanted, trucks, tips, request.options), len(levels), nowhere)


def travel_of(request: Request, problem: Problem) -> Travel:
    """The ways between all sites of the problem. Raises ConfigError for streets that do not fit."""
    if request.streets is None:
        return grid_travel(sites(problem))
    try:
        return Streets(request.streets).travel(sites(problem))
    except StreetError as error:
        raise ConfigError(f"streets: {error}") from None


def _chosen(request: Request, levels: Sequence[BinLevel]) -> Sequence[BinLevel]:
    if not request.bins:
        return levels
    known = {level.bin: level for level in levels}
    if missing := [name for name in request.bins if name not in known]:
        raise ConfigError(f"bins: there is no active bin with a place called {', '.join(missing[:5])}")
    return [known[name] for name in dict.fromkeys(request.bins)]


async def _trucks(request: Request, devices: DeviceReads) -> tuple[Truck, ...]:
    if request.vehicles:
        found = [(name, await devices.device(name)) for name in dict.fromkeys(request.vehicles)]
        if missing := [name for name, entry in found if entry is None or entry.kind != "vehicle"]:
            raise ConfigError(f"vehicles: there is no vehicle called {', '.join(missing[:5])}")
        entries = [entry for _, entry in found if entry is not None]
    else:
        entries = [entry for entry in await _vehicles(devices) if entry.attributes.get("type") == "refuse_truck"]
    if not entries:
        raise ConfigError("vehicles: there is none of type refuse_truck; name those that are to collect")
    return tuple(_truck(request, entry) for entry in entries)


async def _vehicles(devices: DeviceReads) -> list[DeviceEntry]:
    found: list[DeviceEntry] = []
    cursor: str | None = None
    while True:
        page = await devices.devices(kinds=("vehicle",), statuses=("active",), cursor=cursor, limit=PAGE)
        found += page.items
        if (cursor := page.next_cursor) is None:
            return found


def _truck(request: Request, entry: DeviceEntry) -> Truck:
    told = {
        name: entry.attributes[name]
        for name in ("capacity_l", "compaction", "capacity_kg", "speed_factor", "skills")
        if name in entry.attributes
    }
    fields = {
        "id": entry.id,
        "start": msgspec.to_builtins(request.depot),
        "finish": msgspec.to_builtins(request.depot),
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
