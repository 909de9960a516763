"""The outbox and its deliveries: what is to be told, to whom, in what message, and what became of it.

Several hubs may work on it. Routing, and the forming of messages for a channel, are each done by one hub at a time (an
advisory lock for the length of a short transaction): so the limit of a channel and the order of an alert's notices hold
for all hubs together. A message that was formed keeps its id and its notices, whoever sends it and however often.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from alerts.notices.gathering import Due, gather
from alerts.notices.notice import Message, Notice, read_content
from alerts.notices.routing import Planned
from devices import instants
from store.connection import PatientConnection, session_parameters, translated_errors

Plan = Callable[[Notice, int], Sequence[Planned]]
"""The deliveries of a notice, at an instant (µs)."""

# A hub that stands still amid a transaction lets go of its locks.
_BOUNDS = "-c statement_timeout=30s -c idle_in_transaction_session_timeout=30s -c lock_timeout=20s"
_ROUTING = 0x6E6F7469  # numbers of advisory locks: routing; of channels the other half is made of their names
_OPEN = "delivered_at IS NULL AND given_up_at IS NULL"

_LOCK_ROUTING = "SELECT pg_try_advisory_xact_lock(%s), clock_timestamp()"
_UNROUTED = """
SELECT id, key, action, entered_at, content, alert_id FROM outbox
 WHERE routed_at IS NULL ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
"""
_ENTER = """
INSERT INTO deliveries (outbox_id, alert_id, channel, urgent, digest, due_at, not_before)
SELECT outbox_id, alert_id, channel, urgent, digest, due_at, due_at
  FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::boolean[], %s::text[], %s::timestamptz[])
    AS n (outbox_id, alert_id, channel, urgent, digest, due_at)
ON CONFLICT (outbox_id, channel) DO NOTHING
"""
# What is urgent may not overtake what was told of its alert before: so that becomes urgent too.
_HASTEN = f"""
UPDATE deliveries d SET urgent = true, digest = NULL, not_before = least(d.not_before, n.due_at)
  FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::timestamptz[]) AS n (alert_id, channel, outbox_id, due_at)
 WHERE d.alert_id = n.alert_id AND d.channel = n.channel AND d.outbox_id < n.outbox_id AND NOT d.urgent AND {_OPEN}
"""  # noqa: S608 - constants only
_ROUTED = "UPDATE outbox SET routed_at = %s WHERE id = ANY (%s)"

_BUSY_CHANNELS = f"""
SELECT channel FROM unnest(%s::text[]) AS asked (channel)
 WHERE EXISTS (SELECT FROM deliveries d
                WHERE d.channel = asked.channel AND {_OPEN} AND d.not_before <= now()
                  AND (d.claimed_until IS NULL OR d.claimed_until <= now()))
"""  # noqa: S608 - constants only
_LOCK_CHANNEL = "SELECT pg_advisory_xact_lock(%s, hashtext(%s)), clock_timestamp()"
_TRIED = "SELECT count(DISTINCT message) FROM deliveries WHERE channel = %s AND tried_at > %s - interval '1 minute'"
_AGAIN = f"""
SELECT message FROM deliveries
 WHERE channel = %(channel)s AND message IS NOT NULL AND {_OPEN} AND not_before <= %(now)s
   AND (claimed_until IS NULL OR claimed_until <= %(now)s)
 GROUP BY message HAVING bool_or(urgent) OR NOT %(quiet)s ORDER BY min(outbox_id) LIMIT %(limit)s
"""  # noqa: S608 - constants only
# No row locks: the lock of the channel keeps other hubs out, and what is given up meanwhile the claim leaves out.
_FRESH = f"""
SELECT d.id, d.alert_id, d.digest IS NOT NULL, d.urgent FROM deliveries d
 WHERE d.channel = %(channel)s AND d.message IS NULL AND {_OPEN} AND d.not_before <= %(now)s
   AND (d.urgent OR NOT %(quiet)s)
   AND NOT EXISTS (SELECT FROM deliveries e
                    WHERE e.alert_id = d.alert_id AND e.channel = d.channel AND e.outbox_id < d.outbox_id
                      AND e.delivered_at IS NULL AND e.given_up_at IS NULL
                      AND (e.message IS NOT NULL OR e.not_before > %(now)s OR NOT (e.urgent OR NOT %(quiet)s)))
 ORDER BY d.outbox_id LIMIT 500
"""  # noqa: S608 - constants only
_FORM = "UPDATE deliveries SET message = %s WHERE id = ANY (%s)"
_CLAIM = f"""
UPDATE deliveries SET attempts = attempts + 1, tried_at = %(now)s, claimed_until = %(now)s + %(lease)s * interval '1 s'
 WHERE message = ANY (%(messages)s) AND {_OPEN} RETURNING message
