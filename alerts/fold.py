"""Folding the moments of a device into alerts: the one way in which alerts come about, live and in repair.

The alerts of a device are a function of its moments and of the instant up to which time has passed (the *horizon*).
Live evaluation advances a :class:`Track` by moments that are newer than all before; whatever comes for an instant that
the track has passed makes a repair, which folds again from an earlier track.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from alerts.kind import Change, Cleared, Raised, State
from alerts.moment import Moment
from alerts.rule import Watcher, Watching

LONG_AGO = -(2**63)
NEVER = 2**63 - 1


class Alert(msgspec.Struct, frozen=True):
    """One fault of a device as the moments tell it: from ``raised_at`` to ``cleared_at`` (µs), None while it lasts."""

    rule: str
    scope: str
    raised: Raised
    cleared: Cleared | None = None

    @property
    def raised_at(self) -> int:
        """When it was raised, in the device's time."""
        return self.raised.at

    @property
    def cleared_at(self) -> int | None:
        """When it was over; None while it lasts."""
        return None if self.cleared is None else self.cleared.at


class Track(msgspec.Struct, gc=False):
    """How far a device has been folded: ``at`` is the newest instant that has been passed (µs), moment or waking.

    ``rule_set`` is the version of the rules that it was folded with last; ``states`` are those of its rules by their
    ids; ``open`` its alerts that last, by rule and scope. Nothing wants to be woken before ``due`` (µs).
    """

    at: int = LONG_AGO
    rule_set: int = 0
    states: dict[str, State] = {}
    open: dict[tuple[str, str], Alert] = {}
    due: int = NEVER

    def copy(self) -> Track:
        """A track that can be advanced without touching this one."""
        return Track(self.at, self.rule_set, self.states.copy(), self.open.copy() if self.open else {}, self.due)


def advance(track: Track, watching: Watching, moment: Moment) -> list[Alert]:
    """Fold one moment, newer than the track; the alerts that it raised or cleared, in their new form."""
    assert moment.at > track.at
    changed: list[Alert] = []
    if track.due < moment.at:
        changed += pass_time(track, watching, moment.at - 1)
    states, readings = track.states, moment.readings
    for watcher, bounds in watching.interested(moment):
        before = states.get(watcher.id)
        if before is None and bounds is not None:
            for metric, low, high in bounds:
                if not low < readings[metric] < high:
                    break
            else:
                continue  # it is calm, and stays so
        state, changes = watcher.step(watcher.params, before, moment)
        if state is not before:
            _keep(track, watcher.id, state)
        if changes:
            changed += _apply(track, watcher, changes)
    track.at = moment.at
    return changed


def pass_time(track: Track, watching: Watching, horizon: int) -> list[Alert]:
    """Let time pass up to ``horizon`` (µs): wake what is due; the alerts that this changed.

    The track moves on only as far as something woke: a moment before the horizon that comes yet is not late by that.
    """
    changed: list[Alert] = []
    for watcher in watching.watchers:
        changed += _wake(track, watcher, horizon)
    track.due = min((state.due for state in track.states.values() if state.due is not None), default=NEVER)
    return changed


def change_rules(track: Track, before: Watching, after: Watching, rule_set: int, at: int) -> list[Alert]:
    """Go over to other rules at an instant: the moments from ``at`` on are theirs.

    A rule that stays as it is for this device keeps its state. Of one that goes or changes the alerts are over: what it
    meant by them is no longer asked.
    """
    changed = pass_time(track, before, at - 1)
    kept = {one.rule.id: one.params for one in after.watchers}
    for rule in [one.rule.id for one in before.watchers if kept.get(one.rule.id) != one.params]:
        track.states.pop(rule, None)
        for place in [place for place in track.open if place[0] == rule]:
            changed.append(msgspec.structs.replace(track.open.pop(place), cleared=Cleared(at, scope=place[1])))
    track.rule_set = rule_set
    track.at = max(track.at, at - 1)
    return changed


def _wake(track: Track, watcher: Watcher, until: int) -> list[Alert]:
    changed: list[Alert] = []
    wake = watcher.kind.wake
    while wake is not None:
        state = track.states.get(watcher.id)
        if state is None or state.due is None or state.due > until:
            break
        due = state.due
        after, changes = wake(watcher.params, state, due)
        assert after is None or after.due is None or after.due > due, "a rule may not ask for the same instant again"
        _keep(track, watcher.id, after)
        changed += _apply(track, watcher, changes)
        track.at = max(track.at, due)
    return changed


def _keep(track: Track, rule: str, state: State | None) -> None:
    if state is None:
        track.states.pop(rule, None)
        return
    track.states[rule] = state
    if state.due is not None and state.due < track.due:
        track.due = state.due


def _apply(track: Track, watcher: Watcher, changes: Iterable[Change]) -> list[Alert]:
    changed = []
    for change in changes:
        place = watcher.id, change.scope
        if isinstance(change, Raised):
            alert = track.open[place] = Alert(watcher.id, change.scope, change)
        else:
            alert = msgspec.structs.replace(track.open.pop(place), cleared=change)
        changed.append(alert)
    return changed
