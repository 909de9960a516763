"""A judgement with what the bins say: stops that it calls missed and that nobody missed.

The judgement itself is of what one vehicle did. Whether a bin was to be emptied, and who else emptied it, is known by
the bins (:mod:`fleet.bins.missed_pickups`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import structs

from fleet.bins.missed_pickups import Pickup
from fleet.compliance.result import Compliance, Service, StopResult
from fleet.compliance.stops import order_kept
from fleet.master.route import Route

_STATES: dict[str, Service] = {
    "served": "served", "late": "late", "not_full": "not_full", "other_vehicle": "other_vehicle", "no_data": "no_data",
}  # fmt: skip


def with_outcomes(judged: Compliance, route: Route, pickups: Iterable[Pickup]) -> Compliance:
    """The judgement with the outcome of each missed stop, its evidence, and the order of what was served.

    Of other stops only a service that was another vehicle's changes; without pick-ups everything stays as it is.
    """
    known = {(one.stop, one.number): one for one in pickups if one.outcome in _STATES}
    results = [_told(stop, known.get((stop.stop, stop.number))) for stop in judged.stops]
    if results == list(judged.stops):
        return judged
    numbered = _numbered(results)
    return structs.replace(judged, stops=numbered, order_kept=order_kept(numbered, route))


def _told(stop: StopResult, pickup: Pickup | None) -> StopResult:
    if pickup is None or (stop.state != "missed" and pickup.outcome != "other_vehicle"):
        return stop
    state = _STATES[pickup.outcome]
    if state in ("served", "late"):
        evidence = f"{pickup.bin}: emptied by {pickup.vehicle}, {pickup.proof}"
        return structs.replace(stop, state=state, at=pickup.at, proof="emptied", evidence=evidence)
    return structs.replace(stop, state=state, at=None, proof=None, evidence=evidence_of(pickup))


def evidence_of(pickup: Pickup) -> str:
    """What an outcome goes by, in short: the bin, its level and limit, or the vehicle that emptied it."""
    if pickup.why in ("low", "low_then"):
        return f"{pickup.bin}: at most {pickup.most_pct:.0f} %, to be emptied from {pickup.limit_pct:.0f} % on"
    if pickup.why == "other":
        return f"{pickup.bin}: emptied by {pickup.vehicle or 'an unknown vehicle'}, {pickup.proof}"
    if pickup.why == "whose":
        return f"{pickup.bin}: emptied, by whom is not known"
    return f"{pickup.bin}: silent"


def _numbered(results: Sequence[StopResult]) -> tuple[StopResult, ...]:
    """The results with the order in which they were served, from 1."""
    served = sorted((one.at, place) for place, one in enumerate(results) if one.at is not None)
    order = {place: number for number, (_, place) in enumerate(served, 1)}
    return tuple(structs.replace(one, order=order.get(place)) for place, one in enumerate(results))
