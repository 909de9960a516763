"""What is newest of each device, moved forward in the transaction of the telemetry (ADR 0041)."""

from __future__ import annotations

from psycopg import AsyncCursor

from store.telemetry.copying import READINGS, Encoded, copy_in

STAGES = """
CREATE TEMP TABLE stage_latest (LIKE readings) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE stage_state (LIKE device_state) ON COMMIT DELETE ROWS;
"""

# Row by row through the key: to read or hash the whole table for a batch is quick as long as there are few devices.
_ROW_BY_ROW = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off;"
_AS_BEFORE = ";SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on; SET LOCAL enable_seqscan = on"
# Nearly all rows are there already, and an UPDATE finds them by their key; INSERT ... ON CONFLICT would lock each of
# them first, for a third more time and twice the log. What is new is entered by a second statement, where there is any.
_ADVANCE_LATEST = """
UPDATE latest_readings l SET observed_at = n.observed_at, value = n.value, quality = n.quality
  FROM stage_latest n
 WHERE l.device_key = n.device_key AND l.metric_key = n.metric_key
   AND (n.observed_at, n.value) > (l.observed_at, l.value)
"""
_ENTER_LATEST = """
INSERT INTO latest_readings AS l (device_key, metric_key, observed_at, value, quality)
SELECT device_key, metric_key, observed_at, value, quality FROM stage_latest n
 WHERE NOT EXISTS (SELECT FROM latest_readings k WHERE k.device_key = n.device_key AND k.metric_key = n.metric_key)
ON CONFLICT (device_key, metric_key) DO UPDATE
   SET observed_at = excluded.observed_at, value = excluded.value, quality = excluded.quality
 WHERE (excluded.observed_at, excluded.value) > (l.observed_at, l.value)
"""

_NEWER = """{new}.fix_at IS NOT NULL AND (s.fix_at IS NULL OR
    ({new}.fix_at, coalesce({new}.fix_seq, -9223372036854775808), {new}.fix_variant)
    > (s.fix_at, coalesce(s.fix_seq, -9223372036854775808), s.fix_variant))"""
_FIX_COLUMNS = ("fix_at", "fix_seq", "fix_variant", "lat", "lon", "altitude_m", "speed_kmh", "heading_deg")
_MOVE_STATE = """
    received_at = greatest(s.received_at, {new}.received_at),
    protocol = CASE WHEN {new}.received_at >= s.received_at THEN {new}.protocol ELSE s.protocol END,
    source = CASE WHEN {new}.received_at >= s.received_at THEN {new}.source ELSE s.source END,
    online = CASE WHEN s.online_at IS NULL OR {new}.online_at >= s.online_at
                  THEN coalesce({new}.online, s.online) ELSE s.online END,
    online_at = greatest(s.online_at, {new}.online_at),
""" + ", ".join(f"{c} = CASE WHEN {_NEWER} THEN {{new}}.{c} ELSE s.{c} END" for c in _FIX_COLUMNS)
_ADVANCE_STATE = f"""
UPDATE device_state s SET {_MOVE_STATE.format(new="n")} FROM stage_state n WHERE s.device_key = n.device_key
"""  # noqa: S608 - built from the constants above
_ENTER_STATE = f"""
INSERT INTO device_state AS s
SELECT * FROM stage_state n WHERE NOT EXISTS (SELECT FROM device_state k WHERE k.device_key = n.device_key)
ON CONFLICT (device_key) DO UPDATE SET {_MOVE_STATE.format(new="excluded")}
"""  # noqa: S608 - built from the constants above


async def advance(cursor: AsyncCursor, encoded: Encoded, heard: int) -> None:
    """Move what is newest forward: where it stands already, and then, of those that are left, what is new."""
    for update, insert, table, columns, data, rows in (
        (_ADVANCE_LATEST, _ENTER_LATEST, "stage_latest", READINGS, encoded.latest, encoded.latest_count),
        (_ADVANCE_STATE, _ENTER_STATE, "stage_state", "", encoded.state, heard),
    ):
        if not data:
            continue
        await copy_in(cursor, table, columns, data)
        if await _row_by_row(cursor, update) < rows:
            await _row_by_row(cursor, insert)


async def _row_by_row(cursor: AsyncCursor, statement: str) -> int:
    """Run a statement without values, planned anew for as many rows as there are now; how many it touched."""
    await cursor.execute(f"{_ROW_BY_ROW}{statement}{_AS_BEFORE}".encode(), prepare=False)
    touched = 0
    while True:
        touched = max(touched, cursor.rowcount)  # of a SET it is -1
        if not cursor.nextset():
            return touched
