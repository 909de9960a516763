"""The posters of the HTTP bench, in a process of their own: connections that are kept, each with one post at a time.

Run as ``python -m hub.bench.http.load``; a job is a line of JSON on standard input, its result one on standard output.
HTTP is spoken by hand, so that the machine's time goes to what is measured.
"""

from __future__ import annotations

import asyncio
import sys
import time
from time import perf_counter

import msgspec

from hub.bench.load import payload


class Job(msgspec.Struct, frozen=True):
    """``connections`` post for ``seconds``, ``batch`` messages at a time, with the ``keys`` in turn.

    Each connection speaks for so many devices as a batch has messages; ``start_us`` is the first message's time.
    """

    port: int
    keys: tuple[str, ...]
    connections: int
    batch: int
    seconds: float
    start_us: int


class Posted(msgspec.Struct):
    """Times of answers in ms, in the order of their arrival; ``failed`` are those that are not 200.

    ``ended`` are connections that the hub has closed before the time was over.
    """

    times_ms: list[float]
    seconds: float
    cpu_s: float
    failed: int = 0
    ended: int = 0


class Poster(asyncio.Protocol):
    """One connection: the next post leaves when the last one is answered, until the time is over."""

    def __init__(self, job: Job, number: int, posted: Posted, until: float) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._job, self._posted, self._until = job, posted, until
        key = job.keys[number % len(job.keys)]
        head = ("POST /api/v1/telemetry HTTP/1.1", "Host: hub", "Content-Type: application/json", f"X-API-Key: {key}")
        self._head = "\r\n".join((*head, "Content-Length: "))
        self._first = number * job.batch
        self._turn = 0
        self._sent_at = 0.0
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._post()

    def connection_lost(self, error: Exception | None) -> None:
        """The hub has hung up; it never should before the time is over."""
        if not self.ended.done():
            self._posted.ended += 1
            self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take the answer, and post again."""
        buffer = self._buffer
        buffer += data
        head = buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        lower = bytes(buffer[:head]).lower()
        at = lower.index(b"content-length:") + 15
        end = lower.find(b"\r\n", at)
        if len(buffer) < head + 4 + int(lower[at : end if end >= 0 else None]):
            return
        now = perf_counter()
        self._posted.times_ms.append((now - self._sent_at) * 1_000)
        self._posted.failed += buffer[9:12] != b"200"
        buffer.clear()
        if now < self._until:
            self._post()
        else:
            self.ended.set_result(None)
            self._transport.close()

    def _post(self) -> None:
        at = self._job.start_us + self._turn * 100_000
        devices = range(self._first, self._first + self._job.batch)
        messages = [b'{"device":"post-%06d",' % one + payload(one, self._turn, at + one)[1:] for one in devices]
        body = messages[0] if self._job.batch == 1 else b"[" + b",".join(messages) + b"]"
        self._turn += 1
        self._sent_at = perf_counter()
        self._transport.write(f"{self._head}{len(body)}\r\n\r\n".encode() + body)


async def post(job: Job) -> Posted:
    """Post until the time is over and the last answer is there."""
    loop = asyncio.get_running_loop()
    posted = Posted([], 0.0, 0.0)
    cpu, began = time.process_time(), perf_counter()
    until = began + job.seconds
    posters = []
    for number in range(job.connections):
        poster = Poster(job, number, posted, until)
        await loop.create_connection(lambda poster=poster: poster, "127.0.0.1", job.port)  # type: ignore[misc]
        posters.append(poster)
    await asyncio.gather(*(poster.ended for poster in posters))
    posted.seconds, posted.cpu_s = perf_counter() - began, time.process_time() - cpu
    return posted


def main() -> None:
    """Do job after job."""
    for line in sys.stdin:
        posted = asyncio.run(post(msgspec.json.decode(line, type=Job)))
        sys.stdout.write(msgspec.json.encode(posted).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
