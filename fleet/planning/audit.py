"""The audit: what was planned against what was driven. Bins, their order and times, the way, and what ran over.

Judgements of the routes (``fleet/compliance``) say what the vehicle did; emptyings of the bins say what happened to
them, whoever did it. Where neither has data there is no data, and nothing is called missed.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

import msgspec
import numpy as np

from fleet.compliance.result import Compliance
from fleet.planning.problem import CollectionPlan, Tour, Visit
from fleet.track import Signal

OVERFLOW_PCT = 95.0  #: DOMAIN: a bin that is fuller overflows
ON_TIME_S = 1_800.0
_HOUR_US = 3_600_000_000

Fate = Literal["served", "served_by_other", "missed", "no_data"]


class Emptied(msgspec.Struct, frozen=True):
    """A bin was emptied, by a vehicle where that is known."""

    bin: str
    at: int
    vehicle: str | None = None


class StopAudit(msgspec.Struct, frozen=True):
    """A planned stop and its fate. ``late_s`` is negative for one that was served before its time."""

    bin: str
    truck: str
    planned: int
    fate: Fate
    at: int | None = None
    by: str | None = None
    late_s: float | None = None


class TourAudit(msgspec.Struct, frozen=True):
    """One truck's tour. ``bins`` = ``served`` + ``served_by_other`` + ``missed`` + ``no_data``.

    ``planned_out``/``planned_back`` are the tour's, ``out``/``back`` when the truck really left and returned;
    ``driven_m`` and ``completeness`` (of its positions, 0 to 1) are None where nobody judged it. ``late_s`` is the
    median of its own served stops.
    """

    truck: str
    planned_m: float
    driven_m: float | None
    planned_out: int
    planned_back: int
    out: int | None
    back: int | None
    bins: int
    served: int
    served_by_other: int
    missed: int
    no_data: int
    order_kept: float | None
    late_s: float | None
    completeness: float | None


class PlanAudit(msgspec.Struct, frozen=True):
    """A plan held against what was done.

    ``served_share`` and ``on_time_share`` count of the stops that there is data about; None without any.
    ``order_kept`` is the share of a truck's own served stops that were served after the one before them in the plan.
    ``driven_m`` is of the judged trucks, ``planned_m`` of the same. ``unplanned`` were emptied and in no tour.
    ``overflow_h`` is bin-hours beyond 95 %.
    """

    stops: tuple[StopAudit, ...]
    unplanned: tuple[str, ...]
    served_share: float | None
    on_time_share: float | None
    late_s: float | None
    order_kept: float | None
    planned_m: float
    driven_m: float
    overflow_h: float | None
    tours: tuple[TourAudit, ...] = ()


def audit(
    plan: CollectionPlan,
    emptied: Iterable[Emptied],
    judged: Mapping[str, Compliance],
    overflow_h: float | None = None,
) -> PlanAudit:
    """Hold a plan against the emptyings while it ran, and the judgements of its routes by truck.

    The order of ``emptied`` does not matter; of several emptyings of a bin the planned truck's counts, else the first.
    """
    events: dict[str, list[Emptied]] = {}
    for one in sorted(set(emptied), key=lambda e: (e.at, e.bin, e.vehicle or "")):
        events.setdefault(one.bin, []).append(one)
    stops = tuple(
        _fate(tour.truck, visit, events.get(visit.place, ()), judged.get(tour.truck))
        for tour in plan.tours
        for visit in tour.visits
        if visit.kind == "bin"
    )
    known = [stop for stop in stops if stop.fate != "no_data"]
    late = [stop.late_s for stop in known if stop.late_s is not None]
    planned = {stop.bin for stop in stops}
    return PlanAudit(
        stops,
        tuple(sorted(events.keys() - planned)),
        _share([stop.fate != "missed" for stop in known]),
        _share([stop.late_s is not None and abs(stop.late_s) <= ON_TIME_S for stop in known]),
        statistics.median(late) if late else None,
        _order(plan.tours, stops),
        sum(tour.distance_m for tour in plan.tours if tour.truck in judged),
        sum(judged[tour.truck].driven_m for tour in plan.tours if tour.truck in judged),
        overflow_h,
        tuple(_tour(tour, stops, judged.get(tour.truck)) for tour in plan.tours),
    )


def overflow_hours(fill: Signal, start: int, end: int, limit_pct: float = OVERFLOW_PCT) -> float:
    """Hours of ``[start, end)`` in which a bin stood at the limit or beyond; a value holds until the next one."""
    if not len(fill.at):
        return 0.0
    edges = np.clip(np.append(fill.at, max(end, int(fill.at[-1]))), start, end)
    return float(np.sum(np.diff(edges)[fill.value >= limit_pct])) / _HOUR_US


def _tour(tour: Tour, stops: Sequence[StopAudit], judged: Compliance | None) -> TourAudit:
    own = [stop for stop in stops if stop.truck == tour.truck]
    fates = [stop.fate for stop in own]
    late = [stop.late_s for stop in own if stop.fate == "served" and stop.late_s is not None]
    return TourAudit(
        tour.truck,
        planned_m=tour.distance_m,
        driven_m=None if judged is None else judged.driven_m,
        planned_out=tour.visits[0].leave,
        planned_back=tour.visits[-1].arrive,
        out=None if judged is None else judged.began,
        back=None if judged is None else judged.ended,
        bins=len(own),
        served=fates.count("served"),
        served_by_other=fates.count("served_by_other"),
        missed=fates.count("missed"),
        no_data=fates.count("no_data"),
        order_kept=_order((tour,), stops),
        late_s=statistics.median(late) if late else None,
        completeness=None if judged is None else judged.completeness,
    )


def _fate(truck: str, visit: Visit, events: Sequence[Emptied], judged: Compliance | None) -> StopAudit:
    own = [one for one in events if one.vehicle == truck]
    found = next(iter(own or events), None)
    told = None
    if judged is not None:
        told = next((stop for stop in judged.stops if visit.place in (stop.device, stop.stop)), None)
    if found is not None and found.vehicle not in (truck, None):
        return _done(truck, visit, "served_by_other", found.at, found.vehicle)
    if found is not None:
        return _done(truck, visit, "served", found.at, found.vehicle or truck)
    if told is not None and told.state in ("served", "late", "early"):
        return _done(truck, visit, "served", told.at, truck)
    missed = told is not None and told.state == "missed"
    return StopAudit(visit.place, truck, visit.begin, "missed" if missed else "no_data")


def _done(truck: str, visit: Visit, fate: Fate, at: int | None, by: str | None) -> StopAudit:
    late = None if at is None else (at - visit.begin) / 1e6
    return StopAudit(visit.place, truck, visit.begin, fate, at, by, late)


def _order(tours: Sequence[Tour], stops: Sequence[StopAudit]) -> float | None:
    kept = []
    for tour in tours:
        at = [one.at for one in stops if one.truck == tour.truck and one.fate == "served" and one.at is not None]
        kept += [earlier <= later for earlier, later in pairwise(at)]
    return _share(kept)


def _share(marks: Sequence[bool]) -> float | None:
    return sum(marks) / len(marks) if marks else None
