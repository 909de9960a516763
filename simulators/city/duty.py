"""Watching a vehicle on duty for the truth record: its shifts, and what of each round it really worked."""

from __future__ import annotations

from collections.abc import Sequence

from simulators.city.motion import KMH, Phase
from simulators.city.observation import SECOND
from simulators.city.streets import Arc
from simulators.truth import Episode, TruthLog

JOINED_US = 2_000


class RoundWatch:
    """One round. Pieces are [from, to, begin, end]: metres along the whole round, and µs.

    ``worked`` are those that were driven at work, ``fast`` those of them that were driven faster than it allows.
    """

    def __init__(self, truth: TruthLog, device_id: str, tour: Sequence[Arc], first: int, limit_kmh: float) -> None:
        self._truth, self._device_id, self._limit = truth, device_id, limit_kmh
        self._before = [0.0]
        for arc in tour:
            self._before.append(self._before[-1] + arc.length)
        self._index = first - 1
        self._episode: Episode | None = None

    def onward(self, at: int) -> None:
        """The next arc of the round begins (µs)."""
        self._index += 1
        if self._episode is None:
            length = round(self._before[-1], 1)
            detail = {"length_m": length, "worked": [], "fast": [], "served": [], "missed": []}
            self._episode = self._truth.begin("round", self._device_id, at, **detail)

    def see(self, phase: Phase) -> None:
        """Take in a phase of work that is over."""
        if phase.drive is None or self._episode is None:
            return
        begin = self._before[self._index] + phase.s
        _put(self._episode.detail["worked"], begin, begin + phase.drive.length, phase.begin, phase.end)
        span = phase.drive.span_above(self._limit * KMH)
        if span is not None:
            low, high = (begin + phase.drive.at(seconds)[0] for seconds in span)
            left, right = (phase.begin + int(seconds * SECOND) for seconds in span)
            _put(self._episode.detail["fast"], low, high, left, right)

    def stop(self, what: str, bin_id: str, at: int) -> None:
        """A bin was ``served`` or ``missed`` at an instant (µs)."""
        if self._episode is not None:
            self._episode.detail[what].append([bin_id, at])

    def close(self, at: int) -> None:
        """The round is over, or was broken off."""
        if self._episode is not None:
            self._truth.end(self._episode, at)


def _put(pieces: list[list[float]], low: float, high: float, begin: int, end: int) -> None:
    """Add a piece, as part of the one before where it goes on from there at once."""
    low, high = round(low, 2), round(high, 2)
    if pieces and abs(pieces[-1][1] - low) < 0.02 and begin - pieces[-1][3] <= JOINED_US:
        pieces[-1][1], pieces[-1][3] = high, end
    elif high > low:
        pieces.append([low, high, begin, end])
