"""The web server by itself."""

from __future__ import annotations

import asyncio
import socket

import httpx
from fastapi import FastAPI

from hub.web import WebServer


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
