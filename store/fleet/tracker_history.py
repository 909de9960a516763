"""What the trackers read: checkpoints, dirty devices, and what was derived of a device so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from devices.instants import from_datetime, to_datetime
from devices.vocabulary import Device, Fix, Position
from fleet.offset import METRIC
from fleet.trackers.book import Outline
from fleet.trackers.checkpoint import unpack
from fleet.trackers.tracker import EVENTS, METRICS, State
from store.alerts.history import EARLIEST, LATEST
from store.fleet.tracker_rows import HaltRow, TripRow
from store.reading import ReadSession, Row, micros_or_none

_STATES = """
SELECT DISTINCT ON (t.device_key) t.device_key, t.at, t.state
  FROM tracker_states t JOIN unnest(%(keys)s::integer[], %(befores)s::timestamptz[]) AS w (key, before)
       ON w.key = t.device_key AND t.at < w.before
 ORDER BY t.device_key, t.at DESC
"""
_DIRTY = "SELECT device_key, since FROM tracker_dirty WHERE device_key = ANY (%(keys)s::integer[])"
_MARKS = "SELECT marks, offsets_since FROM tracker_dirty WHERE device_key = %(key)s"
_ALL_DIRTY = "SELECT device_key, since FROM tracker_dirty"
_OUTLINES = "SELECT device, tasks FROM tracker_plans"
_TOLD = """
SELECT w.key FROM unnest(%(keys)s::integer[], %(sinces)s::timestamptz[]) AS w (key, since)
 WHERE EXISTS (SELECT FROM device_state s WHERE s.device_key = w.key AND s.fix_at >= w.since)
    OR EXISTS (SELECT FROM latest_readings l WHERE l.device_key = w.key AND l.observed_at >= w.since)
"""
_FIXES = """
SELECT observed_at, received_at, lat, lon, quality, claimed_at FROM fixes
 WHERE device_key = %(key)s AND observed_at > %(since)s AND observed_at <= %(until)s AND valid
"""
_READINGS = """
SELECT m.name, r.observed_at, r.value FROM readings r JOIN metrics m ON m.key = r.metric_key
 WHERE r.device_key = %(key)s AND m.name = ANY (%(names)s::text[]) AND r.observed_at > %(since)s
"""
_EVENTS = """
SELECT kind, observed_at, attributes FROM events
 WHERE device_key = %(key)s AND kind = ANY (%(kinds)s::text[]) AND observed_at > %(since)s
   AND attributes @> '{"derived": true}'
"""
_TRIPS = """
SELECT device_key, started_at, ended_at, told_at, ended, origin_lat, origin_lon, goal_lat, goal_lon, origin, goal,
       driven_m, work_m, work_s, transit_s, idle_s, off_s, no_data_s
  FROM trips WHERE device_key = %(key)s AND (told_at IS NULL OR told_at > %(since)s)
"""
_HALTS = """
SELECT device_key, started_at, ended_at, told_at, lat, lon, place, role, idle_s
  FROM vehicle_stops WHERE device_key = %(key)s AND (told_at IS NULL OR told_at > %(since)s)
"""


class Stored(msgspec.Struct):
    """What was derived of a device: readings (metric, at, value), events (kind, at, attributes), trips and stops."""

    readings: list[tuple[str, int, float]]
    events: list[tuple[str, int, Mapping[str, Any]]]
    trips: list[TripRow]
    halts: list[HaltRow]


class TrackerHistory:
    """Reads on behalf of the trackers. Raises TransientError while the store is away."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def states(self, before: Mapping[int, int]) -> dict[int, State]:
        """The newest checkpoint of each device before an instant (µs), where there is one that is understood."""
        values = {"keys": list(before), "befores": [to_datetime(min(at, LATEST)) for at in before.values()]}
        found = {}
        for key, _, data in await self._session.rows(_STATES, values):
            state = unpack(bytes(data))
            if state is not None:
                found[key] = state
        return found

    async def dirty(self, keys: Iterable[int] | None = None) -> dict[int, int]:
        """Which devices are dirty, of these or of all, and since when (µs)."""
        if keys is None:
            rows = await self._session.rows(_ALL_DIRTY)
        else:
            rows = await self._session.rows(_DIRTY, {"keys": list(keys)})
        return {key: from_datetime(since) for key, since in rows}

    async def marks(self, key: int) -> tuple[int, int | None]:
        """How often a device was noted as dirty since its last repair, and since when (µs) with its distances."""
        rows = await self._session.rows(_MARKS, {"key": key})
        return (int(rows[0][0]), micros_or_none(rows[0][1])) if rows else (0, None)

    async def outlines(self) -> dict[str, tuple[Outline, ...]]:
        """What the devices, by their ids, were tracked with."""
        rows = await self._session.rows(_OUTLINES)
        return {device: msgspec.convert(tasks, tuple[Outline, ...]) for device, tasks in rows}

    async def told_since(self, since: Mapping[int, int]) -> set[int]:
        """Of devices those that told anything of the time from their instant (µs) on."""
        values = {"keys": list(since), "sinces": [to_datetime(max(at, EARLIEST)) for at in since.values()]}
        return {row[0] for row in await self._session.rows(_TOLD, values)}

    async def fixes(self, device: Device, since: int, until: int) -> list[Fix]:
        """The valid positions of a device after an instant and up to another (µs): where it was, and no more."""
        values = {"key": device.key, "since": to_datetime(max(since, EARLIEST)), "until": to_datetime(until)}
        return [
            Fix(
                *(device, from_datetime(at), from_datetime(received_at), Position(lat, lon)),
                quality=quality,
                claimed_at=micros_or_none(claimed_at),
            )
            for at, received_at, lat, lon, quality, claimed_at in await self._session.rows(_FIXES, values, timeout_s=60)
        ]

    async def offsets(self, key: int, since: int) -> list[tuple[str, int, float]]:
        """The distances of a device from its plan that were derived for the time after an instant (µs)."""
        values = {"key": key, "since": to_datetime(max(since, EARLIEST)), "names": [METRIC]}
        rows = await self._session.rows(_READINGS, values, timeout_s=60)
        return [(name, from_datetime(at), value) for name, at, value in rows]

    async def derived(self, key: int, since: int) -> Stored:
        """What was decided of a device after an instant (µs), and what is open."""
        values = {
            **{"key": key, "since": to_datetime(max(since, EARLIEST))},
            **{"names": list(METRICS), "kinds": list(EVENTS)},
        }
        readings = await self._session.rows(_READINGS, values, timeout_s=60)
        events = await self._session.rows(_EVENTS, values, timeout_s=60)
        trips = await self._session.rows(_TRIPS, values)
        halts = await self._session.rows(_HALTS, values)
        return Stored(
            [(name, from_datetime(at), value) for name, at, value in readings],
            [(kind, from_datetime(at), attributes) for kind, at, attributes in events],
            [TripRow(*_spell(row), *row[4:]) for row in trips],
            [HaltRow(*_spell(row), *row[4:]) for row in halts],
        )


def _spell(row: Row) -> tuple[int, int, int | None, int | None]:
    key, start, end, told_at = row[:4]
    return key, from_datetime(start), micros_or_none(end), micros_or_none(told_at)
