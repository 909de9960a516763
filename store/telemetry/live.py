"""Following the store: notes of what was committed, and reading what is newest of it.

Notes travel by NOTIFY within the transaction that they are of, so they come after its commit, in the order of commits,
and from every process that writes: this hub, another one, an import, somebody who acknowledges an alert.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from psycopg import AsyncConnection, AsyncCursor

from devices.instants import from_datetime, to_datetime
from devices.live import LiveAlert, LiveDevice, LiveIncident, LiveOrder, Note
from devices.vocabulary import Batch
from store import arrays
from store.connection import PatientConnection, session_parameters, translated_errors
from store.influx.marks import WANTED
from store.reading import ReadSession, Row, micros_or_none

KEYS_A_NOTE = 700  #: of at most ten digits and a comma: below NOTIFY's limit of 8000 bytes
ASKED_EVERY_S = 15.0  #: how soon a connection that has died silently is noticed

_ANNOUNCE = f"""
SELECT rollup_threshold(%s), {WANTED},
       (SELECT count(pg_notify('sanihub_live', note)::text) FROM unnest(%s::text[]) AS note)
"""  # noqa: S608 - a constant
_LISTEN = "LISTEN sanihub_live"

_FIELDS = """
SELECT d.id, d.kind, d.name, s.received_at, s.online, s.fix_at, s.lat, s.lon, s.speed_kmh, s.heading_deg,
       CASE WHEN jsonb_typeof(d.attributes -> 'lat') = 'number' THEN (d.attributes ->> 'lat')::float8 END,
       CASE WHEN jsonb_typeof(d.attributes -> 'lon') = 'number' THEN (d.attributes ->> 'lon')::float8 END,
       r.metrics, r.figures
"""
_READINGS = """
  LEFT JOIN LATERAL (
    SELECT array_agg(l.metric_key) AS metrics, array_agg(l.value) AS figures
      FROM latest_readings l WHERE l.device_key = d.key) AS r ON true
 WHERE d.status IN ('active', 'pending')
"""
_METRICS = "SELECT key, name FROM metrics"
_OF_KEYS = " FROM devices d JOIN device_state s ON s.device_key = d.key "
_OF_CITY = " FROM devices d LEFT JOIN device_state s ON s.device_key = d.key "
_DEVICES = _FIELDS + _OF_KEYS + _READINGS + " AND d.key = ANY (%(keys)s::integer[]) ORDER BY d.id"
_CITY = (
    _FIELDS
    + _OF_CITY
    + _READINGS
    + """
   AND d.id > %(after)s AND (cardinality(%(kinds)s::text[]) = 0 OR d.kind = ANY (%(kinds)s::text[]))
   AND (s.device_key IS NOT NULL OR d.attributes ? 'lat')
 ORDER BY d.id LIMIT %(limit)s
"""
)
_ALERTS = """
SELECT a.id, l.action, l.at, l.actor,
       CASE WHEN a.retracted THEN 'retracted' WHEN a.closed_at IS NOT NULL THEN 'closed'
            WHEN a.cleared_at IS NOT NULL THEN 'cleared' WHEN a.acknowledged_at IS NOT NULL THEN 'acknowledged'
            ELSE 'raised' END,
       d.id, d.kind, d.name, a.rule, a.scope, a.severity, a.raised_at, a.cleared_at, a.raised_value, a.acknowledged_by,
       a.storm, a.late
  FROM alert_log l JOIN alerts a ON a.id = l.alert_id JOIN devices d ON d.key = a.device_key
 WHERE l.id = ANY (%(numbers)s::bigint[]) ORDER BY l.id
"""
_ORDERS = """
SELECT id, kind, state, vehicle, device, place, planned_start, planned_end, changed_at, changed_by, title, note,
       on_date, crew, worker, sequence, run, reason, lon, lat, origin, alert_id, incident_id, entered_at,
       entered_by, sent_at, sent_by, accepted_at, done_at, done_by, evidence, fault
  FROM work_orders WHERE id = ANY (%(ids)s::text[]) ORDER BY changed_at, id
"""
_INCIDENTS = """
SELECT i.id, l.action, l.at, l.actor, i.reference, i.category, i.state, i.text, i.lat, i.lon, i.accuracy_m, i.place,
       i.area, i.device_id, i.seen_at, i.claimed_at, i.entered_at, i.entered_by, i.reporter, i.worker, i.department,
       i.work_order, i.changed_at, (SELECT count(*) FROM incident_photos p WHERE p.incident_id = i.id)
  FROM incident_log l JOIN incidents i ON i.id = l.incident_id
 WHERE l.id = ANY (%(numbers)s::bigint[]) ORDER BY l.id
"""


class Wishes(NamedTuple):
    """What others want to be told of a batch: the rollups' threshold where it matters, and whether InfluxDB is fed."""

    threshold: int | None = None
    marks: bool = False


async def announce(cursor: AsyncCursor, batch: Batch, least: int | None) -> Wishes:
    """Tell with the commit of the cursor's transaction that a batch changed what is newest of its devices.

    On the same way, for a way costs more than the question, it asks what others want of the batch: whether it is to be
    marked for InfluxDB, and the threshold of the rollups where it lies behind ``least``, the oldest instant of the
    readings (see :func:`store.rollups.notes.note`); both µs.
    """
    keys = set(batch.seen)
    keys.update(reading.device.key for reading in batch.readings)
    keys.update(fix.device.key for fix in batch.fixes)
    if not keys:
        return Wishes()
    await cursor.execute(
        _ANNOUNCE.encode(), (None if least is None else to_datetime(least), arrays.texts(notes_of(keys)))
    )
    row = await cursor.fetchone()
    return Wishes() if row is None else Wishes(row[0], row[1])