"""  # noqa: S608 - constants only
_READ = f"""
SELECT d.message, d.attempts, d.due_at, o.id, o.key, o.action, o.entered_at, o.content, o.alert_id
  FROM deliveries d JOIN outbox o ON o.id = d.outbox_id
 WHERE d.message = ANY (%s) AND {_OPEN} ORDER BY o.id
"""  # noqa: S608 - constants only

_DELIVERED = f"""
UPDATE deliveries SET delivered_at = clock_timestamp(), claimed_until = NULL, answer = %s
 WHERE message = %s AND {_OPEN}
"""  # noqa: S608 - constants only
_FAILED = f"""
UPDATE deliveries SET not_before = clock_timestamp() + %(wait)s * interval '1 s', claimed_until = NULL,
       answer = %(answer)s
 WHERE message = %(message)s AND attempts = %(attempts)s AND {_OPEN}
"""  # noqa: S608 - constants only
_LET_GO = f"UPDATE deliveries SET claimed_until = NULL WHERE message = %s AND attempts = %s AND {_OPEN}"  # noqa: S608
# A message is given up as a whole, when the last of its notices has been due for long enough.
_GIVE_UP = f"""
UPDATE deliveries d SET given_up_at = clock_timestamp(), claimed_until = NULL, answer = coalesce(d.answer, %(reason)s)
 WHERE d.channel = %(channel)s AND {_OPEN} AND d.due_at < clock_timestamp() - %(after)s * interval '1 s'
   AND (d.claimed_until IS NULL OR d.claimed_until <= clock_timestamp())
   AND (%(message)s::uuid IS NULL OR d.message = %(message)s::uuid)
   AND NOT EXISTS (SELECT FROM deliveries e WHERE e.message = d.message
                      AND e.due_at >= clock_timestamp() - %(after)s * interval '1 s')
"""  # noqa: S608 - constants only
_WAITING = f"SELECT channel, count(*) FROM deliveries WHERE {_OPEN} GROUP BY channel"  # noqa: S608 - constants only
# An alert that lasts needs its first notice yet, for what will be told of it later.
_FORGET = f"""
DELETE FROM outbox o WHERE o.entered_at < clock_timestamp() - %s * interval '1 day' AND o.routed_at IS NOT NULL
   AND NOT EXISTS (SELECT FROM deliveries d WHERE d.outbox_id = o.id AND {_OPEN})
   AND NOT EXISTS (SELECT FROM alerts a WHERE a.id = o.alert_id AND a.cleared_at IS NULL AND NOT a.retracted)
