"""Readers of alerts: the list, one with its log, the shelf, counts for boards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from alerts.records import AlertCount, AlertEntry, AlertFilter, LogEntry, Notification, Shelf
from devices.instants import from_datetime, to_datetime
from devices.read_models import Page
from store import cursors
from store.cursors import AlertCursor, ShelfCursor
from store.reading import ReadSession, Row, micros_or_none

_COLUMNS: LiteralString = """
SELECT a.id, d.id, d.kind, d.name, d.attributes ->> 'area', a.rule, a.scope, a.severity, t.stage,
       a.raised_at, a.cleared_at, a.raised_value, a.cleared_value, a.detail, a.told_at, a.settled_at, a.revised_at,
       a.late, a.acknowledged_at, a.acknowledged_by, a.closed_at, a.closed_by, a.quiet_until, a.escalation, a.storm,
       (SELECT count(*) FROM alerts p WHERE p.storm = a.id),
       EXISTS (SELECT FROM shelves s WHERE s.until > now() AND coalesce(s.rule, a.rule) = a.rule
                                       AND coalesce(s.device_key, a.device_key) = a.device_key),
       a.flapping
  FROM alerts a JOIN devices d ON d.key = a.device_key
 CROSS JOIN LATERAL (
    SELECT CASE WHEN a.retracted THEN 'retracted' WHEN a.closed_at IS NOT NULL THEN 'closed'
                WHEN a.cleared_at IS NOT NULL THEN 'cleared' WHEN a.acknowledged_at IS NOT NULL THEN 'acknowledged'
                ELSE 'raised' END AS stage) AS t
"""
_WANTED = """
 WHERE (a.raised_at, a.id) < (%(at)s, %(id)s)
   AND (cardinality(%(severities)s::text[]) = 0 OR a.severity = ANY (%(severities)s::text[]))
   AND (cardinality(%(rules)s::text[]) = 0 OR a.rule = ANY (%(rules)s::text[]))
   AND (cardinality(%(devices)s::text[]) = 0 OR d.id = ANY (%(devices)s::text[]))
   AND (cardinality(%(kinds)s::text[]) = 0 OR d.kind = ANY (%(kinds)s::text[]))
   AND (cardinality(%(areas)s::text[]) = 0 OR d.attributes ->> 'area' = ANY (%(areas)s::text[]))
   AND (%(open)s::boolean IS NULL
        OR (a.cleared_at IS NULL AND a.closed_at IS NULL AND NOT a.retracted) = %(open)s::boolean)
   AND a.raised_at >= coalesce(%(since)s::timestamptz, '-infinity')
   AND a.raised_at < coalesce(%(until)s::timestamptz, 'infinity')
   AND (%(storm)s::bigint IS NULL OR a.storm = %(storm)s::bigint)
   AND (%(parts)s::boolean IS NULL OR (a.storm IS NOT NULL) = %(parts)s::boolean)
   AND (cardinality(%(stages)s::text[]) = 0 OR t.stage = ANY (%(stages)s::text[]))
 ORDER BY a.raised_at DESC, a.id DESC LIMIT %(limit)s
"""
_LIST = _COLUMNS + _WANTED
_ONE = _COLUMNS + " WHERE a.id = %(id)s"
_LOG = "SELECT at, actor, action, detail FROM alert_log WHERE alert_id = %(id)s ORDER BY id LIMIT 1000"
_COUNTS = """
SELECT severity, count(*), count(*) FILTER (WHERE acknowledged_at IS NULL), count(storm) FROM alerts
 WHERE cleared_at IS NULL AND closed_at IS NULL AND NOT retracted
   AND (cardinality(%(devices)s::text[]) = 0
        OR device_key IN (SELECT key FROM devices WHERE id = ANY (%(devices)s::text[])))
 GROUP BY severity
"""
_NOTIFICATIONS = """
SELECT o.action, o.entered_at, d.channel,
       CASE WHEN d.delivered_at IS NOT NULL THEN 'delivered' WHEN d.given_up_at IS NOT NULL THEN 'given up'
            WHEN d.claimed_until > now() THEN 'sending' WHEN d.id IS NULL AND o.routed_at IS NOT NULL THEN 'nobody'
            ELSE 'waiting' END,
       coalesce(d.attempts, 0), d.tried_at, d.delivered_at, d.answer
  FROM outbox o LEFT JOIN deliveries d ON d.outbox_id = o.id
 WHERE o.alert_id = %(id)s ORDER BY o.id, d.channel LIMIT 1000
