"""What one process of a hub has around its desks in tests: store, pool and assembler; the clock is the test's."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from psycopg_pool import AsyncConnectionPool

from devices.vocabulary import Batch, Device, Frame
from ingest.assembly import Assembler
from store.connection import session_parameters
from store.reading import ReadSession
from store.telemetry.writer import PostgresStore
from tests.intake import make_assembler


class Process:
    """Opened, it knows the devices that the store has. ``desk`` is what the pipeline would write to."""

    desk: Any

    def __init__(self, dsn: str, store: PostgresStore, time: int) -> None:
        self.time = time
        self.store = store
        self.pool = AsyncConnectionPool(kwargs=session_parameters(dsn), min_size=0, max_size=2, open=False)
        self.reads = ReadSession(self.pool)
        self.assembler: Assembler = make_assembler(store)
        self.registry = self.assembler._registry

    def device(self, key: int) -> Device | None:
        return next((one for one in self.registry.devices() if one.key == key), None)

    async def __aenter__(self) -> Self:
        await self.store.open()
        await self.pool.open()
        for identity, device in await self.store.changed_devices(0):
            self.registry.add(identity, device)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.pool.close()
        await self.store.close()

    async def assembled(self, frames: Sequence[Frame]) -> Batch:
        """What the frames are filed as."""
        return await self.assembler.assemble([self.assembler.decode(one) for one in frames])

    async def bring(self, desk: Any, engine: Any) -> None:
        """Bring devices that this process has not heard, as at a start."""
        devices = {one.key: one for one in self.registry.devices()}
        async with desk.turn:
            await desk.load({key: devices[key] for key in engine.unknown(devices)})
