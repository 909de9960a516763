"""A whole hub in this process, over a real database and a real socket, without brokers; and keys for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg

from devices.access import Role
from hub.bootstrap import Hub
from hub.settings import settings
from hub.web import WebServer
from store.access.api_keys import ApiKeys
from store.writing import WriteSession
from tests.access_keys import make_key


async def until(condition: Callable[[], object], what: str, deadline_s: float = 60.0) -> None:
    """Wait for a condition on the event loop."""
    try:
        async with asyncio.timeout(deadline_s):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {deadline_s:g} s: {what}") from None


class Post:
    """A hub that takes posts."""

    def __init__(self, hub: Hub, dsn: str) -> None:
        self.hub = hub
        self.dsn = dsn
        assert hub.web is not None
        self.url = hub.web.url
        self.address = ("127.0.0.1", hub.web.port)
        self.keys = ApiKeys(WriteSession(hub._pool))
        self.client = httpx.AsyncClient(base_url=self.url, timeout=30, headers={"X-API-Key": make_key(dsn, "viewer")})

    async def key(self, role: str, device: str | None = None, expires_at: int | None = None) -> str:
        """A new key of the role."""
        key, _ = await self.keys.create(f"{role} test", Role(role), device=device, expires_at=expires_at, actor="test")
        return key

    async def telemetry(self, key: str, body: Any = None, **options: Any) -> httpx.Response:
        """POST telemetry."""
        if body is not None:
            options["json"] = body
        headers = {"Authorization": f"Bearer {key}", **options.pop("headers", {})}
        return await self.client.post("/api/v1/telemetry", headers=headers, **options)

    def sql(self, statement: str, *params: Any) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), params)
            return cursor.fetchall() if cursor.description else []

    def readings(self) -> list[tuple[Any, ...]]:
        """(device, metric, value) of all readings."""
        return self.sql(
            "SELECT d.id, m.name, r.value FROM readings r JOIN devices d ON d.key = r.device_key"
            " JOIN metrics m ON m.key = r.metric_key ORDER BY 1, 2, r.observed_at, 3"
        )

    def letters(self) -> list[tuple[Any, ...]]:
        """(adapter, channel, code, reason) of all dead letters."""
        return self.sql("SELECT adapter, channel, code, reason FROM dead_letters ORDER BY id")


@contextlib.asynccontextmanager
async def posting(dsn: str, folder: Path, **sections: Any) -> AsyncIterator[Post]:
    """A running hub; ``sections`` are its settings."""
    chosen = settings.load(
        None, data=folder, store={"dsn": dsn, "mode": "plain"}, broker={"enabled": False}, **sections
    )
    web = WebServer("127.0.0.1", 0, chosen.api.trusted_proxies)
    hub = Hub(chosen, dsn=dsn, brokers=list(chosen.mqtt), data=folder, web=web)
    working = asyncio.create_task(hub.run())
    listening = asyncio.create_task(hub.listening())
    try:
        await asyncio.wait({working, listening}, return_when=asyncio.FIRST_COMPLETED)
        await until(lambda: working.done() or hub.registry_keeper.is_read, "the registry is read, so there is a schema")
        post = Post(hub, dsn)
        async with post.client:
            yield post
    finally:
        hub.stop()
        listening.cancel()
        await working
