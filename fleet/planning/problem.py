"""What is to be planned: bins with what they hold, trucks with their hours, tips; and what a plan is.

Instants are µs since 1970 UTC, durations seconds, lengths metres, positions WGS-84 degrees. Litres are loose, as they
lie in the bin; what a truck can take of them is its body times its compaction.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from devices.errors import SanihubError
from fleet.master.places import Place
from fleet.master.route import LonLat
from fleet.track import Column

Reason = Literal["FULLNESS", "AGE", "ALERT"]
Source = Literal["measured", "forecast", "age"]
"""What the expected fill of a bin rests on: its last reading and rate, the fill model, or that nobody has heard it."""
VisitKind = Literal["start", "bin", "tip", "break", "end"]
Span = tuple[int, int]

_Positive = Annotated[float, Meta(gt=0)]
_Share = Annotated[float, Meta(ge=0)]


class ProblemError(SanihubError):
    """The problem is not sound."""


class Demand(msgspec.Struct, frozen=True):
    """A bin that is to be emptied. ``litres`` is what it is expected to hold when the truck comes, ``kg`` its weight.

    ``windows`` are spans (first, last) in which its service may begin; none: at any time. ``priority`` from 0 to 100
    decides who is left out where not all can be served. ``skills`` are what a truck must be able to do. ``source`` says
    what ``litres`` rest on.
    """

    bin: str
    lon: Annotated[float, Meta(ge=-180, le=180)]
    lat: Annotated[float, Meta(ge=-90, le=90)]
    litres: _Share
    kg: _Share = 0.0
    service_s: _Share = 40.0
    windows: tuple[Span, ...] = ()
    priority: Annotated[int, Meta(ge=0, le=100)] = 0
    reason: Reason = "FULLNESS"
    skills: tuple[str, ...] = ()
    source: Source = "measured"


class Break(msgspec.Struct, frozen=True):
    """A break of ``length_s`` that begins between ``earliest`` and ``latest``, if there is still work then."""

    earliest: int
    latest: int
    length_s: float


class Truck(msgspec.Struct, frozen=True):
    """A truck in a shift ``[begin, end]``. It leaves ``start`` empty and returns to ``finish`` empty where it can tip.

    ``capacity_l`` is its body; it takes ``capacity_l * compaction`` loose litres and ``capacity_kg`` at most.
    ``speed_factor`` 0.8 makes it slower than the roads' speeds.
    """

    id: str
    start: Place
    finish: Place
    begin: int
    end: int
    capacity_l: _Positive
    compaction: _Positive = 1.0
    capacity_kg: _Positive = 1e9
    breaks: tuple[Break, ...] = ()
    speed_factor: Annotated[float, Meta(gt=0, le=5)] = 1.0
    skills: tuple[str, ...] = ()

    @property
    def loose_l(self) -> float:
        """Loose litres that it takes."""
        return self.capacity_l * self.compaction


class Tip(msgspec.Struct, frozen=True):
    """Where trucks empty themselves, and how long that takes with waiting and weighing."""

    place: Place
    service_s: _Share = 600.0


class Options(msgspec.Struct, frozen=True):
    """How to plan. ``max_s`` bounds each question to the solver in wall time; with a bound two runs may differ.

    ``exploration`` (0 to 5) is how hard it tries; None: by the number of bins. Costs are in any one currency.
    ``balance`` 0.2: no load has more than 20 % above a truck's even share of the bins; None: no such bound. ``fewest``
    sends out as few trucks as can do it within their shifts; else the work is spread, and done sooner.
    """

    max_s: _Positive | None = None
    exploration: Annotated[int, Meta(ge=0, le=5)] | None = None
    threads: Annotated[int, Meta(ge=1, le=64)] = 1
    cost_truck: Annotated[int, Meta(ge=0, le=100_000)] = 100
    cost_hour: Annotated[int, Meta(ge=0, le=10_000)] = 20
    cost_km: Annotated[int, Meta(ge=0, le=10_000)] = 5
    balance: _Share | None = None
    fewest: bool = True
    max_trips: Annotated[int, Meta(ge=1, le=20)] = 8


class Problem(msgspec.Struct, frozen=True):
    """A service date's collection. Bins and trucks have distinct ids. :func:`faults` says what is wrong with it."""

    on: date
    demands: tuple[Demand, ...]
    trucks: tuple[Truck, ...]
    tips: tuple[Tip, ...] = ()
    options: Options = Options()


