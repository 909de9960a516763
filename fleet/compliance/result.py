"""What a judgement of a plan says: numbers, and for each of them where it comes from.

Instants are µs since 1970 UTC, lengths metres, durations seconds, speeds km/h. Whatever lies in a gap of the data is
"no data", neither done nor missed; ``completeness`` tells how much that is.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fleet.master.route import LonLat

Covered = Literal["covered", "missed", "no_data"]
Service = Literal["served", "late", "early", "missed", "no_data"]
Doing = Literal["work", "transit", "idle", "off", "no_data"]
DOINGS: tuple[Doing, ...] = ("work", "transit", "idle", "off", "no_data")
Proof = Literal["emptied", "lift", "weight", "dwell", "pass"]


class Stretch(msgspec.Struct, frozen=True):
    """A piece of one of the route's lines, ``begin_m`` to ``end_m`` along it, in one direction and pass.

    ``at`` is when it was worked first. ``line`` is the place of the line in the route.
    """

    line: int
    direction: Literal["forward", "backward"]
    number: int
    begin_m: float
    end_m: float
    state: Covered
    at: int | None = None


class PassCoverage(msgspec.Struct, frozen=True):
    """One pass: ``planned_m`` = ``covered_m`` + ``missed_m`` + ``no_data_m``, both directions where both are asked."""

    number: int
    planned_m: float
    covered_m: float
    missed_m: float
    no_data_m: float


class StopResult(msgspec.Struct, frozen=True):
    """What became of one stop in one pass. ``proof`` is the strongest that was found, ``evidence`` says where."""

    stop: str
    device: str | None
    number: int
    state: Service
    planned: tuple[int, int] | None = None
    at: int | None = None
    order: int | None = None
    proof: Proof | None = None
    evidence: str = ""


class Deviation(msgspec.Struct, frozen=True):
    """Beyond the corridor. ``length_m`` is what was driven meanwhile, ``greatest_m`` the farthest from the corridor."""

    start: int
    end: int
    length_m: float
    greatest_m: float
    where: tuple[LonLat, ...] = ()


class Gap(msgspec.Struct, frozen=True):
    """No data from ``start`` to ``end``."""

    start: int
    end: int


class Speeding(msgspec.Struct, frozen=True):
    """Faster than the work, or the transit, allows; with its greatest speed and length."""

    start: int
    end: int
    limit_kmh: float
    greatest_kmh: float
    length_m: float
    working: bool


class Split(msgspec.Struct, frozen=True):
    """Where the time and the way went. Working, in transit, standing with the engine on (idle) or off, and no data."""

    work_s: float = 0.0
    transit_s: float = 0.0
    idle_s: float = 0.0
    off_s: float = 0.0
    no_data_s: float = 0.0
    work_m: float = 0.0
    transit_m: float = 0.0


class Spell(msgspec.Struct, frozen=True, gc=False):
    """From ``start`` to ``end`` it did one thing: see :class:`Split`."""

    start: int
    end: int
    doing: Doing


class Compliance(msgspec.Struct, frozen=True):
    """A plan judged. ``start``/``end`` are the shift; ``began``/``ended`` when the vehicle really left and returned.

    ``empty_running`` is the share of the way that was neither worked nor needed to get there and away
    ((total - effective) / total, DOMAIN.md). ``order_kept`` is the share of served stops that follow their
    predecessors. ``fuel_l`` and ``loads`` are None where the vehicle does not tell. ``spells`` are what ``split``
    sums up.
    """

    plan: str
    route: str
    route_version: int
    vehicle: str
    start: int
    end: int
    completeness: float
    began: int | None
    ended: int | None
    driven_m: float
    passes: tuple[PassCoverage, ...]
    stretches: tuple[Stretch, ...]
    stops: tuple[StopResult, ...]
    deviations: tuple[Deviation, ...]
    speedings: tuple[Speeding, ...]
    gaps: tuple[Gap, ...]
    split: Split
    wrong_speed_m: float = 0.0
    empty_running: float | None = None
    order_kept: float | None = None
    fuel_l: float | None = None
    loads: int | None = None
    spells: tuple[Spell, ...] = ()

    @property
    def coverage(self) -> float | None:
        """Share of the planned length that was covered, of what there is data about; None without any."""
        known = sum(one.covered_m + one.missed_m for one in self.passes)
        return sum(one.covered_m for one in self.passes) / known if known else None
