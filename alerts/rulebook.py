"""The rules through time: which set of rules judges which moments.

A set of rules judges the moments from the instant at which it was entered, and those before stay with the set that was
in force then. So a repair of last month's history asks last month's questions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec

from alerts.fold import Alert, Track, advance, change_rules, pass_time
from alerts.moment import Moment
from alerts.rule import Rule, Watchers, Watching
from devices.vocabulary import Device


class RuleSet(msgspec.Struct, frozen=True):
    """A set of rules with its version, in force for moments from ``since`` on (µs)."""

    version: int
    since: int
    rules: tuple[Rule, ...]


class Rulebook:
    """Sets of rules in the order of their instants; at least one. Before the first nothing is judged."""

    def __init__(self, sets: Iterable[RuleSet]) -> None:
        self._sets = sorted(sets, key=lambda one: (one.since, one.version))
        self.begin = self._sets[0].since
        self._since = [one.since for one in self._sets]
        self._places = {one.version: place for place, one in enumerate(self._sets)}
        self._watching: dict[tuple[int, int], Watching] = {}
        self._watchers = [Watchers(one.rules) for one in self._sets]

    @property
    def current(self) -> RuleSet:
        """The newest set."""
        return self._sets[-1]

    def forget(self, device_key: int) -> None:
        """The device has changed: what watches it is found out anew."""
        for one in self._sets:
            self._watching.pop((device_key, one.version), None)

    def watching(self, device: Device, version: int) -> Watching:
        """What watches a device under a version of the rules."""
        known = self._watching.get((device.key, version))
        if known is None:
            known = self._watching[device.key, version] = self._watchers[self._places[version]].of(device)
        return known

    def kinds_of(self, device: Device, version: int) -> dict[str, str]:
        """The kind of each rule that watches a device, by the rule's id."""
        return {one.id: one.kind.name for one in self.watching(device, version).watchers}

    def rule(self, device: Device, rule_id: str, at: int) -> tuple[Rule, int]:
        """The rule by which an alert was raised at an instant (µs), and the version of its set."""
        for one in reversed(self._sets[: max(1, bisect_right(self._since, at))]):
            for rule in one.rules:
                if rule.id == rule_id:
                    return rule, one.version
        raise KeyError(rule_id)

    def fold(self, track: Track, device: Device, moments: Sequence[Moment], horizon: int | None) -> list[Alert]:
        """Fold moments that are newer than the track, in order; then let time pass to ``horizon``, if there is one.

        Returns the alerts that this raised or cleared, in their order; one that did both stands there twice.
        """
        changed: list[Alert] = []
        watching, until = self._begin(track, device), self._next(track)
        for moment in moments:
            if moment.at < self.begin:
                continue
            if moment.at >= until:
                changed += self._change(track, device, moment.at)
                watching, until = self.watching(device, track.rule_set), self._next(track)
            changed += advance(track, watching, moment)
        if horizon is not None:
            changed += self._change(track, device, horizon)
            changed += pass_time(track, self.watching(device, track.rule_set), horizon)
        return changed

    def _begin(self, track: Track, device: Device) -> Watching:
        if track.rule_set not in self._places:
            track.rule_set = self._sets[max(0, bisect_right(self._since, track.at) - 1)].version
        return self.watching(device, track.rule_set)

    def _next(self, track: Track) -> int:
        """From when on the set after the track's is in force."""
        place = self._places[track.rule_set] + 1
        return self._since[place] if place < len(self._since) else 2**63 - 1

    def _change(self, track: Track, device: Device, until: int) -> list[Alert]:
        changed: list[Alert] = []
        while (since := self._next(track)) <= until:
            before = self.watching(device, track.rule_set)
            after = self._sets[self._places[track.rule_set] + 1]
            changed += change_rules(track, before, self.watching(device, after.version), after.version, since)
        return changed


def final(before: Iterable[Alert], changed: Iterable[Alert]) -> list[Alert]:
    """The alerts of a span in their last form: those that were open before it, and those that changed in it."""
    history = {(alert.rule, alert.scope, alert.raised_at): alert for alert in (*before, *changed)}
    return sorted(history.values(), key=lambda alert: (alert.raised_at, alert.rule, alert.scope))
