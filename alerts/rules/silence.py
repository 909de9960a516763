"""A device that says nothing for longer than it should."""

from __future__ import annotations

import msgspec

from alerts.kind import NOTHING, Cleared, Kind, Raised, State, Step, Watch
from alerts.moment import Moment

SECOND = 1_000_000


class Silence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Silent for ``intervals`` times the ``interval_s`` at which the device is expected to speak."""

    interval_s: float = 600
    intervals: float = 3

    @property
    def patience(self) -> int:
        """How long it may be silent, µs."""
        return int(self.interval_s * self.intervals * SECOND)


class Heard(State, frozen=True, kw_only=True):
    """When it was heard (µs), and whether it is held to be silent."""

    at: int
    silent: bool = False


def step(params: Silence, state: Heard | None, moment: Moment) -> Step:
    """It speaks."""
    heard = Heard(at=moment.at, due=moment.at + params.patience)
    return heard, (Cleared(moment.at),) if state is not None and state.silent else NOTHING


def wake(params: Silence, state: Heard, at: int) -> Step:
    """It has not spoken in time."""
    return Heard(at=state.at, silent=True), (Raised(at, detail={"heard_at": state.at}),)


KIND = Kind("silence", "A silent device", Silence, Heard, lambda _: Watch(everything=True), step, wake)
