"""The history of alerts, so that two runs of one stream can be compared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import psycopg

_ALERTS = """
SELECT d.id, a.rule, a.scope, a.severity, a.raised_at, a.cleared_at, a.raised_value, a.cleared_value, a.detail::text
  FROM alerts a JOIN devices d ON d.key = a.device_key
 WHERE NOT a.retracted ORDER BY 5, 1, 2, 3
"""
# What an alert's bell must have done: once for what rings, never for what a repair found and is over. That it is over
# is told too, but where a repair found that out of the past.
_BELLS = """
SELECT d.id || ' ' || a.rule || ' ' || a.raised_at,
       a.rings, a.late, a.cleared_at IS NOT NULL, a.retracted, a.revised_at IS NOT NULL,
       count(*) FILTER (WHERE o.action = 'raised'), count(*) FILTER (WHERE o.action = 'cleared')
  FROM alerts a JOIN devices d ON d.key = a.device_key LEFT JOIN outbox o ON o.alert_id = a.id
 GROUP BY a.id, d.id ORDER BY a.id
"""
_DERIVED = """
SELECT d.id, m.name, r.observed_at, r.value FROM readings r
  JOIN devices d ON d.key = r.device_key JOIN metrics m ON m.key = r.metric_key
 WHERE m.name IN ('work_state', 'idle_s', 'data_gap_s')
"""
_DERIVED_EVENTS = """
SELECT d.id, e.kind, e.observed_at, e.attributes::text FROM events e JOIN devices d ON d.key = e.device_key
 WHERE e.attributes ? 'derived'
"""
# Spans that wait to be folded again, and whether the emptyings were looked for in all that was received.
_WAITING = """
SELECT (SELECT count(*) FROM dirty_spans) + (SELECT count(*) FROM tracker_dirty),
       EXISTS (SELECT FROM looks WHERE name = 'emptyings'
                  AND received_at >= (SELECT max(received_at) FROM device_state))
"""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class History:
    """Alerts with their whole content, and what the trackers derived, each as often as it stands there."""

    alerts: Counter[Row]
    derived: Counter[Row]


def history(dsn: str) -> History:
    """Read it. Devices are named by their ids; numbers of rows and wall time are no part of it."""
    with psycopg.connect(dsn) as connection:
        alerts = Counter(connection.execute(_ALERTS).fetchall())
        derived = Counter([*connection.execute(_DERIVED), *connection.execute(_DERIVED_EVENTS)])
    return History(alerts, derived)


def repaired(dsn: str) -> bool:
    """Whether no device's history waits to be folded again, or to be searched for emptyings."""
    with psycopg.connect(dsn) as connection:
        return connection.execute(_WAITING).fetchone() == (0, True)


def differences(found: History, undisturbed: History) -> list[str]:
    """What differs, in words; empty where all is equal."""
    said = []
    for what, here, there in (
        ("alert", found.alerts, undisturbed.alerts),
        ("derived", found.derived, undisturbed.derived),
    ):
        said += [f"{what} too many: {_shown(row)}" for row in (here - there)]
        said += [f"{what} missing: {_shown(row)}" for row in (there - here)]
    return said


def wrong_bells(dsn: str) -> list[str]:
    """Alerts whose notifications are not what they should be: none, or more than one."""
    said = []
    with psycopg.connect(dsn) as connection:
        for name, rings, late, over, retracted, revised, raised, cleared in connection.execute(_BELLS):
            wanted = int(rings and not (late and over))
            owed = over and rings and not (late or retracted or revised)
            if raised != wanted or cleared > raised or (owed and not cleared):
                states = f"rings {rings}, late {late}, over {over}, retracted {retracted}, revised {revised}"
                said.append(f"bell of {name}: {states}: {raised} raised, {cleared} cleared")
    return said


def _shown(row: Row) -> str:
    return " ".join(str(value) for value in row)
