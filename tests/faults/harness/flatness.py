"""Whether what was measured over a run is flat, and if it is not, how much it grew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

WARM = 1 / 3  #: the first share of a run is not judged: caches fill, pools open, pages are touched first


@dataclass(frozen=True, slots=True)
class Bound:
    """How much something may grow within a run by its slope: the greater of a number and a share of its median."""

    number: float
    share: float = 0.0

    def of(self, middle: float) -> float:
        """In the units of what is measured."""
        return max(self.number, self.share * middle)


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one figure in the judged part: its median, its growth by the slope, and what it might grow."""

    name: str
    middle: float
    most: float
    growth: float
    bound: float

    @property
    def flat(self) -> bool:
        """Whether it stayed within its bound."""
        return self.growth <= self.bound


def slope(values: Sequence[float]) -> float:
    """Growth from one value to the next: the median of the slopes of all pairs (Theil and Sen).

    Up to 29 % of the values may lie anywhere without moving it far, as a collection or a full batch makes them.
    """
    pairs = combinations(enumerate(values), 2)
    slopes = [(later - earlier) / (j - i) for (i, earlier), (j, later) in pairs]
    return median(slopes) if slopes else 0.0


def findings(samples: Sequence[Mapping[str, float]], bounds: Mapping[str, Bound]) -> list[Finding]:
    """Judge each figure that has a bound over the last two thirds of the samples."""
    judged = samples[int(len(samples) * WARM) :]
    found = []
    for name, bound in bounds.items():
        values = [sample[name] for sample in judged]
        middle = median(values)
        growth = slope(values) * (len(values) - 1)
        found.append(Finding(name, middle, max(values), growth, bound.of(middle)))
    return found
