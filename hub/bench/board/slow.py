"""A reader of the live stream that takes nothing, as the board's bench sets it beside the page; and its coming back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from time import perf_counter

import msgspec

from hub.bench.api.load import LINE_LIMIT

SMALL_BUFFER = 4_096
LATE_S = 30.0  #: how long what was missed may take


class Slow(msgspec.Struct):
    """What became of a slow reader: whether it was hung up on, and what it was told when it came back."""

    dropped_after_s: float | None
    resumed: bool
    resyncs: int
    told: int  #: vehicles that it was told of after it came back
    told_after_s: float


class _Hello(msgspec.Struct):
    resumed: bool


class _One(msgspec.Struct):
    id: str


class _Bundle(msgspec.Struct):
    devices: list[_One]


_HELLO = msgspec.json.Decoder(_Hello)
_BUNDLE = msgspec.json.Decoder(_Bundle)


async def stall(port: int, key: str, vehicles: int, dropped: Callable[[], int], most_s: float) -> Slow:
    """Read the first event, then nothing until the hub hangs up, at most ``most_s``; then go on from that event."""
    loop = asyncio.get_running_loop()
    before, began = dropped(), perf_counter()
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        peer.setblocking(False)
        await loop.sock_connect(peer, ("127.0.0.1", port))
        await loop.sock_sendall(peer, _request(key, None))
        heard = b""
        while b"\n\n" not in heard.partition(b"id: ")[2]:
            heard += await loop.sock_recv(peer, 512)
        place = heard.partition(b"id: ")[2].partition(b"\n")[0].decode()
        while dropped() == before and perf_counter() - began < most_s:  # noqa: ASYNC110 - a figure of the feed
            await asyncio.sleep(0.1)
        after = round(perf_counter() - began, 1) if dropped() > before else None
    return await _return(port, key, vehicles, place, after)


async def _return(port: int, key: str, vehicles: int, place: str, after: float | None) -> Slow:
    found = Slow(after, False, 0, 0, 0.0)
    known: set[str] = set()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LINE_LIMIT)
    writer.write(_request(key, place))
    began, event = perf_counter(), b""
    try:
        async with asyncio.timeout(LATE_S):
            while len(known) < vehicles and (line := await reader.readline()):
                if line.startswith(b"event: "):
                    event = line[7:-1]
                    found.resyncs += event == b"resync"
                elif line.startswith(b"data: ") and event == b"hello":
                    found.resumed = _HELLO.decode(line[6:]).resumed
                elif line.startswith(b"data: ") and event == b"device":
                    known.update(one.id for one in _BUNDLE.decode(line[6:]).devices)
    except TimeoutError:
        pass
    finally:
        writer.close()
    found.told, found.told_after_s = len(known), round(perf_counter() - began, 2)
    return found


def _request(key: str, place: str | None) -> bytes:
    resuming = "" if place is None else f"Last-Event-ID: {place}\r\n"
    path = "/api/v1/live?min_interval_ms=0&kinds=vehicle"
    return f"GET {path} HTTP/1.1\r\nHost: hub\r\nX-API-Key: {key}\r\n{resuming}\r\n".encode()
