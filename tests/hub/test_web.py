"""The web server by itself."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest
from fastapi import FastAPI

from hub.web import Protocol, WebServer


async def test_answers_leave_at_once() -> None:
    """Without TCP_NODELAY the body of an answer waits for the peer's delayed acknowledgement of its head: 40 ms."""
    app = FastAPI()

    @app.get("/")
    def hello() -> str:
        return "hello"

    web = WebServer("127.0.0.1", 0)
    serving = asyncio.create_task(web.run(app))
    await web.listening.wait()
    try:
        async with httpx.AsyncClient(base_url=web.url) as client:
            assert (await client.get("/")).json() == "hello"
            assert web._server is not None
            (connection,) = web._server.server_state.connections
            served: socket.socket = connection.transport.get_extra_info("socket")  # type: ignore[union-attr]
            assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    finally:
        web.stop()
        await serving


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: a\r\nX: "], ids=["nothing", "half a head"])
async def test_who_asks_nothing_is_hung_up_on(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each counts against the most connections that are served at a time: five hundred forgotten ones would shut it."""
    monkeypatch.setattr(Protocol, "head_within_s", 0.3)
    app = FastAPI()

    @app.get("/")
    async def hello() -> str:
        await asyncio.sleep(0.5)  # an answer may take longer than a question
        return "hello"

    web = WebServer("127.0.0.1", 0)
    serving = asyncio.create_task(web.run(app))
    await web.listening.wait()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
        writer.write(said)
        again = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        other, asking = await asyncio.open_connection("127.0.0.1", web.port)
        asking.write(again)
        async with asyncio.timeout(30):
            assert await reader.read() == b""
            assert (await other.readuntil(b'"hello"')).startswith(b"HTTP/1.1 200")
            asking.write(again)
            assert (await other.readuntil(b'"hello"')).endswith(b'"hello"')
            asking.write(again[:20])
            assert await other.read() == b""
        writer.close()
        asking.close()
    finally:
        web.stop()
        await serving
