"""Motion in closed form: where something is on its street at any instant, without stepping through time.

A :class:`Phase` is a span in which a mover either stands or drives one stretch of a street. Driving follows a
trapezoid of speed: accelerate, hold, brake. Position and speed at an instant are then a few multiplications, which is
what makes a city of hundreds of devices run a thousand times faster than its clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from simulators.city.streets import Arc

KMH = 1 / 3.6


class Drive:
    """A trapezoid of speed over ``length`` metres from ``v0`` to ``v1`` (m/s), at most ``top``.

    ``accel`` and ``brake`` are m/s², both positive. The ends must be within reach of one another over ``length``;
    :func:`reachable` says what is.
    """

    __slots__ = ("accel", "brake", "duration", "length", "peak", "s_brake", "s_hold", "t_brake", "t_hold", "v0", "v1")

    def __init__(self, length: float, v0: float, v1: float, top: float, accel: float, brake: float) -> None:
        crossing = math.sqrt((2 * accel * brake * length + brake * v0 * v0 + accel * v1 * v1) / (accel + brake))
        self.length, self.v0, self.v1, self.accel, self.brake = length, v0, v1, accel, brake
        self.peak = peak = max(min(top, crossing), v0, v1)
        self.t_hold = (peak - v0) / accel
        self.s_hold = (v0 + peak) / 2 * self.t_hold
        braking = (peak - v1) / brake
        self.s_brake = max(self.s_hold, length - (peak + v1) / 2 * braking)
        self.t_brake = self.t_hold + (self.s_brake - self.s_hold) / peak
        self.duration = self.t_brake + braking

    def at(self, t: float) -> tuple[float, float]:
        """(metres from the start, speed in m/s) ``t`` seconds after the start."""
        if t < self.t_hold:
            return self.v0 * t + self.accel * t * t / 2, self.v0 + self.accel * t
        if t < self.t_brake:
            return self.s_hold + self.peak * (t - self.t_hold), self.peak
        if t >= self.duration:
            return self.length, self.v1
        t -= self.t_brake
        return self.s_brake + self.peak * t - self.brake * t * t / 2, self.peak - self.brake * t

    def span_above(self, speed: float) -> tuple[float, float] | None:
        """The span (seconds from the start) in which the speed is above ``speed`` m/s, or None."""
        if self.peak <= speed:
            return None
        begin = max(0.0, (speed - self.v0) / self.accel)
        end = min(self.duration, self.t_brake + (self.peak - speed) / self.brake)
        return begin, end


def reachable(v0: float, length: float, accel: float) -> float:
    """The greatest speed (m/s) that ``v0`` can become over ``length`` metres; with a brake's figure, the reverse."""
    return math.sqrt(v0 * v0 + 2 * accel * length)


class Signals:
    """What runs on a vehicle during a phase: 1 or 0 each, as the terminal's inputs show it."""

    __slots__ = ("brush", "ignition", "lift", "pto", "pump", "spray")

    def __init__(
        self, ignition: int = 1, pto: int = 0, brush: int = 0, spray: int = 0, pump: int = 0, lift: int = 0
    ) -> None:
        self.ignition, self.pto, self.brush = ignition, pto, brush
        self.spray, self.pump, self.lift = spray, pump, lift


OFF = Signals(ignition=0)
RUNNING = Signals()


class Phase:
    """A span of standing (``drive`` None, at ``s``) or driving (from ``s``) on ``arc``.

    ``begin`` and ``end`` (µs) are set when the phase is entered. ``on_end`` is called with the end's instant.
    ``notify`` asks for a report at the very end, because the signals change there.
    """

    __slots__ = ("arc", "begin", "drive", "duration", "end", "notify", "on_end", "s", "signals")

    def __init__(
        self,
        arc: Arc,
        s: float,
        *,
        drive: Drive | None = None,
        seconds: float = 0.0,
        signals: Signals = RUNNING,
        notify: bool = False,
        on_end: Callable[[int], None] | None = None,
    ) -> None:
        self.arc, self.s, self.drive, self.signals, self.notify, self.on_end = arc, s, drive, signals, notify, on_end
        self.duration = seconds if drive is None else drive.duration
        self.begin = self.end = 0

    def enter(self, at: int) -> int:
        """Begin at ``at``; returns the end, on a whole millisecond and at least one later."""
        self.begin = at
        self.end = at + max(1, math.ceil(self.duration * 1_000)) * 1_000
        return self.end

    def at(self, instant: int) -> tuple[float, float]:
        """(metres along the arc, speed in m/s) at ``instant`` (µs)."""
        if self.drive is None:
            return self.s, 0.0
        run, speed = self.drive.at((instant - self.begin) / 1_000_000)
        return self.s + run, speed
