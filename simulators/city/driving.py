"""Driving: a way of arcs turned into phases, with corners, lights and stops, within what engine and brakes can do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from random import Random

from simulators.city.fleet_types import VehicleType
from simulators.city.motion import KMH, RUNNING, Drive, Phase, Signals, reachable
from simulators.city.streets import Arc, Streets

LIGHTS_RED = 0.35
EASE = 0.85  # a new street is entered a little below its speed, which differs from street to street


class Driver:
    """Drives one vehicle. ``speed`` (m/s) is carried from arc to arc; ``hurry`` multiplies what is normal.

    ``hurry`` is 1 except in a speeding episode, where traffic lights and limits count for little.
    """

    def __init__(self, vehicle_type: VehicleType, streets: Streets, rng: Random) -> None:
        self._type = vehicle_type
        self._streets = streets
        self._rng = rng
        self.speed = 0.0
        self.hurry = 1.0

    def way(self, arcs: Sequence[Arc], begin: float = 0.0, end: float | None = None) -> Iterator[Phase]:
        """Transit along ``arcs`` from ``begin`` metres on the first to ``end`` metres on the last, ending at rest."""
        last = len(arcs) - 1
        for index, arc in enumerate(arcs):
            goal = arc.length if index < last or end is None else end
            after = arcs[index + 1] if index < last else None
            yield from self.arc(arc, begin if index == 0 else 0.0, goal, after, None, RUNNING)

    def arc(
        self,
        arc: Arc,
        begin: float,
        end: float,
        after: Arc | None,
        work_kmh: float | None,
        signals: Signals,
        clear: float = math.inf,
    ) -> Iterator[Phase]:
        """Drive ``arc`` from ``begin`` to ``end`` metres, and wait at its lights if they are red.

        ``after`` is the next arc (None: come to rest); ``clear`` how many metres of it are free of stops;
        ``work_kmh`` the speed of the work, or None in transit.
        """
        top = self._top(arc, work_kmh)
        red = after is not None and self.hurry == 1 and self._streets.lit(arc.head) and self._rng.random() < LIGHTS_RED
        out = 0.0
        if after is not None and not red:
            free = min(after.length, clear)
            entry = EASE * self._top(after, work_kmh)
            out = min(_corner(arc, after), top, entry, reachable(0.0, free, self._type.brake))
        yield from self.stretch(arc, begin, end, out, top, signals)
        if red:
            yield Phase(arc, end, seconds=self._rng.uniform(5, 48), signals=signals)

    def stretch(self, arc: Arc, begin: float, end: float, out: float, top: float, signals: Signals) -> Iterator[Phase]:
        """One trapezoid from ``begin`` to ``end``, leaving it at ``out`` m/s or as near as can be reached."""
        length = end - begin
        if length < 0.5:
            self.speed = 0.0
            return
        out = min(out, reachable(self.speed, length, self._type.accel))
        # Entering faster than the end allows would need brakes that the vehicle has not got; ease the end instead.
        if self.speed > reachable(out, length, self._type.brake):
            out = math.sqrt(self.speed**2 - 2 * self._type.brake * length)
        drive = Drive(length, self.speed, out, max(top, 1.0), self._type.accel, self._type.brake)
        self.speed = out
        yield Phase(arc, begin, drive=drive, signals=signals)

    def _top(self, arc: Arc, work_kmh: float | None) -> float:
        kmh = work_kmh if work_kmh is not None else min(self._type.transit_kmh, arc.limit_kmh)
        return kmh * KMH * self.hurry


def _corner(arc: Arc, after: Arc) -> float:
    """The speed (m/s) at which a heavy vehicle takes the turn from one street into the next."""
    straight = arc.ux * after.ux + arc.uy * after.uy
    if straight > 0.9:
        return 30.0
    if straight > 0.5:
        return 7.0
    return 4.0 if straight > -0.5 else 1.5
