"""Readers of the store as a whole: whether it answers, and the figures that boards show."""

from __future__ import annotations

from devices.instants import to_datetime
from devices.read_models import KindCount, ProtocolCount, StoreFigures
from store.reading import ReadSession, micros_or_none

PING_TIMEOUT_S = 2.0

_PING = "SELECT 1"

_KINDS = """
SELECT d.kind,
       count(*),
       count(*) FILTER (WHERE s.received_at >= %(since)s),
       count(*) FILTER (WHERE s.fix_at IS NOT NULL),
       count(*) FILTER (WHERE d.status = 'pending'),
       max(s.received_at)
FROM devices d LEFT JOIN device_state s ON s.device_key = d.key
WHERE d.status IN ('active', 'pending')
GROUP BY d.kind
ORDER BY d.kind
"""

_PROTOCOLS = """
SELECT s.protocol, d.kind, count(*), count(*) FILTER (WHERE s.received_at >= %(since)s)
FROM devices d JOIN device_state s ON s.device_key = d.key
WHERE d.status IN ('active', 'pending') AND s.protocol IS NOT NULL
GROUP BY s.protocol, d.kind
ORDER BY s.protocol, d.kind
"""

# Partitions and hypertable chunks alike hang from their table in pg_inherits. A partitioned parent holds no rows of
# its own, but ANALYZE notes the sum of its partitions there, which would count everything twice.
_ROWS = """
WITH RECURSIVE parts (name, oid) AS (
    SELECT t.name, to_regclass(t.name)::oid FROM (VALUES ('readings'), ('fixes'), ('events')) AS t (name)
    UNION ALL
    SELECT p.name, i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid
)
SELECT p.name, sum(greatest(pg_stat_get_live_tuples(p.oid), c.reltuples::bigint, 0))::bigint
FROM parts p JOIN pg_class c ON c.oid = p.oid
WHERE c.relkind <> 'p'
GROUP BY p.name
"""

# Of a converted chunk the server notes how many rows went into the columnstore; those that came later lie beside it,
# and are counted with the chunk. TimescaleDB's own function counts 1,000 for each batch, however small it is.
_CONVERTED = """
SELECT h.table_name::text, coalesce(sum(s.numrows_pre_compression), 0)::bigint
  FROM _timescaledb_catalog.hypertable h
  JOIN _timescaledb_catalog.chunk c ON c.hypertable_id = h.id
  JOIN _timescaledb_catalog.compression_chunk_size s ON s.chunk_id = c.id
 WHERE format('%%I.%%I', h.schema_name, h.table_name)::regclass
       IN (to_regclass('readings'), to_regclass('fixes'), to_regclass('events'))
 GROUP BY 1
"""

_REST = """
SELECT (SELECT count(*) FROM (SELECT FROM dead_letters WHERE replayed_at IS NULL LIMIT 100000) AS open),
       current_setting('server_version'),
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
       to_regclass('_timescaledb_catalog.compression_chunk_size') IS NOT NULL
"""


class StatusReads:
    """The store as a whole (``api.ports.telemetry.StoreReader``)."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def ping(self) -> None:
        """Return when the store answers; raise ``TransientError`` within a few seconds when it does not."""
        await self._session.rows(_PING, timeout_s=PING_TIMEOUT_S)

    async def figures(self, *, reporting_since: int) -> StoreFigures:
        """Counts for boards; a device is reporting when it was heard at ``reporting_since`` (µs) or later."""
        kinds = await self._session.rows(_KINDS, {"since": to_datetime(reporting_since)})
        protocols = await self._session.rows(_PROTOCOLS, {"since": to_datetime(reporting_since)})
        sizes: dict[str, int] = dict(await self._session.rows(_ROWS))
        letters_open, server_version, timescaledb_version, converts = (await self._session.rows(_REST))[0]
        if converts:
            for table, count in await self._session.rows(_CONVERTED, {}):
                sizes[table] = sizes.get(table, 0) + count
        heard = [row[5] for row in kinds if row[5] is not None]
        return StoreFigures(
            kinds=tuple(KindCount(*row[:5]) for row in kinds),
            protocols=tuple(ProtocolCount(*row) for row in protocols),
            readings_rows=sizes.get("readings", 0),
            fixes_rows=sizes.get("fixes", 0),
            events_rows=sizes.get("events", 0),
            dead_letters_open=letters_open,
            newest_received_at=micros_or_none(max(heard, default=None)),
            server_version=server_version,
            timescaledb_version=timescaledb_version,
        )