"""
_SHELVES = """
SELECT s.id, s.rule, d.id, s.until, s.reason, s.entered_by, s.entered_at
  FROM shelves s LEFT JOIN devices d ON d.key = s.device_key
 WHERE (cardinality(%(devices)s::text[]) = 0 OR d.id IS NULL OR d.id = ANY (%(devices)s::text[]))
   AND (s.until > now() OR %(ended)s) AND (%(id)s::bigint IS NULL OR s.id = %(id)s::bigint) AND s.id < %(before)s
 ORDER BY s.id DESC LIMIT %(limit)s
"""
_LATEST = 253_402_300_799_000_000  # the end of the year 9999


class AlertReads:
    """Alerts for the API (``api.ports.alerts.AlertReader``)."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def alerts(self, wanted: AlertFilter, *, cursor: str | None, limit: int) -> Page[AlertEntry]:
        """Alerts, those raised last first (the device's time)."""
        before = cursors.read(cursor, AlertCursor(_LATEST, 2**63 - 1))
        params: dict[str, Any] = {
            "at": to_datetime(before.raised_at),
            "id": before.id,
            "stages": list(wanted.stages),
            "severities": list(wanted.severities),
            "rules": list(wanted.rules),
            "devices": list(wanted.devices),
            "kinds": list(wanted.kinds),
            "areas": list(wanted.areas),
            "open": wanted.open,
            "since": None if wanted.since is None else to_datetime(wanted.since),
            "until": None if wanted.until is None else to_datetime(wanted.until),
            "storm": wanted.storm,
            "parts": wanted.parts,
            "limit": limit + 1,
        }
        rows = await self._session.rows(_LIST, params)
        return cursors.page(rows, limit, _entry, lambda last: AlertCursor(last.raised_at, last.id))

    async def alert(self, alert_id: int) -> tuple[AlertEntry, tuple[LogEntry, ...]] | None:
        """One alert with its log, oldest first, or None."""
        rows = await self._session.rows(_ONE, {"id": alert_id})
        if not rows:
            return None
        log = await self._session.rows(_LOG, {"id": alert_id})
        return _entry(rows[0]), tuple(LogEntry(from_datetime(at), *rest) for at, *rest in log)

    async def notifications(self, alert_id: int) -> tuple[Notification, ...]:
        """What was told of an alert and on which channels, oldest first."""
        rows = await self._session.rows(_NOTIFICATIONS, {"id": alert_id})
        return tuple(
            Notification(
                *(action, from_datetime(at), channel, state, attempts),
                tried_at=micros_or_none(tried),
                delivered_at=micros_or_none(delivered),
                answer=answer,
            )
            for action, at, channel, state, attempts, tried, delivered, answer in rows
        )

    async def counts(self, devices: Sequence[str] = ()) -> dict[str, AlertCount]:
        """Open alerts by severity, of these devices or of all; those without any are left out."""
        rows = await self._session.rows(_COUNTS, {"devices": list(devices)})
        return {severity: AlertCount(*figures) for severity, *figures in rows}

    async def shelves(self, *, devices: Sequence[str] = (), ended: bool, cursor: str | None, limit: int) -> Page[Shelf]:
        """What is on the shelf, entered last first; with ``ended`` also what was.

        Of these devices and of rules as a whole, or all of it.
        """
        before = cursors.read(cursor, ShelfCursor(2**63 - 1))
        params = {"devices": list(devices), "id": None, "ended": ended, "before": before.id, "limit": limit + 1}
        rows = await self._session.rows(_SHELVES, params)
        return cursors.page(rows, limit, _shelf, lambda last: ShelfCursor(last.id))

    async def shelf(self, shelf_id: int) -> Shelf | None:
        """One, whether it has ended or not, or None."""
        params: dict[str, Any] = {"devices": [], "id": shelf_id, "ended": True, "before": 2**63 - 1, "limit": 1}
        rows = await self._session.rows(_SHELVES, params)
        return _shelf(rows[0]) if rows else None


def _shelf(row: Row) -> Shelf:
    number, rule, device, until, reason, entered_by, entered_at = row
    return Shelf(number, rule, device, from_datetime(until), reason, entered_by, from_datetime(entered_at))


def _entry(row: Row) -> AlertEntry:
    fields = list(row)
    for place in (9, 14):
        fields[place] = from_datetime(fields[place])
    for place in (10, 15, 16, 18, 20, 22):
        fields[place] = micros_or_none(fields[place])
    return AlertEntry(*fields)
