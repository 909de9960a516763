"""What the store holds: each table of telemetry, its partitions or chunks, which are converted, and their sizes."""

from __future__ import annotations

import msgspec
from psycopg import AsyncConnection

from store.schema import TELEMETRY, Mode

_PARTITIONS = """
SELECT t.name, count(c.oid), coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
  FROM unnest(%(tables)s::text[]) WITH ORDINALITY AS t (name, number)
  LEFT JOIN pg_inherits i ON i.inhparent = to_regclass(t.name)
  LEFT JOIN pg_class c ON c.oid = i.inhrelid
 GROUP BY t.name, t.number ORDER BY t.number
"""
# A chunk waits when its policy should have converted it two turns ago.
_CHUNKS = """
SELECT t.name, count(c.chunk_name), coalesce(hypertable_size(t.name::regclass), 0),
       count(*) FILTER (WHERE c.is_compressed),
       count(*) FILTER (WHERE NOT c.is_compressed
                          AND c.range_end < now() - (j.config ->> 'compress_after')::interval - 2 * j.schedule_interval)
  FROM unnest(%(tables)s::text[]) WITH ORDINALITY AS t (name, number)
  LEFT JOIN timescaledb_information.chunks c
         ON format('%%I.%%I', c.hypertable_schema, c.hypertable_name)::regclass = t.name::regclass
  LEFT JOIN timescaledb_information.jobs j
         ON j.proc_name = 'policy_compression' AND j.hypertable_schema = c.hypertable_schema
        AND j.hypertable_name = c.hypertable_name
 GROUP BY t.name, t.number ORDER BY t.number
"""
_SAVED = """
SELECT t.name, s.before_compression_total_bytes, s.after_compression_total_bytes
  FROM unnest(%(tables)s::text[]) AS t (name), hypertable_columnstore_stats(t.name::regclass) AS s
 WHERE s.number_compressed_chunks > 0
"""


class Holding(msgspec.Struct, frozen=True):
    """A table of telemetry. ``parts`` are partitions or chunks, ``converted`` those of them in the columnstore.

    ``waiting`` is how many a policy should have converted and has not. ``before_bytes`` and ``after_bytes`` are the
    sizes of the converted chunks before and after; 0 where none is.
    """

    table: str
    parts: int
    size_bytes: int
    converted: int = 0
    waiting: int = 0
    before_bytes: int = 0
    after_bytes: int = 0


async def holdings(connection: AsyncConnection, mode: Mode, *, sizes: bool = True) -> tuple[Holding, ...]:
    """The tables in their order. Without ``sizes`` what the columnstore saves is not asked for."""
    values = {"tables": list(TELEMETRY)}
    if mode is Mode.PLAIN:
        return tuple(Holding(*row) for row in await (await connection.execute(_PARTITIONS, values)).fetchall())
    saved: dict[str, tuple[int, int]] = {}
    rows = await (await connection.execute(_CHUNKS, values)).fetchall()
    if sizes and any(row[3] for row in rows):
        stats = await (await connection.execute(_SAVED, values)).fetchall()
        saved = {name: (before, after) for name, before, after in stats}
    found = []
    for table, parts, size, converted, waiting in rows:
        before, after = saved.get(table, (0, 0))
        found.append(Holding(table, parts, size, converted, waiting, before, after))
    return tuple(found)
