"""A receiver of webhooks for the tests: a small HTTP server on loopback that answers as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import h11
import msgspec


class Request(msgspec.Struct, frozen=True):
    """What came."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class Answer(msgspec.Struct, frozen=True):
    """What is said to it. ``chunks`` are sent one after the other; ``hold`` waits before anything is said."""

    status: int = 204
    headers: dict[str, str] = {}
    chunks: tuple[bytes, ...] = ()
    hold: asyncio.Event | None = None
    raw: bytes | None = None


class Receiver:
    """``requests`` are all that came, in order; ``decide`` says what each is answered."""

    def __init__(self, decide: Callable[[Request], Answer] | None = None) -> None:
        self.requests: list[Request] = []
        self.decide = decide or (lambda request: Answer())
        self.arrived = asyncio.Condition()
        self.connections = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def count(self, number: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(60), self.arrived:
            await self.arrived.wait_for(lambda: len(self.requests) >= number)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            request = await _read(reader)
            if request is not None:
                async with self.arrived:
                    self.requests.append(request)
                    self.arrived.notify_all()
                await _say(writer, self.decide(request))
        writer.transport.abort() if writer.is_closing() else writer.close()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    connection = h11.Connection(h11.SERVER)
    head: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(65_536))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            fields = {name.decode(): value.decode() for name, value in head.headers}
            return Request(head.target.decode(), fields, body)
        else:
            return None


async def _say(writer: asyncio.StreamWriter, answer: Answer) -> None:
    if answer.hold is not None:
        await answer.hold.wait()
    if answer.raw is not None:
        writer.write(answer.raw)
        await writer.drain()
        return
    head = [f"HTTP/1.1 {answer.status} X", "Connection: close", *(f"{k}: {v}" for k, v in answer.headers.items())]
    writer.write(("\r\n".join(head) + "\r\n\r\n").encode())
    for chunk in answer.chunks:
        writer.write(chunk)
        await writer.drain()


@contextlib.asynccontextmanager
async def receiver(
    decide: Callable[[Request], Answer] | None = None, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Receiver]:
    made = Receiver(decide)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(made.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, host, 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tuple(tasks))
