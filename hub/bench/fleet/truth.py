"""What a simulated vehicle really did in a shift, in the measure of its round."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.truth import Record

Pieces = list[tuple[float, float]]


class Worked(NamedTuple):
    """``rounds``: of each round the pieces (metres from, to) that were worked at a speed that the work allows.

    ``served``: (bin, instant); ``deviations``: (start, end, metres).
    """

    length_m: float
    rounds: list[Pieces]
    served: list[tuple[str, int]]
    deviations: list[tuple[int, int, float]]

    def worked(self, at: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many rounds worked each measure."""
        found = np.zeros(len(at), np.int64)
        for pieces in self.rounds:
            for low, high in pieces:
                found += (at > low) & (at < high)
        return found

    def marks(self) -> list[float]:
        """All ends of pieces."""
        return [mark for pieces in self.rounds for piece in pieces for mark in piece]


def worked(records: Iterable[Record], vehicle: str, span: tuple[int, int]) -> Worked:
    """The truth of a vehicle in [begin, end)."""
    length, rounds, served, deviations = 0.0, [], [], []
    for one in records:
        if one.device_id != vehicle:
            continue
        if one.kind == "round":
            length = float(one.detail["length_m"])
            pieces = _without(_clipped(one.detail["worked"], span), _clipped(one.detail["fast"], span))
            if pieces:
                rounds.append(pieces)
            served += [(str(name), int(at)) for name, at in one.detail["served"] if span[0] <= at < span[1]]
        elif one.kind == "deviation" and one.end_us is not None and span[0] <= one.start_us < span[1]:
            deviations += [(int(begin), int(end), float(metres)) for begin, end, metres in one.detail["spells"]]
    return Worked(length, rounds, served, deviations)


def _clipped(pieces: Iterable[Sequence[float]], span: tuple[int, int]) -> Pieces:
    found = []
    for low, high, begin, end in pieces:
        left, right = max(begin, span[0]), min(end, span[1])
        if right > left:
            pace = (high - low) / max(end - begin, 1)
            found.append((low + (left - begin) * pace, high - (end - right) * pace))
    return found


def _without(pieces: Pieces, fast: Pieces) -> Pieces:
    """The pieces without those that were driven too fast."""
    for low, high in fast:
        pieces = [
            part
            for begin, end in pieces
            for part in ((begin, min(end, low)), (max(begin, high), end))
            if part[1] > part[0]
        ]
    return pieces
