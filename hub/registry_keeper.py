"""Keeps the registry in memory as it is in the store, where other hubs, the API and commands change it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import time_ns

from devices.errors import TransientError
from devices.registry import Registry
from ingest.runner import Condition, pause, persist
from store.telemetry.writer import PostgresStore

REFRESH_S = 5.0  #: how soon changes by others are seen
OVERLAP_US = 60_000_000  #: changes are asked for a minute back, for transactions that commit late


class RegistryKeeper:
    """Reads the whole registry the first time, and then what has changed."""

    def __init__(self, store: PostgresStore, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._read_at = 0

    @property
    def is_read(self) -> bool:
        """Whether the whole of it was read."""
        return self._read_at > 0

    async def run(self, stop: asyncio.Event) -> None:
        """Follow what others change, until ``stop``."""
        condition = Condition("registry")
        with suppress(TransientError):  # raised only while stopping
            while not stop.is_set():
                await pause(stop, REFRESH_S)
                await self.read(condition, stop)

    async def read(self, condition: Condition, stop: asyncio.Event) -> None:
        """Bring the registry up to date, however long the store is away. Raises TransientError only while stopping."""
        since, asked_at = self._read_at, time_ns() // 1_000
        for identity, device in await persist(lambda: self._store.changed_devices(since), condition, stop):
            self._registry.add(identity, device)
        self._read_at = asked_at - OVERLAP_US
