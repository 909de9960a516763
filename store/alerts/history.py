"""What the alert engine reads: stored records as moments, checkpoints, dirty spans, and what was told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from alerts.checkpoint import unpack
from alerts.engine import Dirty
from alerts.fold import Alert, Track
from alerts.kind import Cleared, Raised
from alerts.moment import Moment, Moments, gather
from devices.instants import from_datetime, to_datetime
from devices.vocabulary import Device, Event, Fix, Position, Reading
from store.reading import ReadSession

EARLIEST = -62_135_596_800_000_000  #: the first instant that a datetime can hold, µs
LATEST = 253_402_300_799_000_000  #: the last one

_SINCE = "JOIN unnest(%(keys)s::integer[], %(sinces)s::timestamptz[]) AS w (key, since) ON w.key = t.device_key"
_SPAN = "t.observed_at > w.since AND t.observed_at > %(first)s AND t.observed_at <= %(until)s"
_READINGS = f"""
SELECT t.device_key, m.name, t.value, t.observed_at, t.quality
  FROM readings t {_SINCE} JOIN metrics m ON m.key = t.metric_key WHERE {_SPAN}
"""  # noqa: S608 - constants only
_FIXES = f"""
SELECT t.device_key, t.observed_at, t.seq, t.quality, t.lat, t.lon, t.altitude_m, t.speed_kmh, t.heading_deg, t.hdop,
       t.satellites, t.constellations
  FROM fixes t {_SINCE} WHERE {_SPAN} AND t.valid
"""  # noqa: S608 - constants only
_EVENTS = f"""
SELECT t.device_key, t.kind, t.observed_at, t.attributes FROM events t {_SINCE} WHERE {_SPAN}
"""  # noqa: S608 - constants only

_TRACKS = """
SELECT DISTINCT ON (t.device_key) t.device_key, t.at, t.track
  FROM tracks t JOIN unnest(%(keys)s::integer[], %(befores)s::timestamptz[]) AS w (key, before)
       ON w.key = t.device_key AND t.at < w.before
 ORDER BY t.device_key, t.at DESC
"""
_DIRTY = "SELECT device_key, since, frontier FROM dirty_spans WHERE device_key = ANY (%(keys)s::integer[])"
_ALL_DIRTY = "SELECT device_key, since, frontier FROM dirty_spans"
_HEARD = "SELECT device_key FROM device_state ORDER BY device_key"
_HEARD_AT = "SELECT device_key, received_at FROM device_state WHERE device_key = ANY (%(keys)s::integer[])"
_NEXT = """
SELECT least(
    (SELECT min(observed_at) FROM readings WHERE device_key = %(key)s AND observed_at > %(since)s),
    (SELECT min(observed_at) FROM fixes WHERE device_key = %(key)s AND observed_at > %(since)s),
    (SELECT min(observed_at) FROM events WHERE device_key = %(key)s AND observed_at > %(since)s))
"""
_TOLD = """
SELECT id, rule, scope, raised_at, raised_value, detail, cleared_at, cleared_value FROM alerts
 WHERE device_key = %(key)s AND NOT retracted
   AND (raised_at > %(since)s OR cleared_at IS NULL OR cleared_at > %(since)s)
 ORDER BY id
