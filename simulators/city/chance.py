"""Chance: a random stream per actor, so that a new actor never changes what happens to the others."""

from __future__ import annotations

import math
from random import Random

_NEVER = 1 << 62


def stream(seed: int, *names: object) -> Random:
    """A random stream of its own for ``names``; equal arguments give equal streams on every machine."""
    return Random("/".join(str(part) for part in (seed, *names)))


def poisson(rng: Random, mean: float) -> int:
    """A Poisson count (Knuth's product method, meant for means below about 30)."""
    bound, product, count = math.exp(-mean), rng.random(), 0
    while product > bound:
        product *= rng.random()
        count += 1
    return count


def next_after(rng: Random, at: int, per_hour: float) -> int:
    """The instant (µs) of the next occurrence after ``at`` of something with ``per_hour`` mean occurrences an hour."""
    if per_hour <= 0:
        return _NEVER
    return at + int(rng.expovariate(per_hour) * 3_600_000) * 1_000
