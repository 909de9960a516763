"""The way back from the spool: frames on disk go through the intake, and are forgotten once they are committed."""

from __future__ import annotations

import asyncio
from functools import partial

from devices.errors import TransientError
from devices.vocabulary import Outcome
from ingest.ports import Intake
from ingest.runner import Backoff, Condition, persist
from ingest.spool import Spool

CHUNK = 500  #: frames on their way from the spool at a time


class _Group:
    """Frames of the spool that are on their way; ``done`` when the last is settled, True if all were committed."""

    def __init__(self, count: int) -> None:
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._left = count
        self._committed = True

    def settle(self, outcome: Outcome) -> None:
        self._left -= 1
        self._committed &= outcome is Outcome.COMMITTED
        if self._left == 0:
            self.done.set_result(self._committed)


async def feed(spool: Spool, intake: Intake, stop: asyncio.Event, backoff: Backoff | None = None) -> None:
    """Bring spooled frames to the intake, in order, whenever there are any and it has room, until ``stop`` is set.

    Frames that it abandons stay in the spool and are brought again, after a pause that grows.
    """
    room = asyncio.Event()
    intake.on_room(room.set)
    condition = Condition("spool feed")
    while not stop.is_set():
        await _either(spool.not_empty, stop)
        try:
            await persist(partial(_carry, spool, intake, room, stop), condition, stop, backoff)
        except TransientError:  # only while stopping: what is left waits for the next start
            return


async def _carry(spool: Spool, intake: Intake, room: asyncio.Event, stop: asyncio.Event) -> None:
    """Bring the oldest frames to the intake and await their fate. Raises TransientError when they were not taken."""
    room.clear()
    while not (stop.is_set() or intake.has_room):
        await _either(room, stop)
        room.clear()
    if stop.is_set():
        return
    try:
        records = spool.peek(CHUNK)
    except OSError as error:
        raise TransientError(f"the spool cannot be read: {error}") from error
    if not records:
        spool.not_empty.clear()
        return
    group = _Group(len(records))
    for frame, _ in records:
        intake.offer(frame, group)
    if await group.done:
        spool.forget(records[-1][1])
    elif not stop.is_set():
        raise TransientError("spooled frames were not committed; they are kept")


async def _either(first: asyncio.Event, second: asyncio.Event) -> None:
    """Wait until one of two events is set."""
    waiting = [asyncio.ensure_future(event.wait()) for event in (first, second)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiting:
            waiter.cancel()
