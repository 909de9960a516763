"""Reconciling what was told with what the repaired history says: which alerts stay, move, appear or vanish.

An alert that was told keeps its identity, its acknowledgement and its comments as long as the repaired history holds
a fault that is the same: of the same rule and scope, overlapping it in time; of several, the one that overlaps longest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from alerts.fold import Alert

Id = TypeVar("Id")
END = 2**63 - 1  #: of what has not ended


class Repair(msgspec.Struct, Generic[Id]):
    """What a repair changes. ``moved`` are told alerts in their new form; ``vanished`` those that never were."""

    moved: list[tuple[Id, Alert]]
    appeared: list[Alert]
    vanished: list[Id]


def reconcile(told: Sequence[tuple[Id, Alert]], true: Sequence[Alert]) -> Repair[Id]:
    """Match the alerts that were told of a span with those that the repaired history has in it."""
    repair: Repair[Id] = Repair([], [], [])
    places = dict.fromkeys((alert.rule, alert.scope) for alert in (*(one for _, one in told), *true))
    for place in places:
        _match(
            [(id_, alert) for id_, alert in told if (alert.rule, alert.scope) == place],
            [alert for alert in true if (alert.rule, alert.scope) == place],
            repair,
        )
    return repair


def _match(told: list[tuple[Id, Alert]], true: list[Alert], repair: Repair[Id]) -> None:
    pairs = [
        (overlap, -abs(old.raised_at - new.raised_at), -i, -j)
        for i, (_, old) in enumerate(told)
        for j, new in enumerate(true)
        if (overlap := _overlap(old, new)) >= 0
    ]
    free_old, free_new = dict(enumerate(told)), dict(enumerate(true))
    for _, _, i, j in sorted(pairs, reverse=True):
        if -i in free_old and -j in free_new:
            (id_, old), new = free_old.pop(-i), free_new.pop(-j)
            if old != new:
                repair.moved.append((id_, new))
    repair.vanished += [id_ for id_, _ in free_old.values()]
    repair.appeared += free_new.values()


def _overlap(one: Alert, other: Alert) -> int:
    """How long both last, µs; below 0 when they do not meet."""
    ends = (END if alert.cleared_at is None else alert.cleared_at for alert in (one, other))
    return min(ends) - max(one.raised_at, other.raised_at)
