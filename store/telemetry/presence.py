"""Who writes telemetry: each writer holds a lock of the server's for its session, which ends with it however it dies.

Writers share the lock, for several hubs may write at once. What must have the store to itself takes it alone. A lock of
a session and not a row in a table: a row would outlive a hub that is killed, and nobody could tell.
"""

from __future__ import annotations

from psycopg import AsyncConnection

from devices.errors import TransientError

_KEY = 0x5A_41_57_52
_JOIN = "SELECT pg_try_advisory_lock_shared(%s)"
_ALONE = "SELECT pg_try_advisory_lock(%s)"
_LEAVE = "SELECT pg_advisory_unlock(%s)"
# Two-key locks and others' databases apart: the number stands in classid and objid, the form in objsubid.
_HOLDERS = """
SELECT l.pid, a.application_name, host(a.client_addr), a.backend_start
  FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.classid = 0 AND l.objid = %s AND l.granted
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.pid <> pg_backend_pid()
 ORDER BY a.backend_start
"""


async def join(connection: AsyncConnection) -> None:
    """Be a writer for as long as the connection lives. Raises TransientError while somebody has the store alone."""
    if not await _asked(connection, _JOIN):
        raise TransientError("store: an upgrade has the store to itself; it is waited for")


async def take_alone(connection: AsyncConnection) -> bool:
    """Have the store alone for as long as the connection lives; False while somebody writes."""
    return await _asked(connection, _ALONE)


async def leave(connection: AsyncConnection) -> None:
    """Give the store back before the connection ends."""
    await _asked(connection, _LEAVE)


async def writers(connection: AsyncConnection) -> list[str]:
    """Who holds the lock now, in words, the oldest first; empty when nobody writes."""
    rows = await (await connection.execute(_HOLDERS, (_KEY,))).fetchall()
    return [f"{name or 'a program'} from {host or 'this machine'}, server process {pid}" for pid, name, host, _ in rows]


async def _asked(connection: AsyncConnection, statement: str) -> bool:
    row = await (await connection.execute(statement.encode(), (_KEY,))).fetchone()
    return row is not None and bool(row[0])
