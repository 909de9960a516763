"""One MQTT connection: paho's client with its socket on the event loop.

paho-mqtt does the protocol; this file is its one bridge to asyncio. paho's socket is registered with the event loop,
so that frames, acknowledgements and the pipeline share one thread and nothing waits for the interpreter lock.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from devices.errors import ConfigError, TransientError

READ_BURST = 256  #: packets read before other work of the loop gets its turn


class Tls(msgspec.Struct, frozen=True):
    """Transport security.

    ``ca`` is a file of trusted certificates (the system's when None); ``certificate`` and ``key`` are the client's
    own. ``verify`` off is for tests with throwaway certificates only.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    verify: bool = True


class Broker(msgspec.Struct, frozen=True):
    """One broker and how the hub speaks to it.

    ``client_id`` names the persistent session and must be unique at the broker. ``share`` is a shared-subscription
    group (``$share/<group>/...``; MQTT 5, or brokers that offer it for 3.1.1). ``in_flight`` bounds unacknowledged
    messages: told to the broker in MQTT 5 (receive maximum); in 3.1.1 the broker's own window applies.
    ``session_expiry_s`` is how long the broker keeps the session of an absent hub (MQTT 5).
    """

    name: str
    host: str = "127.0.0.1"
    port: int = 1883
    version: str = "3.1.1"
    client_id: str = "sanihub"
    username: str | None = None
    password: str | None = None
    tls: Tls | None = None
    keepalive_s: int = 30
    share: str | None = None
    in_flight: int = 10_000
    session_expiry_s: int = 7 * 86_400
    connect_timeout_s: float = 10.0


class Session:
    """One network connection. ``on_message`` is called for each message, on the event loop."""

    def __init__(self, broker: Broker, on_message: Callable[[MQTTMessage], None]) -> None:
        self.alive = False
        self.session_present = False
        self._broker = broker
        self._take = on_message
        self._received = 0
        self._loop = asyncio.get_running_loop()
        self._acknowledged: asyncio.Future[None] = self._loop.create_future()
        self._subscribed: asyncio.Future[None] = self._loop.create_future()
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._fd: int | None = None
        self._reading = False
        self._held = False
        self._housekeeping: asyncio.TimerHandle | None = None
        self.client = self._make_client()

    def _make_client(self) -> Client:
        broker = self._broker
        five = broker.version == "5"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            clean_session=None if five else False,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        if broker.tls is not None:
            client.tls_set_context(tls_context(broker.tls))
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_want_write
        client.on_socket_unregister_write = self._on_no_write
        return client

    async def open(self, topics: list[str]) -> None:
        """Connect and subscribe. Raises TransientError with the broker's reason."""
        broker = self._broker
        options: dict[str, Any] = {}
        if broker.version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = broker.session_expiry_s
            properties.ReceiveMaximum = min(broker.in_flight, 65_535)
            options = {"clean_start": False, "properties": properties}
        where = f"{broker.host}:{broker.port}"
        try:
            async with asyncio.timeout(broker.connect_timeout_s):
                connect = partial(self.client.connect, broker.host, broker.port, broker.keepalive_s, **options)
                await self._loop.run_in_executor(None, connect)
                await self._until(self._acknowledged)
                result, _ = self.client.subscribe([(topic, 1) for topic in topics])
                if result is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                    raise TransientError(f"mqtt {where}: could not subscribe ({result.name})")
                await self._until(self._subscribed)
        except TimeoutError:
            raise TransientError(f"mqtt {where}: no answer within {broker.connect_timeout_s:g} s") from None
        except (OSError, ValueError) as error:
            raise TransientError(f"mqtt {where}: {error}") from None

    async def _until(self, wanted: asyncio.Future[None]) -> None:
        watched: set[asyncio.Future[Any]] = {wanted, self._lost}
        await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        if not wanted.done():
            raise TransientError(self._lost.result())
        wanted.result()

    async def lost_or(self, stop: asyncio.Event) -> None:
        """Wait until the connection is lost. Raises TransientError unless ``stop`` was set."""
        reason = await self._lost
        if not stop.is_set():
            raise TransientError(reason)

    def close(self) -> None:
        """Tell the broker goodbye; the session stays there with what was not acknowledged."""
        if self.alive:
            self._loop.call_soon(self.client.disconnect)
        else:
            self._lose("stopped")

    def detach(self) -> None:
        """Leave the event loop; nothing of this connection is used any more."""
        self.alive = False
        self._on_socket_close(self.client, None, self.client.socket())
        if self._housekeeping is not None:
            self._housekeeping.cancel()

    # -- reading ------------------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Stop reading until there is room: the socket's buffers fill, and the broker waits."""
        self._held = True
        self._watch(False)

    def release(self) -> None:
        """Go on reading."""
        if self._held:
            self._held = False
            self._watch(True)

    def stop_reading(self) -> None:
        """Stop reading for good."""
        self.hold()
        self.release = lambda: None  # type: ignore[method-assign]

    def _watch(self, on: bool) -> None:
        if self._fd is None or on == self._reading:
            return
        self._reading = on
        if on:
            self._loop.add_reader(self._fd, self._read)
        else:
            self._loop.remove_reader(self._fd)

    def _read(self) -> None:
        client = self.client
        for _ in range(READ_BURST):
            before = self._received
            client.loop_read()
            if self._received == before or not self._reading:
                return

    def _tick(self) -> None:
        """Paho's keepalive. While reading is held its answer could not be seen, so the check waits."""
        if not self._held:
            self.client.loop_misc()
        self._housekeeping = self._loop.call_later(1.0, self._tick)

    # -- paho's callbacks (connect runs in a thread, so the first ones come from there) -------------------------------

    def _soon(self, call: Callable[..., object], *args: object) -> None:
        self._loop.call_soon_threadsafe(call, *args)

    def _on_socket_open(self, _client: Client, _data: object, sock: Any) -> None:
        self._soon(self._attach, sock.fileno())

    def _attach(self, fd: int) -> None:
        self._fd = fd
        self.alive = True
        self._watch(True)
        self._tick()

    def _on_socket_close(self, _client: Client, _data: object, _sock: Any) -> None:
        fd, self._fd = self._fd, None
        self._reading = False
        if fd is not None:
            self._loop.remove_reader(fd)
            self._loop.remove_writer(fd)

    def _on_want_write(self, _client: Client, _data: object, sock: Any) -> None:
        self._soon(self._loop.add_writer, sock.fileno(), self.client.loop_write)

    def _on_no_write(self, _client: Client, _data: object, sock: Any) -> None:
        if self._fd is not None:
            self._loop.remove_writer(sock.fileno())

    def _on_connect(
        self, _client: Client, _data: object, flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._lose(f"mqtt {self._broker.host}:{self._broker.port}: refused ({reason})")
        elif not self._acknowledged.done():
            self.session_present = flags.session_present
            self._acknowledged.set_result(None)

    def _on_subscribe(
        self, _client: Client, _data: object, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self._lose(f"mqtt {self._broker.host}:{self._broker.port}: subscription refused ({', '.join(refused)})")
        elif not self._subscribed.done():
            self._subscribed.set_result(None)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self._received += 1
        self._take(message)

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._soon(self._lose, f"mqtt {self._broker.host}:{self._broker.port}: connection lost ({reason})")

    def _lose(self, reason: str) -> None:
        self.alive = False
        if not self._lost.done():
            self._lost.set_result(reason)


def tls_context(tls: Tls) -> ssl.SSLContext:
    """An SSL context for a client. Raises ConfigError that names the file."""
    try:
        context = ssl.create_default_context(cafile=str(tls.ca) if tls.ca else None)
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"mqtt.tls: {tls.ca or ''} {tls.certificate or ''}: {error}") from None
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
