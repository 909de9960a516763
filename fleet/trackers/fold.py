"""The states of all devices, and what a batch of moments changes in them.

It proposes and is told what was committed, so that a batch that could not be stored can be tried again, or in halves.
It keeps no history: whoever drives it brings the state of a device that it does not know (:meth:`Fold.admit`), and
folds the history of one again into which something came late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf

import msgspec

from devices.metrics import DERIVED
from devices.vocabulary import Device
from fleet.trackers.checkpoint import pack
from fleet.trackers.ports import Moment
from fleet.trackers.tracker import KINDS, LONG_AGO, Derived, State, Tracker
from fleet.trackers.work_state import SECOND

REMEMBERED = 3  #: moments of a device, by which one that is delivered again is known
CHECKPOINT_EVERY = 10 * 60 * SECOND  #: of a device's own time, µs

_DERIVED = frozenset(metric.name for metric in DERIVED)

Moments = Mapping[int, Mapping[int, Moment]]
"""Moments by device key and instant (µs)."""


class Proposal(msgspec.Struct):
    """What comes of some moments; committed as one with what caused it.

    ``dirty`` are devices into whose history something came late: since when (µs). ``waiting`` are those that were dirty
    before, with the first instant of what came now. ``checkpoints`` are states to keep, by device key: their instants
    and bytes.
    """

    derived: list[tuple[Device, Derived]] = msgspec.field(default_factory=list)
    dirty: dict[int, int] = msgspec.field(default_factory=dict)
    waiting: dict[int, int] = msgspec.field(default_factory=dict)
    checkpoints: dict[int, tuple[int, bytes]] = msgspec.field(default_factory=dict)
    states: dict[int, State] = msgspec.field(default_factory=dict)
    moments: dict[int, list[Moment]] = msgspec.field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing of it needs to be stored."""
        return not (self.derived or self.dirty or self.checkpoints)


class Fold:
    """The states of the devices that were heard since the start. Only vehicles and workers are tracked."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.dirty: dict[int, int] = {}  #: devices that await repair: since when (µs)
        self.waiting: dict[int, int] = {}  #: of these, the first instant (µs) that came since their repair began
        self._states: dict[int, State] = {}
        self._recent: dict[int, list[Moment]] = {}
        self._kept: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._states)

    def unknown(self, keys: Iterable[int]) -> set[int]:
        """The devices whose states must be admitted before their moments can be proposed."""
        return {key for key in keys if key not in self._states and key not in self.dirty}

    def admit(self, key: int, state: State, kept_at: int = LONG_AGO, recent: Sequence[Moment] = ()) -> None:
        """Take over a device's state, folded up to its newest stored moment; ``recent`` are its newest moments."""
        self._states[key] = state
        self._kept[key] = kept_at
        self._recent[key] = list(recent[-REMEMBERED:])
        self.dirty.pop(key, None)
        self.waiting.pop(key, None)

    def state(self, key: int) -> State | None:
        """The state of a device; None where it is not known, or awaits repair."""
        return self._states.get(key)

    def propose(self, moments: Moments, devices: Mapping[int, Device]) -> Proposal:
        """What the moments of a batch change. Those of dirty devices only wait for the repair."""
        proposal = Proposal()
        for key, of_device in moments.items():
            if devices[key].kind not in KINDS:
                continue
            if key in self.dirty:
                proposal.waiting[key] = since = min(of_device)
                if since < self.dirty[key]:
                    proposal.dirty[key] = since
                continue
            known = self._states[key]
            instants = sorted(of_device)
            if instants[0] <= known.at:
                instants = self._news(key, of_device, instants)
            if not instants:
                continue
            if instants[0] <= known.at:
                proposal.dirty[key] = instants[0]
                continue
            self._advance(proposal, devices[key], known, [of_device[at] for at in instants])
        return proposal

    def accept(self, proposal: Proposal) -> None:
        """The proposal is committed."""
        self._states |= proposal.states
        for key, moments in proposal.moments.items():
            self._recent[key] = [*self._recent.get(key, ()), *moments[-REMEMBERED:]][-REMEMBERED:]
        for key, (at, _) in proposal.checkpoints.items():
            self._kept[key] = at
        for key, since in proposal.waiting.items():
            self.waiting[key] = min(since, self.waiting.get(key, since))
        self.mark(proposal.dirty)

    def mark(self, dirty: Mapping[int, int]) -> None:
        """Devices are dirty since these instants (µs)."""
        for key, since in dirty.items():
            self._states.pop(key, None)
            self._recent.pop(key, None)
            self.dirty[key] = min(since, self.dirty.get(key, since))

    def run(self, state: State, device: Device, moments: Iterable[Moment]) -> list[Derived]:
        """Take a state on over moments that are newer than it, in order; what that derives."""
        advance, id_, kind = self.tracker.advance, device.id, device.kind
        return [derived for one in moments if (derived := advance(state, id_, kind, one)) is not None]

    def _advance(self, proposal: Proposal, device: Device, known: State, moments: list[Moment]) -> None:
        state = known.copy()
        proposal.derived += [(device, one) for one in self.run(state, device, moments)]
        proposal.states[device.key] = state
        proposal.moments[device.key] = moments
        if state.at - self._kept.get(device.key, LONG_AGO) >= CHECKPOINT_EVERY:
            proposal.checkpoints[device.key] = state.at, pack(state)

    def _news(self, key: int, of_device: Mapping[int, Moment], instants: list[int]) -> list[int]:
        """The instants without those of which the same was told before: a delivery made twice is not late."""
        recent = {moment.at: moment for moment in self._recent.get(key, ())}
        return [at for at in instants if at not in recent or not _adds_nothing(recent[at], of_device[at])]


def telling(moments: Iterable[Moment]) -> list[Moment]:
    """The moments of which a device told a place or a reading.

    Events alone, and what was derived for an instant by others, move no tracker.
    """
    return [one for one in moments if one.position is not None or not (one.readings.keys() <= _DERIVED)]


def _adds_nothing(known: Moment, again: Moment) -> bool:
    """Whether all that is said of an instant was known. Of several values the greatest counts."""
    readings = known.readings
    return all(value <= readings.get(name, -inf) for name, value in again.readings.items()) and (
        again.position is None or again.position == known.position
    )
