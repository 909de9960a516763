"""Frames that wait for a batch, with the way back for each run of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from devices.vocabulary import Frame, Outcome

Settle = Callable[[Outcome, int], None]
"""Tells a transport what became of the next so many of its frames."""


class Share(NamedTuple):
    """A part of a parcel that came from one transport together: how to settle it, how many frames and bytes."""

    settle: Settle
    frames: int
    size: int


class Parcel(NamedTuple):
    """Frames that go one way together, and whom to tell."""

    frames: list[Frame]
    shares: list[Share]


class Waiting:
    """A queue of frames, put in as runs and taken out as parcels, in order."""

    def __init__(self) -> None:
        self._runs: deque[tuple[Sequence[Frame], Settle, int]] = deque()
        self._begun = 0  #: frames of the first run that were taken already
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, frames: Sequence[Frame], settle: Settle) -> int:
        """Add a run of frames; their bytes together."""
        size = sum([len(frame.payload) for frame in frames])
        self._runs.append((frames, settle, size))
        self._count += len(frames)
        return size

    def take(self, most: int) -> Parcel:
        """The first frames, at most so many."""
        parcel = Parcel([], [])
        while self._runs and len(parcel.frames) < most:
            frames, settle, size = self._runs[0]
            if self._begun or len(frames) > most - len(parcel.frames):
                end = self._begun + most - len(parcel.frames)
                whole, frames = len(frames), frames[self._begun : end]
                size = sum([len(frame.payload) for frame in frames])
                self._begun = end if end < whole else 0
            if not self._begun:
                self._runs.popleft()
            parcel.frames.extend(frames)
            parcel.shares.append(Share(settle, len(frames), size))
        self._count -= len(parcel.frames)
        return parcel
