"""One MQTT connection after another: order of answers, held reading, dead peers, refusals, certificates, odd brokers.

The intake here is the test itself, so that it says when there is room and what is settled.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
import uvloop

from devices.vocabulary import Consignment, Frame, Outcome
from ingest.transports.mqtt.broker import Broker, Tls
from ingest.transports.mqtt.subscriber import MqttSubscriber, Route
from ingest.wire.mqtt.fields import variable
from ingest.wire.mqtt.packets import PING
from tests.fuzz.mqtt import packets_of
from tests.mqtt_clients import publish
from tests.mqtt_packets import PINGRESP, connack, disconnect, packet, suback
from tests.mqtt_packets import publish as publish_packet
from tests.proxy import Proxy, Way
from tests.servers import Mosquitto, NatsServer

TOPIC = "t/one"


class Hands:
    """An intake that keeps what it gets and settles it when told to; it has room for so many frames."""

    def __init__(self, room: int = 10**6) -> None:
        self.capacity = room
        self.healthy = True
        self.frames: list[Frame] = []
        self._open: list[list[Any]] = []
        self._listeners: list[Callable[[], None]] = []

    def offer_many(self, frames: Sequence[Frame], consignment: Consignment) -> None:
        assert len(frames) <= self.room
        self.frames += frames
        self._open.append([consignment, len(frames)])

    @property
    def room(self) -> int:
        return self.capacity - sum(count for _, count in self._open)

    has_room = property(lambda self: self.room > 0)

    def offer(self, frame: Frame, delivery: object) -> None:
        raise NotImplementedError

    def on_room(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def settle(self, count: int = 10**6, outcome: Outcome = Outcome.COMMITTED) -> None:
        """Tell of so many of the oldest frames, some of a run if need be."""
        while count and self._open:
            consignment, left = self._open[0]
            now = min(count, left)
            consignment.settle_next(outcome, now)
            count -= now
            self._open[0][1] -= now
            if now == left:
                self._open.pop(0)
        for listener in self._listeners:
            listener()

    @property
    def payloads(self) -> list[int]:
        return [int(frame.payload) for frame in self.frames]


async def until(condition: Callable[[], object], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def subscribed(address: tuple[str, int], hands: Hands, **options: Any) -> AsyncIterator[MqttSubscriber]:
    subscriber = MqttSubscriber(Broker("b", *address, **options), [Route("t/#", "x", "s")], hands, print)
    running = asyncio.create_task(subscriber.run())
    try:
        yield subscriber
    finally:
        await subscriber.stop()
        await running


async def say(server: Mosquitto | NatsServer, numbers: range) -> None:
    assert await asyncio.to_thread(publish, server, TOPIC, [str(number) for number in numbers])


def identifiers(stream: bytes, head: int) -> list[int]:
    """Packet identifiers of the PUBACKs (0x40) or of the messages at QoS 1 (0x32) in a stream, in order."""
    found = []
    for one in packets_of(bytes(stream)):
        if one[0] & 0xF6 == head:
            start = len(one) - (variable(one, 1, len(one)) or (0, 0))[0]
            at = start if head == 0x40 else start + 2 + len(TOPIC)
            found.append(struct.unpack_from(">H", one, at)[0])
    return found


@pytest.mark.parametrize("kind", ["mosquitto", "nats"])
async def test_answers_go_out_in_the_order_of_the_messages(
    mosquitto: Callable[..., Mosquitto], nats_broker: NatsServer, kind: str
) -> None:
    """[MQTT-4.6.0-2], whatever the portions in which they are settled."""
    server = nats_broker if kind == "nats" else mosquitto(max_inflight_messages=0)
    hands = Hands()
    with Proxy(server.address, noting=True) as proxy:
        async with subscribed(proxy.address, hands) as subscriber:
            await until(lambda: subscriber.connected)
            await say(server, range(400))
            await until(lambda: len(hands.frames) == 400)
            for portion in (1, 2, 140, 7, 250):
                hands.settle(portion)
            await until(lambda: len(identifiers(proxy.noted[Way.UP], 0x40)) == 400)
        await until(lambda: proxy.noted[Way.UP].endswith(b"\xe0\x00"))  # goodbye after the answers
    assert hands.payloads == list(range(400))
    assert identifiers(proxy.noted[Way.UP], 0x40) == [frame.token for frame in hands.frames]
    assert identifiers(proxy.noted[Way.UP], 0x40) == identifiers(proxy.noted[Way.DOWN], 0x32)
    assert len({frame.received_at for frame in hands.frames}) == 400


async def test_reading_is_held_where_there_is_no_room(mosquitto: Callable[..., Mosquitto]) -> None:
    server = mosquitto(max_inflight_messages=0)
    hands = Hands(room=7)
    async with subscribed(server.address, hands) as subscriber:
        await until(lambda: subscriber.connected)
        await say(server, range(50))
        for count in range(7, 50, 7):
            await until(lambda count=count: len(hands.frames) >= count)
            assert len(hands.frames) == count
            hands.settle()
        await until(lambda: len(hands.frames) == 50)
        hands.settle()
    assert hands.payloads == list(range(50))


async def test_a_hub_without_room_connects_all_the_same(mosquitto: Callable[..., Mosquitto]) -> None:
    """The broker's welcome stands before the messages of a session; its answer to the subscription may stand behind."""
    server = mosquitto(max_inflight_messages=0)
    hands = Hands()
    async with subscribed(server.address, hands) as subscriber:
        await until(lambda: subscriber.connected)
    await say(server, range(20))
    hands.capacity = 0
    patience = {"connect_timeout_s": 0.2, "keepalive_s": 1}
    with Proxy(server.address, noting=True) as proxy:
        async with subscribed(proxy.address, hands, **patience) as subscriber:
            await until(lambda: proxy.noted[Way.UP].endswith(PING))  # longer than it waits for an answer it could hear
            assert (hands.frames, subscriber.connected) == ([], False)
            hands.capacity = 20
            hands.settle()
            await until(lambda: subscriber.connected and len(hands.frames) == 20)
            hands.settle()
            assert (subscriber.connects, subscriber.condition.failures) == (1, 0)


