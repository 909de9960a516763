"""Readers of the store for boards and the API: devices and their latest state, and the set of all readers.

They fulfil the protocols of whoever reads (``api.ports``) by their shape alone. All SQL is constant; input
travels as parameters only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from devices.instants import from_datetime, to_datetime
from devices.read_models import DeviceEntry, DeviceState, LatestFix, LatestReading, Page
from store import cursors
from store.access.audit import Audit
from store.cursors import DeviceCursor
from store.readers.alerts import AlertReads
from store.readers.bins import BinReads
from store.readers.dead_letters import DeadLetterReads
from store.readers.fleet import FleetReads
from store.readers.status import StatusReads
from store.readers.telemetry import TelemetryReads
from store.readers.trips import TripReads
from store.reading import Pool, ReadSession, Row, micros_or_none
from store.writing import WriteSession

_DEVICE = """
SELECT d.id, d.kind, d.status, d.name, d.attributes,
       ARRAY(SELECT i.scheme || ':' || i.value FROM identities i WHERE i.device_key = d.key ORDER BY 1),
       d.registered_at, d.changed_at, s.received_at, s.protocol, s.source
FROM devices d LEFT JOIN device_state s ON s.device_key = d.key
WHERE d.id = %(id)s
"""

# strpos instead of LIKE: what people type is looked for as it stands, so no character in it has a meaning.
_DEVICES = """
SELECT d.id, d.kind, d.status, d.name, d.attributes,
       ARRAY(SELECT i.scheme || ':' || i.value FROM identities i WHERE i.device_key = d.key ORDER BY 1),
       d.registered_at, d.changed_at, s.received_at, s.protocol, s.source
FROM devices d LEFT JOIN device_state s ON s.device_key = d.key
WHERE d.id > %(after)s
  AND (cardinality(%(ids)s::text[]) = 0 OR d.id = ANY (%(ids)s::text[]))
  AND (cardinality(%(kinds)s::text[]) = 0 OR d.kind = ANY (%(kinds)s::text[]))
  AND (cardinality(%(statuses)s::text[]) = 0 OR d.status = ANY (%(statuses)s::text[]))
  AND (%(q)s::text = ''
       OR strpos(lower(d.id), lower(%(q)s::text)) > 0
       OR strpos(lower(d.name), lower(%(q)s::text)) > 0
       OR EXISTS (SELECT FROM identities i
                  WHERE i.device_key = d.key AND strpos(lower(i.value), lower(%(q)s::text)) > 0))
ORDER BY d.id
LIMIT %(limit)s
"""

_STATE = """
SELECT d.key, d.id, d.kind, d.status, d.name, s.received_at, s.protocol, s.source, s.online, s.online_at,
       d.attributes -> 'lat', d.attributes -> 'lon',
       s.fix_at, s.lat, s.lon, s.altitude_m, s.speed_kmh, s.heading_deg
FROM devices d LEFT JOIN device_state s ON s.device_key = d.key
WHERE d.id = %(id)s
"""

_STATES = """
SELECT d.key, d.id, d.kind, d.status, d.name, s.received_at, s.protocol, s.source, s.online, s.online_at,
       d.attributes -> 'lat', d.attributes -> 'lon',
       s.fix_at, s.lat, s.lon, s.altitude_m, s.speed_kmh, s.heading_deg
FROM devices d JOIN device_state s ON s.device_key = d.key
WHERE d.id > %(after)s
  AND d.status IN ('active', 'pending')
  AND (cardinality(%(ids)s::text[]) = 0 OR d.id = ANY (%(ids)s::text[]))
  AND (cardinality(%(kinds)s::text[]) = 0 OR d.kind = ANY (%(kinds)s::text[]))
  AND (cardinality(%(protocols)s::text[]) = 0 OR s.protocol = ANY (%(protocols)s::text[]))
  AND s.received_at >= coalesce(%(since)s::timestamptz, '-infinity')
