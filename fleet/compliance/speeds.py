"""Too fast: at work against the route's bound, in transit against a bound of the settings."""

from __future__ import annotations

import numpy as np

from fleet.compliance.result import Speeding
from fleet.compliance.settings import Settings
from fleet.compliance.steps import Steps, spans
from fleet.master.route import Route


def speedings(made: Steps, route: Route, settings: Settings) -> tuple[Speeding, ...]:
    """Spells above the bound of at least ``speeding_least_s``, by reported speeds."""
    if len(made.at) < 2:
        return ()
    found: list[Speeding] = []
    speed = np.nan_to_num(made.speed, nan=0.0)
    at_work = made.worked >= 0.5
    # The work, or the gap, before a fix is what the fix belongs to.
    kind = np.concatenate((at_work[:1], at_work))
    for working, limit in ((True, route.work_max_kmh), (False, settings.transit_max_kmh)):
        fast = (speed > limit) & (kind == working)
        fast[1:] &= ~made.gap
        for begin, end in zip(*spans(fast), strict=True):
            left, right = max(begin - 1, 0), min(end, len(speed) - 1)
            start, stop = _crossing(made, begin, left, limit), _crossing(made, end - 1, right, limit)
            if (stop - start) / 1e6 >= settings.speeding_least_s:
                share = (stop - start) / max(1, int(made.at[right] - made.at[left]))
                length = float(made.length[left:right].sum()) * share
                found.append(Speeding(start, stop, limit, float(speed[begin:end].max()), length, working))
    return tuple(sorted(found, key=lambda one: one.start))


def _crossing(made: Steps, fix: int, other: int, limit: float) -> int:
    """When the bound was crossed between a fix above it and its neighbour."""
    low = made.speed[other]
    if other == fix or made.gap[min(fix, other)] or np.isnan(low) or low > limit:
        return int(made.at[fix])
    share = (made.speed[fix] - limit) / (made.speed[fix] - low)
    return int(made.at[fix] + share * (made.at[other] - made.at[fix]))


def wrong_speed_m(made: Steps, route: Route) -> float:
    """Metres that were driven at work slower, or faster, than the work allows."""
    if len(made.at) < 2:
        return 0.0
    v0, v1 = made.speed[:-1], made.speed[1:]
    above = _share_above(v0, v1, route.work_max_kmh)
    below = np.where((v0 < route.work_min_kmh) & (v1 < route.work_min_kmh), 1.0, 0.0)
    return float((np.minimum(above + below, 1.0) * made.length * made.worked).sum())


def _share_above(v0: np.ndarray, v1: np.ndarray, limit: float) -> np.ndarray:
    low, high = np.fmin(v0, v1), np.fmax(v0, v1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (high - limit) / (high - low)
    found: np.ndarray = np.where(low > limit, 1.0, np.where(high <= limit, 0.0, np.nan_to_num(share)))
    return found
