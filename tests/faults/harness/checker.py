"""The checker: holds what is stored against what was sent and what was acknowledged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from devices.instants import from_datetime
from devices.metrics import DERIVED
from tests.faults.harness.ledger import Ledger
from tests.faults.harness.stream import Message

NAMED = 5  #: offenders that a verdict names

_READINGS = """
SELECT d.id, m.name, r.observed_at, r.value FROM readings r
  JOIN devices d ON d.key = r.device_key JOIN metrics m ON m.key = r.metric_key
 WHERE m.name <> ALL (%s)
"""
_FIXES = "SELECT d.id, f.observed_at, f.lat, f.lon FROM fixes f JOIN devices d ON d.key = f.device_key"
# What the trackers find out is filed as events too; it is judged with the alerts.
_EVENTS = """
SELECT d.id, e.kind, e.observed_at FROM events e JOIN devices d ON d.key = e.device_key
 WHERE NOT e.attributes ? 'derived'
"""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts of messages, but for ``doubled`` and ``foreign``, which count rows. ``offenders`` names the first few.

    ``lost``: acknowledged to their device, or by the hub to its broker, and not wholly stored. ``doubled``: rows beyond
    the one that a message may have. ``foreign``: rows that no message holds, dead letters and answers that no peer
    should have got among them.
    """

    sent: int
    acknowledged: int
    stored: int
    lost: int
    doubled: int
    foreign: int
    offenders: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing acknowledged was lost, and nothing is there that should not be."""
        return not (self.lost or self.doubled or self.foreign)


def check(dsn: str, ledger: Ledger, *, promised: Iterable[int] | None = None, named: int = NAMED) -> Verdict:
    """Read all that is stored and judge it.

    ``promised`` are the messages that must be stored; without it those that were acknowledged to their device. Those
    that the hub acknowledged to its broker (``ledger.taken``) are always promised. ``named`` is how many offenders of
    each sort are named.
    """
    stored, letters = _stored(dsn, {one.device for one in ledger.stream.messages if one.device.startswith("meter")})
    owed = set(ledger.acknowledged if promised is None else promised) | ledger.taken
    offenders: list[str] = []
    whole, lost, expected = 0, 0, Counter[Row]()
    for one in ledger.stream.messages:
        rows: list[Row] = [*one.readings, *one.fixes, *one.events]
        if one.number in ledger.sent:
            expected.update(rows)
        missing = [row for row in rows if row not in stored]
        whole += not missing
        if missing and one.number in owed:
            lost += 1
            offenders.append(f"lost: {one.way} message {one.number}: {missing[0]}")
    for one in ledger.murmured:
        expected.update((*one.readings, *one.fixes, *one.events))
    doubled = sum(count - 1 for count in stored.values())
    offenders += [f"stored {count} times: {row}" for row, count in stored.items() if count > 1]
    foreign = [row for row in stored if row not in expected]
    offenders += [f"nobody sent: {row}" for row in foreign]
    odd = [*letters, *ledger.odd_answers]
    offenders += odd
    return Verdict(
        len(ledger.sent),
        len(ledger.acknowledged),
        whole,
        lost,
        doubled,
        len(foreign) + len(odd),
        _few(offenders, named),
    )


def whole(dsn: str, messages: Sequence[Message]) -> set[int]:
    """Those of these messages that are stored with all that they hold."""
    stored, _ = _stored(dsn, {one.device for one in messages if one.device.startswith("meter")})
    return {one.number for one in messages if all(row in stored for row in (*one.readings, *one.fixes, *one.events))}


def _few(offenders: list[str], most: int) -> tuple[str, ...]:
    """The first of each sort."""
    seen: Counter[str] = Counter()
    few = []
    for one in offenders:
        seen[one[:6]] += 1
        if seen[one[:6]] <= most:
            few.append(one)
    return tuple(few)


def _stored(dsn: str, untimed: set[str]) -> tuple[Counter[Row], list[str]]:
    """How often each row is stored, those of devices without a time without theirs; and the dead letters."""

    def at(device: str, instant: Any) -> int | None:
        return None if device in untimed else from_datetime(instant)

    with psycopg.connect(dsn) as connection:
        derived = [metric.name for metric in DERIVED]
        found = Counter[Row]()
        for device, metric, instant, value in connection.execute(_READINGS, [derived]):
            found[device, metric, at(device, instant), value] += 1
        for device, instant, lat, lon in connection.execute(_FIXES):
            found[device, at(device, instant), round(lat, 6), round(lon, 6)] += 1
        for device, kind, instant in connection.execute(_EVENTS):
            found[device, kind, at(device, instant)] += 1
        letters = connection.execute("SELECT code, reason FROM dead_letters ORDER BY id").fetchall()
    return found, [f"dead letter: {code}: {reason}" for code, reason in letters]
