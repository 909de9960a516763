"""Following through an outage: what was noted waits until it can be read, and is then told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from api.live.feed import Feed
from devices.errors import TransientError
from devices.live import LiveAlert, LiveDevice, LiveIncident, LiveOrder, Note
from hub.live import Follower
from tests.posting import until


class FaultyStore:
    """A store that notes what it is told to, and fails as often as it is told to."""

    def __init__(self) -> None:
        self.notes: asyncio.Queue[Note] = asyncio.Queue()
        self.faults = 0
        self.asked: list[tuple[int, ...]] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[AsyncIterator[Note]]:
        async def noted() -> AsyncIterator[Note]:
            while True:
                yield await self.notes.get()

        yield noted()

    async def devices(self, keys: Iterable[int]) -> list[LiveDevice]:
        self.asked.append(tuple(keys))
        if self.faults:
            self.faults -= 1
            raise TransientError("away")
        return [LiveDevice(f"bin-{key}", "bin") for key in self.asked[-1]]

    async def alerts(self, numbers: Iterable[int]) -> list[LiveAlert]:
        raise AssertionError("nobody noted any")

    async def orders(self, ids: Iterable[str]) -> list[LiveOrder]:
        return [LiveOrder(one, "collect", "sent", "v", None, "p", 0, 0, 0, "x") for one in ids]

    async def incidents(self, numbers: Iterable[int]) -> list[LiveIncident]:
        raise AssertionError("nobody noted any")


async def test_what_cannot_be_read_waits_and_is_told_once() -> None:
    store, feed, stop = FaultyStore(), Feed(), asyncio.Event()
    follower = Follower(store, feed)  # type: ignore[arg-type]
    following = asyncio.create_task(follower.run(stop))
    await until(follower.listening.is_set, "it listens")
    with feed.seat("key:a"):
        place, store.faults = feed.place, 3
        store.notes.put_nowait(Note(devices=(1, 2), orders=("a",)))
        await until(lambda: store.faults == 0, "it has failed three times")
        store.notes.put_nowait(Note(devices=(2, 3)))
        await until(lambda: len(feed.newest.after(place.devices)) == 3, "all is told")
        assert [one.device.id for one in feed.newest.after(place.devices)] == ["bin-1", "bin-2", "bin-3"]
        assert [item.id for entry in feed.ring.after(place.events) for item in entry.items] == ["a"]
    stop.set()
    await following
    assert feed.closed


async def test_nothing_is_read_while_nobody_is_there() -> None:
    store, feed, stop = FaultyStore(), Feed(steady=lambda: 1e6), asyncio.Event()
    follower = Follower(store, feed)  # type: ignore[arg-type]
    following = asyncio.create_task(follower.run(stop))
    await until(follower.listening.is_set, "it listens")
    store.notes.put_nowait(Note(devices=(1,)))
    await until(store.notes.empty, "the note was taken")
    with feed.seat("key:a"):
        store.notes.put_nowait(Note(devices=(2,)))
        await until(lambda: store.asked, "it reads")
    assert store.asked == [(2,)]
    stop.set()
    await following
