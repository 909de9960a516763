"""A reader of the live stream, as a browser would be one: it keeps the id of its last whole event."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx


class Stream:
    """What came over one or several connections."""

    def __init__(self, client: httpx.AsyncClient, key: str, **params: Any) -> None:
        self.last_id: str | None = None
        self.events: list[tuple[str, Any]] = []
        self.states: dict[str, dict[str, Any]] = {}
        self.ended = 0  #: connections that the hub has ended
        self._client = client
        self._headers = {"X-API-Key": key}
        self._params = {"min_interval_ms": 0, **params}

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Stream]:
        """Read in the background; the first event is there."""
        before = len(self.events)
        reading = asyncio.create_task(self.read())
        try:
            await self.until(lambda: len(self.events) > before or reading.done(), "the stream begins")
            yield self
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def read(self, most_bytes: int | None = None) -> None:
        """Connect, and read to the end or until so many bytes have come; what is not a whole event then is lost."""
        headers = self._headers | ({"Last-Event-ID": self.last_id} if self.last_id else {})
        left = b""
        count = 0
        async with self._client.stream("GET", "/api/v1/live", headers=headers, params=self._params) as answer:
            if answer.status_code != 200:
                await answer.aread()
                raise AssertionError(f"{answer.status_code}: {answer.text}")
            async for chunk in answer.aiter_raw():
                part = chunk if most_bytes is None else chunk[: most_bytes - count]
                count += len(part)
                left = self.take(left + part)
                if most_bytes is not None and count >= most_bytes:
                    return
        self.ended += 1

    def take(self, data: bytes) -> bytes:
        """Take the whole events of what came; the rest."""
        *blocks, left = data.split(b"\n\n")
        for block in blocks:
            fields = dict(line.split(": ", 1) for line in block.decode().split("\n"))
            self.last_id = fields.get("id", self.last_id)
            if "data" in fields:
                self._event(fields["event"], json.loads(fields["data"]))
        return left

    def _event(self, name: str, data: Any) -> None:
        self.events.append((name, data))
        for one in data.get("devices", ()):
            known = self.states.get(one["id"], {"readings": {}})
            self.states[one["id"]] = one | {"readings": known["readings"] | one["readings"]}

    def of(self, name: str) -> list[Any]:
        """The data of events of a name; for lists, their items."""
        found = [data for event, data in self.events if event == name]
        return [item for data in found for item in data[f"{name}s"]] if name not in ("hello", "resync") else found

    async def until(self, condition: Callable[[], object], what: str, deadline_s: float = 30.0) -> None:
        """Wait for a condition."""
        try:
            async with asyncio.timeout(deadline_s):
                while not condition():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"not within {deadline_s:g} s: {what}; events {self.events[-5:]}") from None
