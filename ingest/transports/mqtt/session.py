"""One MQTT connection on the event loop: the protocol is :mod:`ingest.wire.mqtt`, here are its socket and its clock."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Any, cast

from devices.errors import TransientError
from ingest.transports.mqtt.broker import Broker, tls_context
from ingest.wire.mqtt.client import Client
from ingest.wire.mqtt.keepalive import KeepAlive
from ingest.wire.mqtt.packets import Connack, Goodbye, Hello, Packet, Suback
from ingest.wire.mqtt.reader import Publish
from ingest.wire.mqtt.reasons import ProtocolError

_CLOSE_S = 5.0  #: for a peer that does not take our goodbye


class Session(asyncio.Protocol):
    """One network connection to ``broker``.

    ``take`` is called on the event loop with messages in the order of their coming, never more at once than ``room``
    says; where it says 0, reading is held until :meth:`release`: the socket's buffers fill, and the broker waits.
    """

    def __init__(self, broker: Broker, room: Callable[[], int], take: Callable[[list[Publish]], None]) -> None:
        self.alive = False
        self.session_present = False
        self.reduced = False  #: the broker grants QoS 0 where QoS 1 was asked for
        self._broker = broker
        self._where = f"mqtt {broker.host}:{broker.port}"
        self._room = room
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._client = Client(_hello(broker))
        self._context: ssl.SSLContext | None = tls_context(broker.tls) if broker.tls is not None else None
        self._transport: asyncio.Transport | None = None
        self._greeted: asyncio.Future[None] = self._loop.create_future()
        self._subscribed: asyncio.Future[None] = self._loop.create_future()
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._held = False
        self._done_reading = False
        self._unanswered: list[int] = []
        self._look_s = min(1.0, broker.keepalive_s / 4)
        self._keepalive = KeepAlive(broker.keepalive_s, self._look_s, self._loop.time())
        self._looking: asyncio.TimerHandle | None = None
        self._closing: asyncio.TimerHandle | None = None

    async def open(self, topics: list[str]) -> None:
        """Connect and subscribe. Raises TransientError with the broker's reason."""
        broker, patience = self._broker, self._broker.connect_timeout_s
        try:
            greeting, subscription = self._client.greeting(), self._client.subscription(topics)
            async with asyncio.timeout(patience):
                await self._loop.create_connection(lambda: self, broker.host, broker.port, ssl=self._context)
            self._write(greeting)
            await self._until(self._greeted)
            self._keepalive = KeepAlive(self._client.keepalive_s, self._look_s, self._loop.time())
            self._look()
            self._write(subscription)
            await self._until(self._subscribed)
        except TimeoutError:
            raise TransientError(f"{self._where}: no answer within {patience:g} s") from None
        except (OSError, ValueError) as error:
            raise TransientError(f"{self._where}: {error}") from None

    async def _until(self, wanted: asyncio.Future[None]) -> None:
        """Wait for an answer. While reading is held it may be there already, behind messages for which is no room."""
        watched: set[asyncio.Future[Any]] = {wanted, self._lost}
        while not any(one.done() for one in watched):
            await asyncio.wait(watched, timeout=self._broker.connect_timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if not (wanted.done() or self._lost.done() or self._held):
                raise TimeoutError
        if not wanted.done():
            raise TransientError(self._lost.result())

    async def lost_or(self, stop: asyncio.Event) -> None:
        """Wait until the connection is lost. Raises TransientError unless ``stop`` was set."""
        reason = await self._lost
        if not stop.is_set():
            raise TransientError(reason)

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Tell the broker that these are kept. Those of one turn of the loop go out as one write, in this order."""
        if not self.alive:
            return
        if not self._unanswered:
            self._loop.call_soon(self._answer)
        self._unanswered.extend(packet_ids)

    def close(self) -> None:
        """Tell the broker goodbye after what was acknowledged; the session stays there with what was not."""
        if not self.alive or self._transport is None:
            self._lose("stopped")
            return
        self._answer()
        self._write(self._client.goodbye())
        self.alive = False
        if not self._transport.is_closing():
            self._transport.resume_reading()  # the end of TLS is an answer
            self._transport.close()
        self._closing = self._loop.call_later(_CLOSE_S, self._lose, "stopped")

    def detach(self) -> None:
        """Leave the event loop at once; nothing of this connection is used any more."""
        self.alive = False
        for timer in (self._looking, self._closing):
            if timer is not None:
                timer.cancel()
        if self._transport is not None:
            self._transport.abort()

    # -- reading ------------------------------------------------------------------------------------------------------

    def release(self) -> None:
        """Go on reading."""
        if self._held and not self._done_reading:
            self._held = False
            self._loop.call_soon(self._read_on)  # whoever tells of room must not find it taken meanwhile

    def stop_reading(self) -> None:
        """Stop reading for good."""
        self._done_reading = True
        self._hold()

    def _hold(self) -> None:
        self._held = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _read_on(self) -> None:
        self._drain()
        if not self._held and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Take what came, as far as there is room for it."""
        if self.alive:
            self._keepalive.heard(self._loop.time())
            self._client.feed(data)
            self._drain()

    def _drain(self) -> None:
        while self.alive and not self._held:
            try:
                run, packet = self._client.take(self._room())
            except ProtocolError as error:
                self._write(self._client.goodbye(error.reason))
                self._lose(f"{self._where}: the broker does not keep to the protocol: {error}")
                return
            if run:
                self._take(run)
            if packet is not None:
                self._heed(packet)
            elif not run:
                if self._client.full:
                    self._hold()
                return

    def _heed(self, packet: Packet) -> None:
        """An event of the connection."""
        if isinstance(packet, Connack):
            self.session_present = packet.session_present
            if packet.refused is not None:
                self._lose(f"{self._where}: refused ({packet.refused})")
            elif not self._greeted.done():
                self._greeted.set_result(None)
        elif isinstance(packet, Suback):
            self.reduced = 0 in packet.codes
            if packet.refused:
                self._lose(f"{self._where}: subscription refused ({', '.join(packet.refused)})")
            elif not self._subscribed.done():
                self._subscribed.set_result(None)
        elif isinstance(packet, Goodbye):
            self._lose(f"{self._where}: connection ended by the broker ({packet.reason})")

    # -- writing, and the end -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there, and secured where it should be."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class
        self.alive = True

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._transport = None
        self._lose(f"{self._where}: connection lost ({exc or 'closed by the broker'})")

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._keepalive.sent(self._loop.time())
            self._transport.write(data)

    def _answer(self) -> None:
        if self._unanswered and self.alive:
            self._write(self._client.answers(self._unanswered))
        self._unanswered.clear()

    def _look(self) -> None:
        """Keep alive. While reading is held an answer could not be seen, so that none is waited for."""
        due = self._keepalive.look(self._loop.time(), listening=not self._held)
        if due == "ask":
            self._write(self._client.ping())
        elif due == "gone":
            self._lose(f"{self._where}: no sign of life within {self._client.keepalive_s} s")
            return
        self._looking = self._loop.call_later(self._look_s, self._look)

    def _lose(self, reason: str) -> None:
        self.alive = False
        if not self._lost.done():
            self._lost.set_result(reason)


def _hello(broker: Broker) -> Hello:
    return Hello(
        broker.version,
        broker.client_id,
        broker.username,
        broker.password,
        broker.keepalive_s,
        broker.session_expiry_s,
        broker.in_flight,
    )
