"""The other side of the API's bench, in a process of its own: asks in turn or at once, and follows the live stream.

Run as ``python -m hub.bench.api.load``; the job is one line of JSON on standard input, the result one on standard
output. HTTP is spoken by hand, so that the machine's time goes to what is measured.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from time import perf_counter

import msgspec

LINE_LIMIT = 16 * 1024 * 1024


class Job(msgspec.Struct, frozen=True):
    """``paths`` are asked for ``seconds`` by ``clients`` at once; or followed by as many, when it is ``live``."""

    port: int
    key: str
    paths: tuple[str, ...]
    clients: int
    seconds: float
    live: bool = False


class Asked(msgspec.Struct):
    """Times of answers in ms, in no order; ``bytes`` of all bodies; ``failed`` are answers that are not 200."""

    times_ms: list[float]
    bytes: int
    seconds: float
    failed: int = 0


class Followed(msgspec.Struct):
    """What readers of the stream got: ages of states in ms (from reception to the reader), of some of the readers."""

    ages_ms: list[float]
    events: int
    states: int
    bytes: int
    seconds: float
    gaps: int  #: events that told a reader that it has missed something
    ended: int  #: streams that the hub ended
    fewest: int  #: states that one reader got
    most: int


class _State(msgspec.Struct):
    received_at: datetime


class _Bundle(msgspec.Struct):
    devices: list[_State]


_BUNDLE = msgspec.json.Decoder(_Bundle)
_TIMED = 3  #: readers of which the ages are taken


async def ask(job: Job) -> Asked:
    """Ask until the time is over."""
    result = Asked([], 0, job.seconds)
    turn = count()
    until = perf_counter() + job.seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", job.port, limit=LINE_LIMIT)
        while perf_counter() < until:
            started = perf_counter()
            status, size = await get(reader, writer, job.paths[next(turn) % len(job.paths)], job.key)
            result.times_ms.append((perf_counter() - started) * 1_000)
            result.bytes += size
            result.failed += status != 200
        writer.close()

    await asyncio.gather(*(client() for _ in range(job.clients)))
    return result


async def get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, key: str) -> tuple[int, int]:
    """One request on an open connection; status and length of the body."""
    writer.write(_request(path, key))
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(length)
    return int(head[9:12]), length


async def follow(job: Job) -> Followed:
    """Follow until the time is over."""
    result = Followed([], 0, 0, 0, job.seconds, 0, 0, 0, 0)
    until = perf_counter() + job.seconds
    by_reader = [0] * job.clients

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", job.port, limit=LINE_LIMIT)
        writer.write(_request(job.paths[number % len(job.paths)], job.key))
        event = b""
        try:
            async with asyncio.timeout(until - perf_counter()):
                while line := await reader.readline():
                    result.bytes += len(line)
                    if line.startswith(b"event: "):
                        event = line[7:-1]
                    elif line.startswith(b"data: "):
                        by_reader[number] += _count(result, event, line[6:], number)
                result.ended += 1
        except TimeoutError:
            writer.close()

    await asyncio.gather(*(client(number) for number in range(job.clients)))
    result.states, result.fewest, result.most = sum(by_reader), min(by_reader), max(by_reader)
    return result


def _count(result: Followed, event: bytes, data: bytes, reader: int) -> int:
    result.events += 1
    if event == b"resync":
        result.gaps += 1
    if event != b"device":
        return 0
    if reader < _TIMED:
        now = datetime.now(UTC)
        result.ages_ms += [(now - one.received_at).total_seconds() * 1_000 for one in _BUNDLE.decode(data).devices]
    return data.count(b'"received_at":')


def _request(path: str, key: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: hub\r\nAccept-Encoding: gzip\r\nX-API-Key: {key}\r\n\r\n".encode()


def percentile(times: Sequence[float], share: float) -> float:
    """The smallest value below which so many of the times lie."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def main() -> None:
    """Read the job, do it, and tell."""
    job = msgspec.json.decode(sys.stdin.readline(), type=Job)
    result: msgspec.Struct = asyncio.run(follow(job)) if job.live else asyncio.run(ask(job))
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")


if __name__ == "__main__":
    main()
