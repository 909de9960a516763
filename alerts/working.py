"""What of a vehicle's gear works: pto, brush, spray and the like, as the moments tell one by one."""

from __future__ import annotations

from collections.abc import Mapping


def working(gear: tuple[str, ...], readings: Mapping[str, float], before: tuple[str, ...]) -> tuple[str, ...]:
    """Which metrics of ``gear`` are on (0 or 1), in their order; of one that is not told what was so ``before``."""
    if readings.keys().isdisjoint(gear):
        return before
    now = [name for name in gear if readings.get(name, 1.0 if name in before else 0.0) >= 0.5]
    return tuple(now) if now else ()