"""  # noqa: S608 - constants only


class Claimed(msgspec.Struct, frozen=True):
    """A message that this hub is to send now; ``attempts`` counts this one. ``due_at``: the earliest of its notices."""

    message: Message
    attempts: int
    due_at: int


class Terms(msgspec.Struct, frozen=True):
    """On which terms messages of a channel are formed and claimed.

    ``slots`` is how many at most, ``per_minute`` the channel's limit, ``bundles`` whether a message may hold several
    notices, ``lease_s`` for how long nobody else sends them.
    """

    slots: int
    lease_s: float
    per_minute: int | None = None
    bundles: bool = True


class Outbox:
    """The outbox of a store, over a few connections of its own. Raises TransientError when the store is away."""

    def __init__(self, dsn: str) -> None:
        parameters = session_parameters(dsn)
        parameters["options"] = f"{parameters['options']} {_BOUNDS}"
        self._pool: AsyncConnectionPool[AsyncConnection[TupleRow]] = AsyncConnectionPool(
            connection_class=PatientConnection,
            kwargs=parameters,
            min_size=0,
            max_size=3,
            open=False,
            timeout=5.0,
            max_idle=60.0,
            name="outbox",
        )

    async def open(self) -> None:
        """Get ready; the store may be away."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()

    async def route(self, plan: Plan, limit: int = 200) -> int:
        """Enter the deliveries of up to ``limit`` notices that have none yet, oldest first; how many notices."""
        async with self._transaction() as connection:
            free, now = await _one(connection, _LOCK_ROUTING, (_ROUTING,))
            if not free:  # another hub is at it
                return 0
            rows = await (await connection.execute(_UNROUTED, (limit,))).fetchall()
            if rows:
                await _enter(connection, [(row, plan(_notice(row), instants.from_datetime(now))) for row in rows])
                await connection.execute(_ROUTED, (now, [row[0] for row in rows]))
            return len(rows)

    async def busy_channels(self, among: Iterable[str]) -> set[str]:
        """Those of the channels for which something is due."""
        return {row[0] for row in await self._rows(_BUSY_CHANNELS, (list(among),))}

    async def claim(self, channel: str, terms: Terms, is_quiet: Callable[[int], bool]) -> list[Claimed]:
        """Messages that are to be sent now, those that were tried before first; nobody else sends them for a while.

        In quiet hours only urgent ones. ``is_quiet`` is asked with the store's clock.
        """
        async with self._transaction() as connection:
            _, now = await _one(connection, _LOCK_CHANNEL, (_ROUTING, channel))
            slots = terms.slots
            allowance = None
            if terms.per_minute is not None:
                allowance = terms.per_minute - (await _one(connection, _TRIED, (channel, now)))[0]
                slots = min(slots, allowance)
            if slots <= 0:
                return []
            params = {"channel": channel, "now": now, "quiet": is_quiet(instants.from_datetime(now)), "limit": slots}
            messages = [row[0] for row in await (await connection.execute(_AGAIN.encode(), params)).fetchall()]
            slots -= len(messages)
            allowance = None if allowance is None else allowance - len(messages)
            if slots:
                rows = await (await connection.execute(_FRESH.encode(), params)).fetchall()
                due = [Due(*row) for row in rows]
                for group in gather(due, slots=slots, allowance=allowance, bundles=terms.bundles):
                    messages.append(uuid4())
                    await connection.execute(_FORM, (messages[-1], group))
            if not messages:
                return []
            await connection.execute(_CLAIM.encode(), {"now": now, "lease": terms.lease_s, "messages": messages})
            return _claimed(channel, await (await connection.execute(_READ.encode(), (messages,))).fetchall())

    async def delivered(self, claimed: Claimed, answer: str) -> None:
        """The channel has taken the message; this holds whoever has claimed it meanwhile."""
        await self._change(_DELIVERED, (answer, UUID(claimed.message.id)))

    async def failed(self, claimed: Claimed, answer: str, wait_s: float) -> None:
        """The channel has not taken the message; it is to be tried again after ``wait_s``."""
        values = {"wait": wait_s, "answer": answer, "attempts": claimed.attempts, "message": UUID(claimed.message.id)}
        await self._change(_FAILED, values)

    async def let_go(self, claimed: Claimed) -> None:
        """Let others send the message: this hub does not, or does not know what became of it."""
        await self._change(_LET_GO, (UUID(claimed.message.id), claimed.attempts))

    async def give_up(self, channel: str, after_s: float, reason: str, claimed: Claimed | None = None) -> int:
        """Give up what has been due for longer than ``after_s``: of the whole channel, or one message; how many."""
        values = {"channel": channel, "after": after_s, "reason": reason}
        return await self._change(_GIVE_UP, values | {"message": UUID(claimed.message.id) if claimed else None})

    async def waiting(self) -> dict[str, int]:
        """How many deliveries wait, by channel."""
        return dict(await self._rows(_WAITING))

    async def forget(self, days: int) -> int:
        """Delete what was entered before so many days and is done with; how many notices."""
        return await self._change(_FORGET, (days,))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        with translated_errors():
            async with self._pool.connection() as connection, connection.transaction():
                yield connection

    async def _rows(self, query: str, values: Any = ()) -> list[tuple[Any, ...]]:
        async with self._transaction() as connection:
            return await (await connection.execute(query.encode(), values)).fetchall()

    async def _change(self, query: str, values: Any) -> int:
        async with self._transaction() as connection:
            return (await connection.execute(query.encode(), values)).rowcount


async def _one(connection: AsyncConnection, query: str, values: Any) -> tuple[Any, ...]:
    row = await (await connection.execute(query.encode(), values)).fetchone()
    assert row is not None
    return row


async def _enter(connection: AsyncConnection, planned: list[tuple[tuple[Any, ...], Sequence[Planned]]]) -> None:
    entries = [(row, one) for row, several in planned for one in several]
    if not entries:
        return
    columns: tuple[list[Any], ...] = (
        [row[0] for row, _ in entries],
        [row[5] for row, _ in entries],
        [one.channel for _, one in entries],
        [one.urgent for _, one in entries],
        [one.digest for _, one in entries],
        [instants.to_datetime(one.not_before) for _, one in entries],
    )
    await connection.execute(_ENTER, columns)
    urgent = [(row, one) for row, one in entries if one.urgent and row[5] is not None]
    if urgent:
        alerts, channels = [row[5] for row, _ in urgent], [one.channel for _, one in urgent]
        due = [instants.to_datetime(one.not_before) for _, one in urgent]
        await connection.execute(_HASTEN.encode(), (alerts, channels, [row[0] for row, _ in urgent], due))


def _notice(row: tuple[Any, ...]) -> Notice:
    sequence, key, action, entered_at, content, alert = row
    entered = instants.from_datetime(entered_at)
    return Notice(sequence, key, action, entered, read_content(content, entered), alert)


def _claimed(channel: str, rows: Sequence[tuple[Any, ...]]) -> list[Claimed]:
    members: dict[UUID, list[tuple[Any, ...]]] = {}
    for row in rows:
        members.setdefault(row[0], []).append(row)
    return [
        Claimed(
            Message(str(message), channel, tuple(_notice(row[3:]) for row in several)),
            max(row[1] for row in several),
            min(instants.from_datetime(row[2]) for row in several),
        )
        for message, several in members.items()
    ]