def notes_of(keys: Collection[int]) -> list[str]:
    """Keys of devices as notes that fit."""
    ordered = sorted(keys)
    cuts = range(0, len(ordered), KEYS_A_NOTE)
    return ["d" + ",".join(map(str, ordered[at : at + KEYS_A_NOTE])) for at in cuts]


def read_note(text: str) -> Note:
    """The note of a notification; one of a kind that is not known says nothing."""
    kind, rest = text[:1], text[1:]
    if kind == "o":
        return Note(orders=tuple(msgspec.json.decode(rest, type=list[str])))
    if kind not in ("d", "a", "i"):
        return Note()
    numbers = tuple(map(int, rest.split(",")))
    if kind == "d":
        return Note(devices=numbers)
    return Note(alerts=numbers) if kind == "a" else Note(incidents=numbers)


class LiveStore:
    """What the live stream needs of the store. Raises TransientError while it is away."""

    def __init__(self, dsn: str, session: ReadSession) -> None:
        self._parameters = {**session_parameters(dsn), "application_name": "sanihub live"}
        self._session = session
        self._metrics: dict[int, str] = {}  # names that were once given stand for ever

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[AsyncIterator[Note]]:
        """Within the block nothing that is committed goes unnoted, until the iterator raises TransientError."""
        with translated_errors():
            connection = await PatientConnection.connect(**self._parameters, autocommit=True)  # type: ignore[arg-type]
        try:
            with translated_errors():
                await connection.execute(_LISTEN)
            yield _notes(connection)
        finally:
            await connection.close()

    async def devices(self, keys: Iterable[int]) -> list[LiveDevice]:
        """The newest states of those devices among ``keys`` that are in service and were heard, by id."""
        return await self._devices(await self._session.rows(_DEVICES, {"keys": list(keys)}, binary=True))

    async def city(self, *, kinds: Collection[str], after: str, limit: int) -> list[LiveDevice]:
        """Devices in service that were heard or have a place, by id."""
        asked = {"kinds": list(kinds), "after": after, "limit": limit}
        return await self._devices(await self._session.rows(_CITY, asked, timeout_s=30.0, binary=True))

    async def _devices(self, rows: list[Row]) -> list[LiveDevice]:
        if any(key not in self._metrics for row in rows for key in row[-2] or ()):
            self._metrics = dict(await self._session.rows(_METRICS))
        return [_device(row, self._metrics) for row in rows]

    async def alerts(self, numbers: Iterable[int]) -> list[LiveAlert]:
        """What happened to alerts, by the numbers of the log, in its order."""
        return [_alert(row) for row in await self._session.rows(_ALERTS, {"numbers": list(numbers)})]

    async def orders(self, ids: Iterable[str]) -> list[LiveOrder]:
        """Work orders as they stand, in the order of their changes."""
        return [LiveOrder(*_in_micros(row)) for row in await self._session.rows(_ORDERS, {"ids": list(ids)})]

    async def incidents(self, numbers: Iterable[int]) -> list[LiveIncident]:
        """Steps of incidents, by the numbers of their log, in its order."""
        rows = await self._session.rows(_INCIDENTS, {"numbers": list(numbers)})
        return [LiveIncident(*_in_micros(row)) for row in rows]


async def _notes(connection: AsyncConnection) -> AsyncIterator[Note]:
    with translated_errors():
        while True:
            async for one in connection.notifies(timeout=ASKED_EVERY_S):
                yield read_note(one.payload)
            await connection.execute("SELECT 1")


def _device(row: Row, names: Mapping[int, str]) -> LiveDevice:
    device_id, kind, name, received_at, online, fix_at, lat, lon, speed_kmh, heading_deg, *rest = row
    place_lat, place_lon, metrics, figures = rest
    if (fix_at is None or lat is None) and _on_earth(place_lat, place_lon):
        fix_at, lat, lon = None, place_lat, place_lon
    return LiveDevice(
        device_id,
        kind,
        name,
        micros_or_none(received_at),
        online,
        micros_or_none(fix_at),
        lat,
        lon,
        speed_kmh,
        heading_deg,
        dict(sorted(zip(map(names.__getitem__, metrics or ()), figures or (), strict=True))),
    )


def _on_earth(lat: float | None, lon: float | None) -> bool:
    return lat is not None and lon is not None and abs(lat) <= 90 and abs(lon) <= 180


def _alert(row: Row) -> LiveAlert:
    number, action, at, actor, stage, *device, rule, scope, severity, raised_at, cleared_at = row[:13]
    device_id, kind, name = device
    return LiveAlert(
        number, action, from_datetime(at), actor, stage, device_id, kind, name, rule, scope, severity,
        from_datetime(raised_at), micros_or_none(cleared_at), *row[13:],
    )  # fmt: skip


def _in_micros(row: Row) -> tuple[Any, ...]:
    """A row with its instants as µs."""
    return tuple(from_datetime(one) if isinstance(one, datetime) else one for one in row)