async def test_a_peer_that_fell_silent_is_noticed(mosquitto: Callable[..., Mosquitto]) -> None:
    """Half open: the network is gone and nobody says so. What was not acknowledged comes again, marked."""
    server = mosquitto()
    hands = Hands()
    with Proxy(server.address, noting=True) as proxy:
        async with subscribed(proxy.address, hands, keepalive_s=1) as subscriber:
            await until(lambda: subscriber.connected)
            await say(server, range(5))
            await until(lambda: len(hands.frames) == 5)
            proxy.mute()
            hands.settle()  # these answers never arrive
            await until(lambda: subscriber.connects == 2)
            await until(lambda: len(hands.frames) == 10)
            hands.settle()
    assert hands.payloads == [*range(5), *range(5)]
    assert [frame.redelivered for frame in hands.frames] == [False] * 5 + [True] * 5


async def test_a_quiet_connection_is_kept(mosquitto: Callable[..., Mosquitto]) -> None:
    server = mosquitto()
    hands = Hands()
    with Proxy(server.address, noting=True) as proxy:
        async with subscribed(proxy.address, hands, keepalive_s=1) as subscriber:
            await until(lambda: proxy.noted[Way.DOWN].count(PINGRESP) >= 4)
            assert (subscriber.connected, subscriber.connects, proxy.accepted) == (True, 1, 1)


async def test_a_hub_that_is_ending_connects_no_more(mosquitto: Callable[..., Mosquitto]) -> None:
    """What it has in hand is committed meanwhile; the broker is away, and what it says when it is back waits."""
    server = mosquitto(persistence=True)
    hands = Hands()
    async with subscribed(server.address, hands) as subscriber:
        await until(lambda: subscriber.connected)
        await say(server, range(3))
        await until(lambda: len(hands.frames) == 3)
        subscriber.pause_reading()
        server.kill()
        await asyncio.to_thread(server.start)
        hands.settle()
        await until(lambda: not subscriber.connected)
    assert (subscriber.connects, hands.payloads) == (1, [0, 1, 2])


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_a_killed_broker_is_met_again(mosquitto: Callable[..., Mosquitto], version: str) -> None:
    server = mosquitto(persistence=True)
    hands = Hands()
    async with subscribed(server.address, hands, version=version) as subscriber:
        await until(lambda: subscriber.connected)
        await say(server, range(3))
        await until(lambda: len(hands.frames) == 3)
        server.kill()
        await until(lambda: subscriber.condition.fault)
        assert not subscriber.standing().connected
        await asyncio.to_thread(server.start)
        await until(lambda: subscriber.connected)
        await say(server, range(3, 6))
        await until(lambda: {3, 4, 5} <= set(hands.payloads))
        hands.settle()
    assert subscriber.connects == 2


async def test_a_client_certificate(mosquitto: Callable[..., Mosquitto]) -> None:
    server = mosquitto("require_certificate true", tls=True)
    assert server.ca_file is not None
    folder = server.ca_file.parent
    own = Tls(ca=server.ca_file, certificate=folder / "server.crt", key=folder / "server.key")
    async with subscribed(server.address, Hands(), tls=own) as subscriber:
        await until(lambda: subscriber.connected)
    async with subscribed(server.address, Hands(), tls=Tls(ca=server.ca_file)) as subscriber:
        await until(lambda: subscriber.condition.fault)
        assert not subscriber.connects


