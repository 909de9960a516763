"""Watching a mover for the truth record: how far it strays from where it should be, and how fast it goes."""

from __future__ import annotations

from simulators.city.motion import KMH, Phase
from simulators.city.observation import SECOND
from simulators.city.route import Corridor
from simulators.truth import Episode, TruthLog

SAMPLE_US = 2 * SECOND
BACK_M = 30.0
BACK_US = 30 * SECOND
EDGE_US = 20_000
TRANSIT_TOLERANCE = 1.1  # in transit, driving above the street's limit times this counts as speeding


class Excursion:
    """One absence from a corridor: from the first to the last moment farther than ``beyond_m``, and the farthest.

    In between it may have been back: ``spells`` are [begin, end, metres driven] of each absence, two of them being one
    unless it was back under ``BACK_M`` for ``BACK_US`` between them. ``length_m`` is their sum.
    """

    def __init__(self, truth: TruthLog, kind: str, device_id: str, corridor: Corridor, beyond_m: float) -> None:
        self._truth, self._kind, self._device_id = truth, kind, device_id
        self._corridor, self._beyond = corridor, beyond_m
        self._episode: Episode | None = None
        self._last = 0
        self._farthest = 0.0
        self._driven = 0.0
        self._out_at = 0.0
        self._back: int | None = None
        self._returned = False
        self._out = False

    def see(self, phase: Phase) -> None:
        """Take in a phase that is over."""
        step = SAMPLE_US if phase.drive is not None else phase.end - phase.begin
        before = self._driven - phase.s
        self._driven += 0.0 if phase.drive is None else phase.drive.length
        last, was_out = phase.begin, self._out
        for at in range(phase.begin, phase.end + 1, step):
            distance = self._distance(phase, at)
            out = distance > self._beyond
            if out and not was_out:
                self._go_out(self._edge(phase, last, at), phase, before)
            if out:
                self._stay_out(at, phase, before, distance)
            else:
                if was_out and at > last:
                    edge = self._edge(phase, at, last)
                    self._stay_out(edge, phase, before, self._distance(phase, edge))
                self._come_back(at, distance)
            last, was_out = at, out
        self._out = was_out

    def _distance(self, phase: Phase, at: int) -> float:
        return self._corridor.distance(*phase.arc.point(phase.at(at)[0]))

    def _edge(self, phase: Phase, inside: int, outside: int) -> int:
        """The instant beyond that is next to the crossing between two instants, to some milliseconds."""
        while abs(outside - inside) > EDGE_US:
            middle = (inside + outside) // 2_000 * 1_000
            if self._distance(phase, middle) > self._beyond:
                outside = middle
            else:
                inside = middle
        return outside

    def _come_back(self, at: int, distance: float) -> None:
        """Within the corridor, or nearly: back once it has been under ``BACK_M`` for long enough."""
        if distance >= BACK_M:
            self._back = None
        elif self._back is None:
            self._back = at
        self._returned |= self._back is not None and at - self._back >= BACK_US

    def _go_out(self, at: int, phase: Phase, before: float) -> None:
        """Beyond from an instant on."""
        if self._episode is None:
            self._episode = self._truth.begin(self._kind, self._device_id, at, beyond_m=self._beyond, spells=[])
            self._returned = True
        if self._returned:
            self._out_at = before + phase.at(at)[0]
            self._episode.detail["spells"].append([at, at, 0.0])
        self._back, self._returned = None, False

    def _stay_out(self, at: int, phase: Phase, before: float, distance: float) -> None:
        """Still beyond at an instant."""
        if self._episode is None:
            return
        detail, self._last = self._episode.detail, at
        detail["spells"][-1][1:] = [at, round(before + phase.at(at)[0] - self._out_at, 1)]
        self._farthest = max(self._farthest, distance)
        detail["greatest_distance_m"] = round(self._farthest, 1)
        detail["length_m"] = round(sum(spell[2] for spell in detail["spells"]), 1)

    def close(self) -> None:
        """The mover is back; write what there was."""
        if self._episode is not None:
            self._truth.end(self._episode, self._last)


class SpeedWatch:
    """One speeding episode: from the first to the last moment above the limit, and the greatest speed.

    ``limit_kmh`` is the limit of the work; None stands for transit, where each street's own limit and a tenth count.
    Corners and crossings slow it down in between: ``longest_s`` is the longest stretch above the limit on end.
    """

    def __init__(self, truth: TruthLog, device_id: str, limit_kmh: float | None) -> None:
        self._truth, self._device_id, self._limit = truth, device_id, limit_kmh
        self._episode: Episode | None = None
        self._stretch = self._last = 0
        self._longest = 0
        self._greatest = 0.0

    def see(self, phase: Phase) -> None:
        """Take in a phase that is over."""
        limit = self._limit if self._limit is not None else phase.arc.limit_kmh * TRANSIT_TOLERANCE
        span = None if phase.drive is None else phase.drive.span_above(limit * KMH)
        if span is None or phase.drive is None:
            return
        begin, end = (phase.begin + int(seconds * 1_000) * 1_000 for seconds in span)
        if self._episode is None:
            working = self._limit is not None
            self._episode = self._truth.begin(
                "speeding", self._device_id, begin, limit_kmh=round(limit, 1), working=working
            )
        if begin - self._last > SECOND:
            self._stretch = begin
        self._last = end
        self._longest = max(self._longest, end - self._stretch)
        self._greatest = max(self._greatest, phase.drive.peak / KMH)
        self._episode.detail["greatest_speed_kmh"] = round(self._greatest, 1)
        self._episode.detail["longest_s"] = round(self._longest / SECOND, 1)

    def close(self) -> None:
        """The vehicle has calmed down; write what there was."""
        if self._episode is not None:
            self._truth.end(self._episode, self._last)
