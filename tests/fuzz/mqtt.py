"""What the fuzzer knows of MQTT: packets of a server whose length is right again, and one connection after another."""

from __future__ import annotations

import random
from collections.abc import Callable

from devices.metrics import Catalogue
from devices.vocabulary import Frame
from ingest.wire.mqtt.client import Client
from ingest.wire.mqtt.fields import MAX_LENGTH, variable
from ingest.wire.mqtt.packets import Hello, Version
from ingest.wire.mqtt.reader import Publish, Reader
from ingest.wire.mqtt.reasons import ProtocolError
from tests.fuzz.mutations import bent
from tests.mqtt_packets import packet

LIMIT = 20_000
VERSIONS: tuple[Version, Version] = ("3.1.1", "5")


def packets_of(stream: bytes) -> list[bytes]:
    """The stream cut by its lengths; what is none at its end, as it is."""
    found, at = [], 0
    while at < len(stream):
        try:
            length = variable(stream, at + 1, len(stream))
        except ProtocolError:
            length = None
        end = len(stream) if length is None else sum(length)
        found.append(stream[at:end])
        at = end
    return found


def mqtt_shape(chance: random.Random, stream: bytes) -> bytes:
    """Packets of which one is bent inside and its length right again, left out, doubled, or another kind of packet."""
    found = packets_of(stream)
    if not found:
        return stream
    at = chance.randrange(len(found))
    one, doing = found[at], chance.randrange(8)
    if doing == 0:
        found[at : at + 1] = [one] * chance.choice((0, 2, 50))
    elif doing == 1:
        found[at] = bytes((chance.randrange(256),)) + one[1:]
    elif doing == 2:
        found[at] = packet(one[0], bytes(one[2:]) + bytes(chance.randrange(30_000)))
    elif doing < 6:
        found[at] = packet(one[0], bent(chance, one[2:])[:MAX_LENGTH])
    return b"".join(found)


def mqtt_decoder(frame: Frame) -> list[Publish]:
    """The messages of a stream that is there at once, by both versions. Raises ProtocolError where neither takes it."""
    faults, found = [], []
    for version in VERSIONS:
        reader = Reader(version, LIMIT)
        reader.feed(frame.payload)
        try:
            while any(taken := reader.take(7)):
                found += taken[0]
        except ProtocolError as error:
            faults.append(error)
    if len(faults) == len(VERSIONS):
        raise faults[0]
    return found


def mqtt_stream(catalogue: Catalogue) -> Callable[[bytes], None]:
    """A connection of each version, fed in pieces; one that the server has spoilt is replaced."""
    clients: dict[Version, Client] = {}
    chance = random.Random(0)

    def feed(data: bytes) -> None:
        for version in VERSIONS:
            client = clients.get(version)
            if client is None:
                client = clients[version] = Client(Hello(version), LIMIT)
                client.subscription(["a"])
            at = chance.randrange(len(data) + 1)
            for piece in (data[:at], data[at:]):
                client.feed(piece)
                try:
                    while any(client.take(chance.choice((1, 2, 1_000)))):
                        pass
                except ProtocolError:
                    del clients[version]
                    break
                assert client.pending <= LIMIT + len(data) + 5

    return feed
