"""What a watcher reads of the table of alerts: the benches compare it with what was to be told, and when."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from devices.instants import from_datetime

_NEW = "SELECT id, raised_at, rule FROM alerts WHERE id > %s ORDER BY id"
_RETURNED = """
SELECT count(*) FROM alerts
 WHERE rule LIKE '%%-silent' AND settled_at > now() - make_interval(secs => %s)
"""
_ALERTS = """
SELECT d.id, a.rule, a.scope, a.raised_at, a.cleared_at FROM alerts a JOIN devices d ON d.key = a.device_key
 WHERE NOT a.retracted
"""
_RUNG = """
SELECT a.rule, a.retracted, count(*) FROM alerts a JOIN outbox o ON o.alert_id = a.id AND o.action = 'raised'
 GROUP BY 1, 2
"""

Line = tuple[str, str, str, int, int | None]
"""An alert: device, rule, scope, and when it was raised and cleared (µs; None: it is open)."""


class AlertWatch:
    """Looks at the alerts over a connection of its own; a context that closes it."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)
        (self._last,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM alerts").fetchone() or (0,)

    def __enter__(self) -> AlertWatch:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def news(self) -> list[tuple[int, str]]:
        """What is new since the last look: when each was raised (µs), and by which rule."""
        rows = self._connection.execute(_NEW, (self._last,)).fetchall()
        if rows:
            self._last = rows[-1][0]
        return [(from_datetime(raised_at), rule) for _, raised_at, rule in rows]


def returned(dsn: str, seconds: float) -> int:
    """How many alerts of silence were settled in the last seconds."""
    with psycopg.connect(dsn) as connection:
        (cleared,) = connection.execute(_RETURNED, (seconds,)).fetchone() or (0,)
    return int(cleared)


def history(dsn: str) -> Iterator[Line]:
    """All alerts that are not retracted."""
    with psycopg.connect(dsn) as connection:
        for device, rule, scope, raised, cleared in connection.execute(_ALERTS):
            yield device, rule, scope, from_datetime(raised), None if cleared is None else from_datetime(cleared)


def rung(dsn: str) -> list[tuple[str, bool, int]]:
    """How many bells each rule rang: of alerts that stand, and of those that were retracted later."""
    with psycopg.connect(dsn) as connection:
        return [(rule, bool(retracted), count) for rule, retracted, count in connection.execute(_RUNG)]
