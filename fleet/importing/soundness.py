"""What single fields cannot tell: whether the fields of an item fit each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from devices.metrics import CATALOGUE
from fleet.importing.gathering import Spot, short
from fleet.master.collection import Item
from fleet.master.places import Area
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route

_METRICS = frozenset(metric.name for metric in CATALOGUE)


def check(item: Item, spot: Spot) -> bool:
    """Tell the spot what does not fit; whether all does."""
    before = len(spot.faults)
    if (checking := _CHECKS.get(type(item))) is not None:
        checking(item, spot)
    return len(spot.faults) == before


def check_stops(route: Route, spot: Spot) -> None:
    """Stops of a route: ids stand once, and their places along it lie on it."""
    seen: set[str] = set()
    for number, stop in enumerate(route.stops):
        if stop.id in seen:
            spot.fault(f"stops[{number}].id", f"{stop.id} stands twice")
        seen.add(stop.id)


def _route(route: Route, spot: Spot) -> None:
    if not route.lines:
        spot.fault("lines", "is empty; expected at least one line")
    if route.work_min_kmh >= route.work_max_kmh:
        spot.fault("work_max_kmh", f"expected more than work_min_kmh, {route.work_min_kmh:g}")
    for name in route.work:
        if name not in _METRICS:
            spot.fault("work", f"{short(name)} is no metric")
    check_stops(route, spot)
    _validity(route, spot)


def _area(area: Area, spot: Spot) -> None:
    if not area.polygons and not area.lines:
        spot.fault("polygons", "expected polygons, or lines with width_m")
    if area.lines and not area.width_m:
        spot.fault("width_m", "missing; lines need it, in metres")
    _validity(area, spot)


def _validity(item: Route | Area, spot: Spot) -> None:
    if item.valid_until is not None and item.valid_until <= item.valid_from:
        spot.fault("valid_until", "expected an instant after valid_from")


def _shift(shift: Shift, spot: Spot) -> None:
    try:
        ZoneInfo(shift.zone)
    except (KeyError, ValueError, OSError):
        spot.fault("zone", f"no time zone is named {short(shift.zone)}; expected one such as Asia/Shanghai")
    end = 0
    for start, length in sorted(shift.breaks):
        if length <= 0 or start < end or start + length > shift.length:
            spot.fault("breaks", f"expected spans within the {shift.length} minutes, one after another")
            break
        end = start + length


def _plan(plan: Plan, spot: Spot) -> None:
    if (plan.route is None) == (plan.area is None):
        spot.fault("route", "expected either a route or an area")
    if plan.vehicle is None and plan.crew is None and not plan.workers:
        spot.fault("vehicle", "expected somebody who does it: vehicle, workers or crew")


_CHECKS: Mapping[type[Any], Callable[[Any, Spot], None]] = {Route: _route, Area: _area, Shift: _shift, Plan: _plan}
