"""Whose turn it is on a bus: living units keep their period, silent ones get what is left, and little of it.

No IO and no clock: instants are seconds of a clock that never goes back, handed in. A unit is *living* once it has
answered, *new* before its first try, and *suspect* from the first answer that did not come. Living units are polled on
a fixed grid of their period, so that a late poll does not shift the next; the grid's beats lie in the first half of the
period, one unit after the other, so that the second half is a gap. New and suspect units are asked

* suspects by a lane of their own where there is one (a second TCP connection), or in the gaps between the polls of
  living ones;
* with a short timeout;
* suspects with growing pauses, and all together for at most a small share of the time.

New units are asked as soon as no living one is due: most of them will answer. A suspect that has waited for a gap too
long is asked without one, so that a line that is always busy finds it, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import Enum

import msgspec

from devices.register_maps.layout import Group
from ingest.transports.modbus.plan import Unit

SHARE = 0.05  #: of a lane's time that may go into asking units which have not answered more than once
OWN_SHARE = 0.2  #: of a lane that does nothing else; behind it there may be one serial line for all, so not all of it
PATIENCE_S = 30.0  #: a unit that has waited so long for a gap is asked without one
MAX_PAUSE_S = 60.0
FIRST_PAUSE_S = 1.0  #: after the first answer that did not come: it may have been a disturbance
OFFLINE_AFTER = 3  #: polls in a row without an answer
SPREAD_S = 10.0  #: the first polls are spread over at most so long,
SPREAD = 0.5  #: and over this share of the period: in the rest of it there is a gap for those that do not answer


class Lane(Enum):
    """What a connection is for: living units; those that do not answer; or all, where there is one connection."""

    POLLS = "polls"
    PROBES = "probes"
    ALL = "all"


class UnitState:
    """One unit's place in the schedule, and how it is doing."""

    def __init__(self, unit: Unit, due: float) -> None:
        self.unit = unit
        self.busy = False
        self.answered = False  #: ever
        self.failures = 0  #: polls in a row without an answer
        self.silent = 0  #: the same, and beats that passed while the bus itself was away
        self.online: bool | None = None  #: as last told
        self.probe_at = due
        self.polls = 0
        self.missed = 0  #: beats that passed without a poll while it was living
        self.due = due  #: when the first of its groups is to be polled
        self._due = {group.name: due for group in unit.register_map.groups}
        self._groups = unit.register_map.groups
        self.period_s = min(unit.period_of(group) for group in self._groups)

    @property
    def living(self) -> bool:
        """Whether it answered the last time."""
        return self.answered and self.failures == 0

    @property
    def new(self) -> bool:
        """Whether it has never been asked."""
        return not self.answered and self.failures == 0

    def due_groups(self, now: float) -> tuple[Group, ...]:
        """The groups to poll now; all where none is due yet (a probe)."""
        found = tuple(group for group in self._groups if self._due[group.name] <= now)
        return found or self._groups

    def advance(self, now: float, groups: Sequence[Group]) -> int:
        """Move ``groups`` to their next beat after ``now``; how many beats were passed over, at most of any group."""
        passed = 0
        for group in groups:
            due, period = self._due[group.name], self.unit.period_of(group)
            beats = max(1, math.floor((now - due) / period) + 1)
            passed = max(passed, beats - 1)
            self._due[group.name] = due + beats * period
        self.due = min(self._due.values())
        return passed

    def hasten(self, now: float) -> None:
        """Let all groups be polled now, and then in this step."""
        self._due = dict.fromkeys(self._due, now)
        self.due = now


class Turn(msgspec.Struct, frozen=True):
    """What to do now: poll these groups of this unit; ``probe`` is whether it may well not answer."""

    state: UnitState
    groups: tuple[Group, ...]
    probe: bool
    lane: Lane
    taken_at: float