class Travel(NamedTuple):
    """Metres and seconds from each site to each other one, in the order of :func:`sites`; inf: there is no way."""

    metres: Column
    seconds: Column


class Visit(msgspec.Struct, frozen=True):
    """A step of a tour. ``place`` is a bin's or a place's id; of a break, where the truck stands.

    ``arrive`` <= ``begin`` <= ``leave``; ``litres`` and ``kg`` are aboard when it leaves, ``along_m`` driven by then.
    """

    kind: VisitKind
    place: str
    lon: float
    lat: float
    arrive: int
    begin: int
    leave: int
    litres: float
    kg: float
    along_m: float
    reason: Reason | None = None
    source: Source | None = None


class Tour(msgspec.Struct, frozen=True):
    """What one truck does. A truck that stays in has no tour."""

    truck: str
    visits: tuple[Visit, ...]
    driving_s: float

    @property
    def distance_m(self) -> float:
        """Metres that are driven."""
        return self.visits[-1].along_m if self.visits else 0.0

    @property
    def bins(self) -> tuple[str, ...]:
        """The bins in their order."""
        return tuple(visit.place for visit in self.visits if visit.kind == "bin")


class Unserved(msgspec.Struct, frozen=True):
    """A bin that the plan leaves standing, and why, for people and for programs (``code``)."""

    bin: str
    code: Literal["too_large", "skills", "window", "unreachable", "capacity", "time"]
    why: str
    source: Source | None = None


class CollectionPlan(msgspec.Struct, frozen=True):
    """A plan: tours by truck, and what is not in them. ``method`` names how it was made."""

    on: date
    method: str
    tours: tuple[Tour, ...]
    unserved: tuple[Unserved, ...]

    @property
    def distance_m(self) -> float:
        """Metres of all tours."""
        return sum(tour.distance_m for tour in self.tours)

    @property
    def served(self) -> int:
        """How many bins are served."""
        return sum(len(tour.bins) for tour in self.tours)


def places(problem: Problem) -> tuple[Place, ...]:
    """Depots and tips, each once, by id."""
    found = {place.id: place for truck in problem.trucks for place in (truck.start, truck.finish)}
    found |= {tip.place.id: tip.place for tip in problem.tips}
    return tuple(found[name] for name in sorted(found))


def sites(problem: Problem) -> tuple[LonLat, ...]:
    """Where anybody may have to go: the bins in their order, then :func:`places`."""
    spots: tuple[Demand | Place, ...] = (*problem.demands, *places(problem))
    return tuple((spot.lon, spot.lat) for spot in spots)


def site_of(problem: Problem) -> dict[str, int]:
    """The site's number of each place, by the place's id."""
    return {place.id: len(problem.demands) + at for at, place in enumerate(places(problem))}


def faults(problem: Problem) -> tuple[str, ...]:
    """What is wrong with a problem, a line for each; none: it can be planned."""
    found = [f"{kind}: {name!r} stands there twice" for kind, name in _doubles(problem)]
    for truck in problem.trucks:
        if truck.end <= truck.begin:
            found.append(f"truck {truck.id!r}: end: expected an instant after begin")
        found += [
            f"truck {truck.id!r}: breaks: expected earliest <= latest, got {one.earliest} > {one.latest}"
            for one in truck.breaks
            if one.earliest > one.latest
        ]
    for demand in problem.demands:
        if not all(math.isfinite(value) for value in (demand.lon, demand.lat, demand.litres, demand.kg)):
            found.append(f"bin {demand.bin!r}: expected finite numbers")
        found += [
            f"bin {demand.bin!r}: windows: expected (first, last) with first <= last, got {window}"
            for window in demand.windows
            if window[0] > window[1]
        ]
    return tuple(found)


def _doubles(problem: Problem) -> list[tuple[str, str]]:
    found = []
    for kind, names in (
        ("bin", [demand.bin for demand in problem.demands]),
        ("truck", [truck.id for truck in problem.trucks]),
    ):
        seen: set[str] = set()
        for name in names:
            if name in seen:
                found.append((kind, name))
            seen.add(name)
    spots: dict[str, Place] = {}
    for place in (p for truck in problem.trucks for p in (truck.start, truck.finish)):
        if spots.setdefault(place.id, place) != place:
            found.append(("place", place.id))
    found += [("place", tip.place.id) for tip in problem.tips if spots.setdefault(tip.place.id, tip.place) != tip.place]
    return found