"""
_RULE_SETS = "SELECT version, since, content FROM rule_sets ORDER BY since, version"


class AlertHistory:
    """Reads on behalf of the engine. Raises TransientError while the store is away."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def rule_sets(self) -> list[tuple[int, int, str]]:
        """Version, first instant (µs) and text of every set of rules."""
        return [(row[0], from_datetime(row[1]), row[2]) for row in await self._session.rows(_RULE_SETS)]

    async def heard(self) -> list[int]:
        """The keys of all devices that were ever heard."""
        return [row[0] for row in await self._session.rows(_HEARD)]

    async def heard_at(self, keys: Iterable[int]) -> dict[int, int]:
        """When devices were heard last (µs), by their keys."""
        rows = await self._session.rows(_HEARD_AT, {"keys": list(keys)})
        return {key: from_datetime(at) for key, at in rows}

    async def dirty(self, keys: Iterable[int] | None = None) -> dict[int, Dirty]:
        """Which devices are dirty, of these or, without ``keys``, of all."""
        if keys is None:
            rows = await self._session.rows(_ALL_DIRTY)
        else:
            rows = await self._session.rows(_DIRTY, {"keys": list(keys)})
        return {key: Dirty(from_datetime(since), from_datetime(frontier)) for key, since, frontier in rows}

    async def tracks(self, before: Mapping[int, int]) -> dict[int, tuple[int, Track]]:
        """The newest checkpoint of each device before an instant (µs), with its own instant, where there is one."""
        values = {"keys": list(before), "befores": [_datetime(at) for at in before.values()]}
        found = {}
        for key, at, data in await self._session.rows(_TRACKS, values):
            track = unpack(bytes(data))
            if track is not None:
                found[key] = from_datetime(at), track
        return found

    async def moments(self, devices: Mapping[int, Device], since: Mapping[int, int], until: int) -> Moments:
        """The stored moments of devices, each after its instant (µs) and up to ``until``."""
        sinces = {key: max(at, EARLIEST) for key, at in since.items()}
        values = {
            "keys": list(sinces),
            "sinces": [to_datetime(at) for at in sinces.values()],
            "first": to_datetime(min(sinces.values())),
            "until": to_datetime(until),
        }
        readings = [
            Reading(devices[key], metric, value, from_datetime(at), 0, quality)
            for key, metric, value, at, quality in await self._session.rows(_READINGS, values, timeout_s=60)
        ]
        fixes = [
            Fix(devices[key], from_datetime(at), 0, _position(place), seq, quality)
            for key, at, seq, quality, *place in await self._session.rows(_FIXES, values, timeout_s=60)
        ]
        events = [
            Event(devices[key], kind, from_datetime(at), 0, attributes)
            for key, kind, at, attributes in await self._session.rows(_EVENTS, values, timeout_s=60)
        ]
        return gather(readings, fixes, events)

    async def next_instant(self, key: int, since: int) -> int | None:
        """The first instant after ``since`` (µs) of which something is stored of a device."""
        rows = await self._session.rows(_NEXT, {"key": key, "since": to_datetime(max(since, EARLIEST))})
        return None if rows[0][0] is None else from_datetime(rows[0][0])

    async def told(self, key: int, since: int) -> list[tuple[int, Alert]]:
        """The alerts of a device that were told and concern the time after ``since`` (µs)."""
        rows = await self._session.rows(_TOLD, {"key": key, "since": to_datetime(max(since, EARLIEST))})
        return [_alert(row) for row in rows]


def ordered(moments: Mapping[int, Moment]) -> list[Moment]:
    """Moments in the order of their instants."""
    return [moments[at] for at in sorted(moments)]


def by_device(moments: Moments) -> dict[int, list[Moment]]:
    """The moments of each device, in order."""
    return defaultdict(list, {key: ordered(of_device) for key, of_device in moments.items()})


def _position(place: Sequence[object]) -> Position:
    lat, lon, altitude_m, speed_kmh, heading_deg, hdop, satellites, names = place
    constellations = tuple(str(names).split(",")) if names else ()
    return Position(lat, lon, altitude_m, speed_kmh, heading_deg, hdop, satellites, constellations)  # type: ignore[arg-type]


def _alert(row: tuple[object, ...]) -> tuple[int, Alert]:
    id_, rule, scope, raised_at, value, detail, cleared_at, cleared_value = row
    raised = Raised(from_datetime(raised_at), value, scope, detail)  # type: ignore[arg-type]
    cleared = None if cleared_at is None else Cleared(from_datetime(cleared_at), cleared_value, scope)  # type: ignore[arg-type]
    return id_, Alert(rule, scope, raised, cleared)  # type: ignore[arg-type, return-value]


def _datetime(at: int) -> object:
    return to_datetime(min(at, LATEST))
