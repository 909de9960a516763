"""Phones and badges that post the hub's own JSON over HTTP, with a key, until they are answered.

An answer 2xx acknowledges a post. One that says that the post itself is at fault (400, 413, 415, 422) refuses it: to
send it again would change nothing. After any other answer, and where there is none, it is sent again after a pause.
"""

from __future__ import annotations

import asyncio
import random
import zlib
from types import TracebackType

import httpx
import msgspec
import structlog

from simulators.message import Message
from simulators.speakers.native_json import Encoder
from simulators.speakers.speaker import Tally

log = structlog.get_logger(__name__)
PATH = "/api/v1/telemetry"
_AT_FAULT = frozenset((400, 413, 415, 422))


class HttpAddress(msgspec.Struct, frozen=True):
    """Where the hub is (``http://host:port``), and the key that a post shows. Times are in seconds."""

    url: str
    key: str
    lanes: int = 4
    window: int = 500
    timeout_s: float = 30.0
    backoff_s: float = 0.5
    backoff_limit_s: float = 30.0


class HttpSpeaker:
    """See the module and :class:`simulators.speakers.speaker.Speaker`.

    Posts of one device follow one another in one of ``lanes``, each after the answer to the one before.
    """

    def __init__(self, address: HttpAddress) -> None:
        self.tally = Tally(address.window)
        self._address = address
        self._encoder = Encoder()
        self._lanes: list[asyncio.Queue[bytes]] = [asyncio.Queue() for _ in range(address.lanes)]
        self._group = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[None]] = []
        self._client = httpx.AsyncClient(
            base_url=address.url.rstrip("/"),
            headers={"Authorization": f"Bearer {address.key}", "Content-Type": "application/json"},
            timeout=address.timeout_s,
            trust_env=False,
        )
        self._away = False

    async def __aenter__(self) -> HttpSpeaker:
        await self._group.__aenter__()
        self._tasks = [self._group.create_task(self._work(lane)) for lane in self._lanes]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if kind is not None and not issubclass(kind, asyncio.CancelledError):
            kind = error = trace = None
        await self._group.__aexit__(kind, error, trace)
        await self._client.aclose()

    async def greet(self, device_id: str) -> None:
        """Nothing: each post stands for itself."""

    async def publish(self, message: Message) -> None:
        """Take a message on; being ``offline`` is silence and nothing else."""
        if message.offline:
            return
        await self.tally.take()
        lane = self._lanes[zlib.crc32(message.device_id.encode()) % len(self._lanes)]
        lane.put_nowait(self._encoder.posted(message))

    async def drain(self) -> None:
        """Wait until everything is answered."""
        await self.tally.drained()

    async def _work(self, lane: asyncio.Queue[bytes]) -> None:
        while True:
            body = await lane.get()
            if await self._accepted(body):
                self.tally.acknowledge()
            else:
                self.tally.refuse()

    async def _accepted(self, body: bytes) -> bool:
        """Post until there is an answer that settles it; whether it was taken."""
        pause = self._address.backoff_s
        while True:
            try:
                answer = await self._client.post(PATH, content=body)
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
            else:
                if answer.is_success or answer.status_code in _AT_FAULT:
                    self._tell(None)
                    return answer.is_success
                reason = f"status {answer.status_code}"
            self._tell(reason)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, self._address.backoff_limit_s)

    def _tell(self, reason: str | None) -> None:
        """Log the first failure, and the recovery."""
        if reason is not None and not self._away:
            log.warning("peer_away", protocol="http", url=self._address.url, reason=reason)
        elif reason is None and self._away:
            log.info("peer_back", protocol="http", url=self._address.url)
        self._away = reason is not None
