"""The speaker over MQTT: publishes at QoS 1 with many messages in flight, and loses none when the broker is away.

A message that was taken on stays in memory until the broker has acknowledged it. When a connection breaks, the next one
sends everything unacknowledged again, in the old order, before anything new; a broker may therefore see a message
twice (MQTT 3.1.1, clause 4.3.2: at least once). The number taken on is bounded: beyond it, :meth:`MqttSpeaker.publish`
waits, which in turn holds the simulated city back.
"""

from __future__ import annotations

import asyncio
import math
import random
import ssl
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import aiomqtt
import msgspec
import structlog

log = structlog.get_logger(__name__)


class BrokerAddress(msgspec.Struct, frozen=True):
    """Where the broker is and how to get in. With ``tls``, ``ca_file`` names the authority (None: the system's)."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca_file: Path | None = None


class LinkSettings(msgspec.Struct, frozen=True):
    """How to publish.

    ``window`` bounds the messages that all ``connections`` together keep in memory, ``in_flight`` those that one
    connection has sent and not seen acknowledged. The client searches what is in flight for every message, so that
    more is slower: over loopback 100 made 9,400 messages/s, 1,000 made 4,300. A distant broker needs more.

    ``mqtt5`` asks for MQTT 5 instead of 3.1.1. A connection on which nothing is acknowledged for ``stall_s`` seconds
    although something is in flight is given up. Waits between attempts grow from ``backoff_s`` to ``backoff_limit_s``.
    """

    window: int = 1_000
    in_flight: int = 100
    connections: int = 1
    mqtt5: bool = False
    keepalive_s: int = 30
    stall_s: float = 30.0
    backoff_s: float = 0.1
    backoff_limit_s: float = 10.0


class _StalledError(Exception):
    """The broker acknowledges nothing although messages are in flight."""


class _Link:
    """One connection: keeps what is unacknowledged and sends it until it is not."""

    def __init__(self, address: BrokerAddress, settings: LinkSettings, window: int, number: int) -> None:
        self._address, self._settings, self._number = address, settings, number
        self._room = asyncio.Semaphore(window)
        self._unacknowledged: dict[int, tuple[str, bytes, Callable[[], None] | None]] = {}
        self._to_send: asyncio.Queue[int] = asyncio.Queue()
        self._taken = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self.acknowledged = 0
        self.connected = asyncio.Event()

    @property
    def in_flight(self) -> int:
        return len(self._unacknowledged)

    async def take(self, topic: str, payload: bytes, done: Callable[[], None] | None) -> None:
        await self._room.acquire()
        self._taken += 1
        self._unacknowledged[self._taken] = (topic, payload, done)
        self._empty.clear()
        self._to_send.put_nowait(self._taken)

    async def drained(self) -> None:
        await self._empty.wait()

    async def run(self) -> None:
        """Connect and send for ever; ends only by being cancelled."""
        failing = False
        pause = self._settings.backoff_s
        while True:
            try:
                async with self._client() as client:
                    if failing:
                        log.info("broker_back", broker=self._name, connection=self._number, in_flight=self.in_flight)
                    failing, pause = False, self._settings.backoff_s
                    self.connected.set()
                    await self._session(client)
            except* (aiomqtt.MqttError, OSError, _StalledError) as group:
                if not failing:
                    reason = str(group.exceptions[0]) or type(group.exceptions[0]).__name__
                    log.warning("broker_away", broker=self._name, connection=self._number, reason=reason)
                failing = True
            self.connected.clear()
            # Jitter keeps many links from knocking at the same moment when a broker comes back.
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, self._settings.backoff_limit_s)

    @property
    def _name(self) -> str:
        return f"{self._address.host}:{self._address.port}"

    def _client(self) -> aiomqtt.Client:
        address = self._address
        client = aiomqtt.Client(
            address.host,
            address.port,
            username=address.username,
            password=address.password,
            protocol=aiomqtt.ProtocolVersion.V5 if self._settings.mqtt5 else aiomqtt.ProtocolVersion.V311,
            keepalive=self._settings.keepalive_s,
            max_inflight_messages=self._settings.in_flight,
            tls_context=ssl.create_default_context(cafile=address.ca_file) if address.tls else None,
        )
        # aiomqtt warns of pending calls; here they are the plan.
        client.pending_calls_threshold = self._settings.in_flight + 1
        return client

    async def _session(self, client: aiomqtt.Client) -> None:
        """Send on one connection until it breaks. What is unacknowledged from before goes first, in order."""
        queue: asyncio.Queue[int] = asyncio.Queue()
        for number in self._unacknowledged:
            queue.put_nowait(number)
        self._to_send = queue
        gate = asyncio.Semaphore(self._settings.in_flight)
        async with asyncio.TaskGroup() as group:
            group.create_task(_until_broken(client))
            group.create_task(self._watch_progress())
            while True:
                number = await queue.get()
                await gate.acquire()
                group.create_task(self._send(client, number, gate))

    async def _send(self, client: aiomqtt.Client, number: int, gate: asyncio.Semaphore) -> None:
        topic, payload, done = self._unacknowledged[number]
        # No time limit of its own: a task less a message. _watch_progress looks after a silent broker.
        await client.publish(topic, payload, qos=1, timeout=math.inf)
        gate.release()
        del self._unacknowledged[number]
        self.acknowledged += 1
        if done is not None:
            done()
        self._room.release()
        if not self._unacknowledged:
            self._empty.set()

    async def _watch_progress(self) -> None:
        while True:
            before = self.acknowledged
            waiting = bool(self._unacknowledged)
            await asyncio.sleep(self._settings.stall_s)
            if waiting and self._unacknowledged and self.acknowledged == before:
                raise _StalledError


async def _until_broken(client: aiomqtt.Client) -> None:
    """Wait on the incoming side: nothing is subscribed, so it only ends by MqttError when the connection breaks."""
    async for _ in client.messages:
        continue


class MqttSpeaker:
    """Publishes for a whole city. Use as an asynchronous context manager; entering does not wait for the broker.

    Messages of one topic always take the same connection, so that a device's messages stay in order.
    """

    def __init__(self, address: BrokerAddress, settings: LinkSettings | None = None) -> None:
        self._settings = settings or LinkSettings()
        count = max(1, self._settings.connections)
        window = max(1, self._settings.window // count)
        self._links = [_Link(address, self._settings, window, number) for number in range(count)]
        self._tasks: list[asyncio.Task[None]] = []
        self._group = asyncio.TaskGroup()

    @property
    def acknowledged(self) -> int:
        """How many messages the broker has acknowledged."""
        return sum(link.acknowledged for link in self._links)

    @property
    def in_flight(self) -> int:
        """How many messages were taken on and are not acknowledged yet."""
        return sum(link.in_flight for link in self._links)

    async def __aenter__(self) -> MqttSpeaker:
        # A group, so that a fault in a link ends the body of the caller's block and never leaves it waiting.
        await self._group.__aenter__()
        self._tasks = [self._group.create_task(link.run()) for link in self._links]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        # An error of the caller's own block passes as it is; only what the group itself caused goes through it.
        if kind is not None and not issubclass(kind, asyncio.CancelledError):
            kind = error = trace = None
        await self._group.__aexit__(kind, error, trace)

    async def connected(self) -> None:
        """Wait until every connection stands."""
        for link in self._links:
            await link.connected.wait()

    async def publish(self, topic: str, payload: bytes, done: Callable[[], None] | None = None) -> None:
        """Take a message on; waits while the window is full. From then on it is sent until it is acknowledged.

        ``done`` is called when the broker has acknowledged it.
        """
        link = self._links[zlib.crc32(topic.encode()) % len(self._links)] if len(self._links) > 1 else self._links[0]
        await link.take(topic, payload, done)

    async def drain(self) -> None:
        """Wait until everything that was taken on is acknowledged."""
        for link in self._links:
            await link.drained()
