"""Alarms of a device within a span, for reports."""

from __future__ import annotations

from devices.instants import from_datetime, to_datetime
from fleet.reports.compliance.judged import AlarmSeen
from store.reading import ReadSession, micros_or_none

_BETWEEN = """
SELECT raised_at, severity, rule, id, cleared_at FROM alerts
 WHERE device_key = %(key)s AND NOT retracted AND raised_at >= %(start)s AND raised_at < %(end)s
 ORDER BY raised_at, rule, id LIMIT 1000
"""


class VehicleAlarms:
    """Raises TransientError while the store is away."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def between(self, key: int, start: int, end: int) -> tuple[AlarmSeen, ...]:
        """Alarms raised in ``[start, end)`` (µs, the device's time), the first thousand."""
        rows = await self._session.rows(
            _BETWEEN, {"key": key, "start": to_datetime(start), "end": to_datetime(end)}
        )  # fmt: skip
        return tuple(
            AlarmSeen(from_datetime(at), severity, rule, number, micros_or_none(cleared))
            for at, severity, rule, number, cleared in rows
        )