async def over_tls(server: Mosquitto) -> None:
    hands = Hands(room=5)
    async with subscribed(
        server.address, hands, version="5", tls=Tls(ca=server.ca_file), username="hub", password="secret-42"
    ) as subscriber:
        await until(lambda: subscriber.connected)
        publishing = ["-h", "127.0.0.1", "-p", str(server.port), "--cafile", str(server.ca_file), "-u", "hub"]
        process = await asyncio.create_subprocess_exec(
            "mosquitto_pub", *publishing, "-P", "secret-42", "-q", "1", "-t", TOPIC, "-l", stdin=asyncio.subprocess.PIPE
        )
        await process.communicate("".join(f"{number}\n" for number in range(100)).encode())
        while len(hands.frames) < 100:
            await until(lambda: hands.room == 0)
            hands.settle()
        hands.settle()
    assert hands.payloads == list(range(100))


def test_tls_and_a_small_room_on_both_loops(mosquitto: Callable[..., Mosquitto]) -> None:
    """The hub runs on uvloop where there is one; reading is held and goes on there too."""
    server = mosquitto(tls=True, username="hub", password="secret-42")
    for factory in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(over_tls(server))


class Script:
    """A broker that says what it is told to say after the subscription, and notes what it hears."""

    def __init__(self, *said: bytes, granted: int = 1) -> None:
        self.said = list(said)
        self.heard: list[bytes] = []
        self._granted = granted

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[str, int]]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[:2]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = b""
        answer = suback(self._granted, properties=b"") + self.said.pop(0)
        writer.write(connack(properties=b""))
        while data := await reader.read(65_536):
            heard += data
            if answer and b"\x82" in data:
                writer.write(answer)
                answer = b""
        self.heard.append(heard)
        writer.close()


@pytest.mark.parametrize(
    ("said", "fault", "last"),
    [
        (publish_packet("t/1", b"1", 1, qos=2, properties=b""), "QoS 2, expected 0 or 1", b"\xe0\x01\x9b"),
        (publish_packet("t/1", b"1", 1, properties=b"\x23\x00\x01"), "a topic alias", b"\xe0\x01\x94"),
        (b"\x30\xff\xff\xff\xff\x01", "more than 4 bytes", b"\xe0\x01\x81"),
        (packet(0xF0, b""), "first byte f0", b"\xe0\x01\x82"),
        (disconnect(0x9D, b"\x1c\x00\x03b:1"), "server moved (b:1)", None),
        (disconnect(0x8E), "session taken over: another client uses this client_id", None),
    ],
)
async def test_a_broker_at_fault_is_told_and_left(said: bytes, fault: str, last: bytes | None) -> None:
    """[MQTT-4.13.1-1]: DISCONNECT with the reason, and the messages before the fault are kept."""
    script, hands = Script(publish_packet("t/1", b"7", 9, properties=b"") + said, *[b""] * 9), Hands()
    async with script.open() as address, subscribed(address, hands, version="5") as subscriber:
        await until(lambda: fault in (subscriber.condition.fault or ""))
        await until(lambda: subscriber.connects == 2 and script.heard)
    assert hands.payloads == [7]
    if last is not None:
        assert script.heard[0].endswith(last)


async def test_a_refused_subscription_is_told() -> None:
    script = Script(*[b""] * 9, granted=0xA2)
    async with script.open() as address, subscribed(address, Hands(), version="5") as subscriber:
        await until(lambda: subscriber.condition.fault)
        assert "subscription refused (wildcard subscriptions not supported)" in (subscriber.condition.fault or "")


async def test_what_is_not_stored_is_not_answered() -> None:
    """Of that, messages of QoS 0 are taken over, for nobody will send them again."""
    said = [publish_packet("t/1", str(number).encode(), number % 2 and number, properties=b"") for number in range(8)]
    script, hands, kept = Script(b"".join(said[:4])), Hands(), list[Frame]()
    async with script.open() as address, subscribed(address, hands, version="5") as subscriber:
        subscriber.fallback = kept.append
        await until(lambda: len(hands.frames) == 4)
        hands.settle(2, Outcome.ABANDONED)
        assert [frame.payload for frame in kept] == [b"0"]
        hands.settle()
        hands.healthy = False
        subscriber._take(subscriber._session, [("t/1", b"6", 0, 0), ("t/1", b"7", 0, 7)])  # type: ignore[arg-type]
        assert [frame.payload for frame in kept] == [b"0", b"6"]
        hands.settle()
        assert hands.payloads == [0, 1, 2, 3, 7]
    await until(lambda: script.heard)
    assert identifiers(script.heard[0], 0x40) == [3, 7]