ORDER BY d.id
LIMIT %(limit)s
"""

_LATEST_READINGS = """
SELECT l.device_key, m.name, l.value, l.observed_at, l.quality
FROM latest_readings l JOIN metrics m ON m.key = l.metric_key
WHERE l.device_key = ANY (%(keys)s::integer[])
ORDER BY l.device_key, m.name
"""


def _entry(row: Row) -> DeviceEntry:
    device_id, kind, status, name, attributes, identities, registered_at, changed_at, received_at, *way = row
    return DeviceEntry(
        id=device_id,
        kind=kind,
        status=status,
        name=name,
        attributes=attributes,
        identities=tuple(identities),
        registered_at=from_datetime(registered_at),
        changed_at=from_datetime(changed_at),
        received_at=micros_or_none(received_at),
        protocol=way[0],
        source=way[1],
    )


def _fix(row: Row) -> LatestFix | None:
    observed_at, lat, lon, altitude_m, speed_kmh, heading_deg = row
    if observed_at is None or lat is None or lon is None:
        return None
    return LatestFix(from_datetime(observed_at), lat, lon, altitude_m, speed_kmh, heading_deg)


def _place(lat: object, lon: object) -> tuple[float, float] | None:
    """Where a person has put the device, if the attributes say so in degrees."""
    if isinstance(lat, int | float) and isinstance(lon, int | float) and abs(lat) <= 90 and abs(lon) <= 180:
        return float(lat), float(lon)
    return None


def _state(row: Row, readings: dict[int, dict[str, LatestReading]]) -> DeviceState:
    key, device_id, kind, status, name, received_at, protocol, source, online, online_at, lat, lon, *fix = row
    return DeviceState(
        id=device_id,
        kind=kind,
        status=status,
        name=name,
        received_at=micros_or_none(received_at),
        protocol=protocol,
        source=source,
        online=online,
        online_at=micros_or_none(online_at),
        fix=_fix(tuple(fix)),
        place=_place(lat, lon),
        readings=readings.get(key, {}),
    )


class DeviceReads:
    """Devices and what is newest of them (``api.ports.telemetry.DeviceReader``)."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def device(self, device_id: str) -> DeviceEntry | None:
        """The device with that id, or None."""
        rows = await self._session.rows(_DEVICE, {"id": device_id})
        return _entry(rows[0]) if rows else None

    async def devices(
        self,
        *,
        kinds: Sequence[str] = (),
        statuses: Sequence[str] = (),
        ids: Sequence[str] = (),
        q: str = "",
        cursor: str | None,
        limit: int,
    ) -> Page[DeviceEntry]:
        """Devices by id; ``q`` is a piece of id, name or identity, without regard to case."""
        after = cursors.read(cursor, DeviceCursor(""))
        lists = {"kinds": list(kinds), "statuses": list(statuses), "ids": list(ids)}
        params = {**lists, "after": after.id, "q": q, "limit": limit + 1}
        rows = await self._session.rows(_DEVICES, params)
        return cursors.page(rows, limit, _entry, lambda last: DeviceCursor(last.id))

    async def state(self, device_id: str) -> DeviceState | None:
        """What is newest of one device, or None when there is no such device."""
        rows = await self._session.rows(_STATE, {"id": device_id})
        return _state(rows[0], await self._latest(rows)) if rows else None

    async def states(
        self,
        *,
        kinds: Sequence[str] = (),
        protocols: Sequence[str] = (),
        ids: Sequence[str] = (),
        since: int | None = None,
        cursor: str | None,
        limit: int,
    ) -> Page[DeviceState]:
        """States by device id of devices in service that were ever heard; ``since`` (µs): heard then or later.

        ``protocols`` are those by which the newest frame came.
        """
        after = cursors.read(cursor, DeviceCursor(""))
        params = {
            "after": after.id,
            "kinds": list(kinds),
            "protocols": list(protocols),
            "ids": list(ids),
            "since": None if since is None else to_datetime(since),
            "limit": limit + 1,
        }
        rows = await self._session.rows(_STATES, params)
        readings = await self._latest(rows[:limit])
        items = tuple(_state(row, readings) for row in rows[:limit])
        return Page(items, cursors.write(DeviceCursor(items[-1].id)) if len(rows) > limit else None)

    async def _latest(self, states: list[Row]) -> dict[int, dict[str, LatestReading]]:
        found: dict[int, dict[str, LatestReading]] = {}
        if not states:
            return found
        for key, metric, value, observed_at, quality in await self._session.rows(
            _LATEST_READINGS, {"keys": [row[0] for row in states]}
        ):
            found.setdefault(key, {})[metric] = LatestReading(value, from_datetime(observed_at), quality)
        return found


@dataclass(frozen=True, slots=True)
class Readers:
    """All readers over one pool."""

    devices: DeviceReads
    telemetry: TelemetryReads
    dead_letters: DeadLetterReads
    status: StatusReads
    audit: Audit
    alerts: AlertReads
    fleet: FleetReads
    trips: TripReads
    bins: BinReads

    @classmethod
    def over(cls, pool: Pool, *, statement_timeout_s: float = 5.0, acquire_timeout_s: float = 3.0) -> Readers:
        """Readers over an open pool; the timeouts are those of :class:`ReadSession`."""
        session = ReadSession(pool, statement_timeout_s=statement_timeout_s, acquire_timeout_s=acquire_timeout_s)
        return cls(
            DeviceReads(session),
            TelemetryReads(session),
            DeadLetterReads(session),
            StatusReads(session),
            Audit(session, WriteSession(pool)),
            AlertReads(session),
            FleetReads(session),
            TripReads(session),
            BinReads(session),
        )
