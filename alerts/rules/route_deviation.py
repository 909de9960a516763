"""A vehicle that is off its route, or a worker off the post: farther from its corridor than it should be.

It goes by a derived reading of the distance, which fleet files at the instant of the fix and only while the device is
expected on its route. DOMAIN.md, vehicles: enter beyond 50 m for 60 s or three fixes, leave under 30 m for 30 s (P).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from alerts.areas import Area, faults, within
from alerts.evidence import CALM, Hold, proofs, take
from alerts.kind import NOTHING, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment

Seconds = Annotated[float, msgspec.Meta(ge=0, le=604_800)]
Metres = Annotated[float, msgspec.Meta(ge=0, le=1e6)]


class RouteDeviation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Farther than ``enter_m`` for ``hold_s`` seconds, or at ``fixes`` positions in a row, whichever is first.

    It is over when it was nearer than ``leave_m`` for ``leave_s`` seconds. A position within ``exempt`` (depot, tip,
    fuel station) counts as on the route; one whose dilution of precision exceeds ``max_hdop`` does not count at all.
    A gap of more than ``gap_s`` is no evidence of either.
    """

    metric: str = "route_offset_m"
    enter_m: Metres = 50
    hold_s: Seconds | None = 60
    fixes: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = 3
    leave_m: Metres = 30
    leave_s: Seconds = 30
    gap_s: Seconds = 300
    max_hdop: Annotated[float, msgspec.Meta(gt=0)] = 5
    exempt: tuple[Area, ...] = ()


class Off(State, frozen=True, kw_only=True):
    """The evidence, and the greatest distance (m) since the device left."""

    hold: Hold = CALM
    greatest: float = 0.0


def step(params: RouteDeviation, state: Off | None, moment: Moment) -> Step:
    """Take a distance."""
    state = state or Off()
    position, offset = moment.position, moment.readings[params.metric]
    if position is not None:
        if position.hdop is not None and position.hdop > params.max_hdop:
            return state, NOTHING
        if params.exempt and within(params.exempt, position.lat, position.lon):
            offset = 0.0
    shown = True if offset > params.enter_m else False if offset < params.leave_m else None
    needed = proofs(params.hold_s, params.fixes, params.leave_s)
    hold, turned = take(state.hold, moment.at, shown, needed, params.gap_s)
    greatest = max(state.greatest, offset) if hold.active or hold.since is not None else 0.0
    if turned is None:
        return Off(hold=hold, greatest=greatest), NOTHING
    if hold.active:
        detail = {"since": turned, "greatest_m": greatest}
        return Off(hold=hold, greatest=greatest), (Raised(moment.at, offset, detail=detail),)
    return Off(), (Cleared(moment.at, state.greatest),)


def _check(params: RouteDeviation) -> str | None:
    if params.leave_m > params.enter_m:
        return f"leave_m: expected at most enter_m ({params.enter_m:g}), got {params.leave_m:g}"
    if params.hold_s is None and params.fixes is None:
        return "hold_s: expected hold_s or fixes, or both"
    return faults("exempt", params.exempt)


KIND = Kind(
    "route_deviation",
    "Off the route",
    RouteDeviation,
    Off,
    lambda params: Watch(metrics=frozenset((params.metric,))),
    step,
    check=_check,
)
