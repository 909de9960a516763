"""How right the lengths of deviations are: each by itself, against what is told of its own error, and in sum."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

TENTH = 0.1


class Length(NamedTuple):
    """A deviation of a route in a shift: metres that are true, that are told, and that are told to be uncertain."""

    route: Hashable
    shift: Hashable
    true_m: float
    told_m: float
    error_m: float


class Lengths(msgspec.Struct):
    """Shares (0..1) of what is true.

    Of deviations one by one: the median error, the worst, and how many are within a tenth; how many are off by no more
    than is told with them, and the median of what is told, metres. Of all together, of each route and of each shift
    that has any: the error of the sum, how many sums are within a tenth, and the worst.
    """

    median: float | None
    worst: float | None
    within_10: float | None
    within_told: float | None
    told_error_m: float | None
    sum: float | None
    routes_within_10: float | None
    route_worst: float | None
    shifts_within_10: float | None
    shift_worst: float | None


def lengths_of(found: Sequence[Length]) -> Lengths:
    """The figures; None without any deviation."""
    if not found:
        return Lengths(*[None] * 10)
    true, told, error = (np.array([one[place] for one in found]) for place in (2, 3, 4))
    off = np.abs(told - true)
    routes, shifts = _sums(found, lambda one: one.route), _sums(found, lambda one: one.shift)
    return Lengths(
        float(np.median(off / true)),
        float(np.max(off / true)),
        float(np.mean(off / true <= TENTH)),
        float(np.mean(off <= error)),
        float(np.median(error)),
        float(told.sum() / true.sum() - 1),
        float(np.mean(routes <= TENTH)),
        float(np.max(routes)),
        float(np.mean(shifts <= TENTH)),
        float(np.max(shifts)),
    )


def _sums(found: Sequence[Length], by: Callable[[Length], Hashable]) -> np.ndarray:
    """The error of the sum of each, as a share."""
    sums: dict[Hashable, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in found:
        sums[by(one)][0] += one.true_m
        sums[by(one)][1] += one.told_m
    return np.array([abs(told - true) / true for true, told in sums.values()])
