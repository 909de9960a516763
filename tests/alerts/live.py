"""A device as the hub follows it, for tests: live while it can, repaired from a checkpoint when something came late."""

from __future__ import annotations

import random
from collections.abc import Sequence

from alerts.engine import Engine, Proposal
from alerts.fold import Alert, Track
from alerts.moment import Moment, Moments, gather
from alerts.reconcile import reconcile
from alerts.rule import Rule
from alerts.rulebook import Rulebook, RuleSet, final
from devices.vocabulary import Device, Event, Fix, Position, Reading

SECOND = 1_000_000
Stored = Reading | Fix | Event


def book_of(*rules: Rule) -> Rulebook:
    return Rulebook((RuleSet(1, 0, rules),))


def gathered(stored: Sequence[Stored]) -> Moments:
    return gather(
        [one for one in stored if isinstance(one, Reading)],
        [one for one in stored if isinstance(one, Fix)],
        [one for one in stored if isinstance(one, Event)],
    )


def moments(stored: Sequence[Stored], device: Device) -> list[Moment]:
    """The moments of what is stored, in order."""
    found = gathered(stored).get(device.key, {})
    return [found[at] for at in sorted(found)]


def truth(stored: Sequence[Stored], horizon: int, book: Rulebook, device: Device) -> list[Alert]:
    """The alerts of a history that came in order, once."""
    return final((), book.fold(Track(), device, moments(stored, device), horizon))


class Live:
    """The hub's way with one device: forward by batches, and repair."""

    def __init__(self, book: Rulebook, device: Device) -> None:
        self.device = device
        self.engine = Engine(book)
        self.engine.admit(device, Track())
        self.stored: list[Stored] = []
        self.told: dict[int, Alert] = {}
        self.checkpoints: list[Track] = [Track()]
        self.numbers = 0

    def deliver(self, batch: Sequence[Stored], now: int) -> None:
        """What the hub does with a batch: store it with what it changes, let time pass, and repair."""
        self.stored += batch
        self.take(self.engine.propose(gathered(batch), {self.device.key: self.device}))
        if self.engine.dirty:
            self.repair(now)
        self.take(self.engine.tick(now))

    def take(self, proposal: Proposal) -> None:
        for _, alert in proposal.changes:
            self.tell(alert)
        self.engine.accept(proposal, {self.device.key: self.device})
        self.checkpoints += [track.copy() for track in proposal.tracks.values()]

    def tell(self, alert: Alert) -> None:
        known = [id_ for id_, one in self.told.items() if one.cleared is None and _place(one) == _place(alert)]
        if alert.cleared is not None:
            (id_,) = known
            self.told[id_] = alert
        else:
            assert not known, "one open alert for each rule, device and scope"
            self.numbers += 1
            self.told[self.numbers] = alert

    def repair(self, now: int) -> None:
        """Fold again from the newest checkpoint before what came late, and let what was told follow."""
        since = self.engine.dirty[self.device.key].since
        self.checkpoints = [one for one in self.checkpoints if one.at < since]
        track = self.checkpoints[-1].copy()
        start, before = track.at, list(track.open.values())
        later = [moment for moment in moments(self.stored, self.device) if moment.at > start]
        history = final(before, self.engine.book.fold(track, self.device, later, now))
        held = {(*_place(alert), alert.raised_at) for alert in before}
        touched = [
            (id_, alert)
            for id_, alert in self.told.items()
            if alert.raised_at > start or (*_place(alert), alert.raised_at) in held
        ]
        result = reconcile(touched, history)
        self.told |= dict(result.moved)
        for alert in result.appeared:
            self.numbers += 1
            self.told[self.numbers] = alert
        for id_ in result.vanished:
            del self.told[id_]
        self.engine.admit(self.device, track)

    def history(self) -> list[Alert]:
        return sorted(self.told.values(), key=lambda alert: (alert.raised_at, alert.rule, alert.scope))


def _place(alert: Alert) -> tuple[str, str]:
    return alert.rule, alert.scope


def delivered(stored: Sequence[Stored], seed: int, portion: int, live: Live, end: int) -> list[Alert]:
    """The history after a delivery with doubles, shuffled, in portions."""
    chance = random.Random(seed)
    deliveries = [*stored, *chance.sample(list(stored), len(stored) // 3)]
    chance.shuffle(deliveries)
    now = 0
    for start in range(0, len(deliveries), portion):
        batch = deliveries[start : start + portion]
        now = max([now, *(one.observed_at for one in batch)])
        live.deliver(batch, now)
    live.deliver([], end)
    return live.history()


class Teller:
    """Makes records of one device from seconds after a beginning, and tells alerts in such seconds."""

    def __init__(self, device: Device, begin: int = 0) -> None:
        self.device, self.begin = device, begin

    def at(self, second: float) -> int:
        return self.begin + int(second * SECOND)

    def reads(self, second: float, **readings: float) -> list[Stored]:
        return [Reading(self.device, name, value, self.at(second), 0) for name, value in readings.items()]

    def stands(self, second: float, lat: float, lon: float, **more: float) -> list[Stored]:
        return [Fix(self.device, self.at(second), 0, Position(lat, lon, **more))]  # type: ignore[arg-type]

    def says(self, second: float, kind: str, **attributes: object) -> list[Stored]:
        return [Event(self.device, kind, self.at(second), 0, attributes)]

    def alerts(self, rule: Rule, stored: Sequence[Stored], horizon: float) -> list[Alert]:
        return truth(stored, self.at(horizon), book_of(rule), self.device)

    def told(self, rule: Rule, stored: Sequence[Stored], horizon: float = 1e5) -> list[tuple[float, float | None]]:
        """From when to when, in seconds after the beginning."""
        found = self.alerts(rule, stored, horizon)
        return [(self.second(a.raised_at), None if a.cleared_at is None else self.second(a.cleared_at)) for a in found]

    def second(self, at: int) -> float:
        return (at - self.begin) / SECOND
