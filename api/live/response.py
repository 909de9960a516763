"""Sending a stream to a peer that may be slow: it is given up after a while, and comes back to where it was."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager

import structlog
from fastapi import Response
from starlette.types import Receive, Scope, Send

from api.live.feed import Feed

MEDIA_TYPE = "text/event-stream"
TRANSPORT = "sanihub.transport"
"""The extension of the ASGI scope by which the server hands over the transport of the connection, under ``transport``.

With it the stream bounds what the kernel holds back of it, and can hang up on a peer that takes nothing.
"""
KERNEL_BYTES = 128 * 1024

_log = structlog.get_logger("api.live")


class LiveResponse(Response):
    """The answer that lasts. ``seat`` is held as long as it does."""

    media_type = MEDIA_TYPE

    def __init__(self, events: AsyncIterator[bytes], feed: Feed, seat: AbstractContextManager[object]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(None, headers=headers)
        self.raw_headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        self._events = events
        self._feed = feed
        self._seat = seat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the stream ends, the peer goes, or it takes nothing for too long."""
        transport = (scope.get("extensions") or {}).get(TRANSPORT, {}).get("transport")
        if transport is not None and (peer := transport.get_extra_info("socket")) is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        with self._seat:
            sending = asyncio.create_task(self._send(send))
            leaving = asyncio.create_task(_gone(receive))
            try:
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
                sending.cancel()
                await asyncio.gather(sending, leaving, return_exceptions=True)
        if sending.cancelled():
            return
        error = sending.exception()
        if isinstance(error, TimeoutError):
            self._feed.dropped += 1
            _log.info("slow_reader_dropped", path=scope["path"], patience_s=self._feed.limits.patience_s)
            if transport is not None:
                transport.abort()
                await _gone(receive)  # else the server complains that the answer was not finished
        elif error is not None and not isinstance(error, OSError):  # OSError: the peer has gone
            raise error

    async def _send(self, send: Send) -> None:
        """Raises TimeoutError when the peer took nothing for too long."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for piece in self._events:
            async with asyncio.timeout(self._feed.limits.patience_s):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
