"""The backtest: rules over stored history, a day at a time, beside what was told.

It folds as the engine does and writes nothing. What happened before the span is folded too (the *lead*), so that a hold
or a silence that began before it is known; alerts count that are raised within the span.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import msgspec

from alerts.fold import Alert, Track
from alerts.moment import Moment
from alerts.reconcile import reconcile
from alerts.rule import Rule
from alerts.rulebook import Rulebook, RuleSet, final
from devices.vocabulary import Device
from store.alerts.history import AlertHistory, by_device

DAY = 86_400_000_000
AT_ONCE = 200  #: devices whose records are in memory at a time


class Span(msgspec.Struct, frozen=True):
    """From ``begin`` to before ``end`` (µs); ``lead`` (µs) is how much before it is folded too."""

    begin: int
    end: int
    lead: int = DAY

    @property
    def days(self) -> int:
        """How many steps a device takes."""
        return -(-(self.end - self.begin + self.lead) // DAY)

    def holds(self, alert: Alert) -> bool:
        """Whether an alert is raised within it."""
        return self.begin <= alert.raised_at < self.end


class Compared(msgspec.Struct, frozen=True):
    """An alert of a device: of the backtest (``fired``), as it was told (``told``), or both where they are the same.

    ``told_id`` is the number of what was told.
    """

    device: str
    fired: Alert | None
    told: Alert | None
    told_id: int | None

    @property
    def rule(self) -> str:
        """The rule, by its id."""
        one = self.fired or self.told
        assert one is not None
        return one.rule

    @property
    def at(self) -> int:
        """When it was raised; by the backtest, where that has it."""
        one = self.fired or self.told
        assert one is not None
        return one.raised_at


class Backtest:
    """Rules over the history of devices. ``progress`` is told of device-days, ``witness`` of what is read.

    Raises TransientError.
    """

    def __init__(
        self,
        history: AlertHistory,
        rules: tuple[Rule, ...],
        span: Span,
        progress: Callable[[int], None] = lambda days: None,
        witness: Callable[[Device, Sequence[Moment]], None] = lambda device, moments: None,
    ) -> None:
        self._history = history
        self._book = Rulebook((RuleSet(1, span.begin - span.lead, rules),))
        self._span = span
        self._progress = progress
        self._witness = witness

    async def run(self, devices: Sequence[Device]) -> list[Compared]:
        """What would have fired for these devices and what did, in order."""
        found: list[Compared] = []
        waiting = iter(devices)
        while some := list(islice(waiting, AT_ONCE)):
            fired = await self._fold({device.key: device for device in some})
            for device in some:
                found += await self._compare(device, fired[device.key])
        return sorted(found, key=lambda one: (one.at, one.device, one.rule))

    async def _fold(self, devices: dict[int, Device]) -> dict[int, list[Alert]]:
        """The alerts of devices over lead and span, in their last form."""
        tracks = {key: Track() for key in devices}
        changed: dict[int, list[Alert]] = defaultdict(list)
        for since, until in self._steps():
            moments = by_device(await self._history.moments(devices, dict.fromkeys(devices, since), until))
            last = until == self._span.end - 1
            for key, device in devices.items():
                horizon = until if last else None
                self._witness(device, moments.get(key, []))
                changed[key] += self._book.fold(tracks[key], device, moments.get(key, []), horizon)
            self._progress(len(devices))
        return {key: final((), changed[key]) for key in devices}

    def _steps(self) -> Iterator[tuple[int, int]]:
        """Instants behind which and up to which a day is read."""
        since, end = self._span.begin - self._span.lead - 1, self._span.end - 1
        while since < end:
            until = min(since + DAY, end)
            yield since, until
            since = until

    async def _compare(self, device: Device, fired: list[Alert]) -> list[Compared]:
        span = self._span
        told = [
            (number, alert)
            for number, alert in await self._history.told(device.key, span.begin - span.lead)
            if alert.raised_at < span.end
        ]
        alike = reconcile(told, fired)
        was, moved = dict(told), dict(alike.moved)
        pairs = [
            Compared(device.id, moved.get(number, alert), alert, number)
            for number, alert in told
            if number not in alike.vanished
        ]
        pairs += [Compared(device.id, alert, None, None) for alert in alike.appeared]
        pairs += [Compared(device.id, None, was[number], number) for number in alike.vanished]
        return [one for one in pairs if any(span.holds(alert) for alert in (one.fired, one.told) if alert is not None)]