class Schedule:
    """The units of one bus. ``probe_s`` is how long asking a dead unit takes: the timeout of a probe."""

    def __init__(self, units: Sequence[Unit], now: float, probe_s: float) -> None:
        self._probe_s = probe_s
        self._free_at = now  #: when suspects may be asked again
        self.states: list[UnitState] = []
        for index, unit in enumerate(units):
            spread_s = min(SPREAD_S, SPREAD * min(unit.period_of(group) for group in unit.register_map.groups))
            self.states.append(UnitState(unit, now + spread_s * index / len(units)))

    def take(self, now: float, lane: Lane) -> Turn | None:
        """Whose turn it is in this lane.

        The unit is busy until :meth:`answered`, :meth:`failed` or :meth:`released`.
        """
        askable = [state for state, at in self._askable(now, lane) if at <= now]
        chosen = None
        if lane is not Lane.PROBES and not any(
            state.failures and now >= state.probe_at + PATIENCE_S for state in askable
        ):
            due = [state for state in self.states if state.living and not state.busy and state.due <= now]
            chosen = min(due, key=lambda state: state.due, default=None)
        if chosen is None:
            chosen = min(askable, key=lambda state: (state.failures, state.probe_at), default=None)
        if chosen is None:
            return None
        chosen.busy = True
        return Turn(chosen, chosen.due_groups(now), not chosen.living, lane, now)

    def wake_at(self, now: float, lane: Lane) -> float:
        """When there may be something to do in this lane, if nothing changes before."""
        times = [at for _, at in self._askable(now, lane)]
        if lane is not Lane.PROBES:
            times += [state.due for state in self.states if state.living and not state.busy]
        return min(times, default=math.inf)

    def answered(self, turn: Turn, now: float) -> None:
        """The unit answered."""
        state = turn.state
        state.busy = False
        state.answered, state.failures, state.silent = True, 0, 0
        state.polls += 1
        passed = state.advance(turn.taken_at, turn.groups)
        state.missed += 0 if turn.probe else passed

    def failed(self, turn: Turn, now: float) -> None:
        """The unit did not answer. The first time it is asked again soon; then with growing pauses."""
        state = turn.state
        state.busy = False
        if state.failures >= 1:
            share = OWN_SHARE if turn.lane is Lane.PROBES else SHARE
            self._free_at = now + (now - turn.taken_at) * (1 / share - 1)
        state.failures += 1
        state.silent += 1
        if state.failures == 1:
            pause = min(FIRST_PAUSE_S, state.period_s / 4)
        else:
            pause = min(max(MAX_PAUSE_S, state.period_s), state.period_s * 2 ** min(state.failures - 2, 16))
        state.probe_at = now + pause
        state.advance(now, turn.groups)

    def released(self, turn: Turn) -> None:
        """The turn came to nothing, for a reason that is not the unit's."""
        turn.state.busy = False

    def unreachable(self, now: float) -> None:
        """The bus itself is away: the beats that are due pass, and the units count as silent."""
        for state in self.states:
            if not state.busy and state.due <= now:
                state.silent += 1
                state.advance(now, state.due_groups(now))

    def _askable(self, now: float, lane: Lane) -> Iterator[tuple[UnitState, float]]:
        """New and suspect units that this lane may ask, each with the instant from which on it may."""
        suspects = []
        for state in self.states:
            if state.busy or state.living:
                continue
            if state.new and lane is not Lane.PROBES:
                yield state, state.due
            elif not state.new and lane is not Lane.POLLS:
                suspects.append(state)
        if not suspects:
            return
        wait_s = 0.0 if lane is Lane.PROBES or self._is_gap(now) else PATIENCE_S
        for state in suspects:
            at = state.probe_at + wait_s
            yield state, max(at, self._free_at) if state.failures > 1 else at

    def _is_gap(self, now: float) -> bool:
        """Whether no living unit is due before a dead one would have used up its time."""
        until = now + self._probe_s
        return not any(state.living and not state.busy and state.due < until for state in self.states)
