"""What the fuzzer knows of a protocol's shape: inputs that pass its checks, and the machines that read its streams.

A protocol without an entry here is fuzzed all the same: with its corpus bent byte by byte and value by value. A corpus
is a folder of text files with a line of ``sanihub decode`` each; lines of a ``.hex`` file are bytes in hexadecimal.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from functools import reduce
from operator import xor
from pathlib import Path

import msgspec

from devices import codecs
from devices.metrics import Catalogue
from devices.vocabulary import Frame
from hub.decoding.mqtt_json import split_topic
from ingest.adapters.nmea.stream import NmeaDecoder, NmeaStream, Sampler, Source, Tally
from ingest.wire.jt808.frames import Framer
from ingest.wire.jt808.session import Gate, Parcel, Session
from tests.fuzz.modbus import MAPS, modbus_shape, modbus_stream
from tests.fuzz.mqtt import mqtt_decoder, mqtt_shape, mqtt_stream
from tests.fuzz.mutations import bent
from tests.terminal import escaped

CORPUS = Path(__file__).parent / "corpus"
CODEC_CASES = Path(__file__).parents[1] / "devices" / "cases"  #: golden cases of the codecs: seeds as good as any
ENVELOPES = Path(__file__).parents[1] / "hub" / "envelopes"  #: and those of network servers


class Seed(msgspec.Struct, frozen=True):
    """An input of the corpus: the line for ``decode``, and the channel and payload of its frame."""

    line: bytes
    channel: str
    payload: bytes
    coded: bool = False  #: the line is the payload in hexadecimal


def seeds(protocol: str) -> list[Seed]:
    """The corpus of a protocol; one input of nothing where there is none yet."""
    files = sorted((CORPUS / protocol).glob("*"))
    if protocol == "lorawan":
        files += sorted(CODEC_CASES.glob("*/input.jsonl"))
    found = [*(seed for file in files for seed in _read(protocol, file)), *_envelopes(protocol)]
    return found or [Seed(b"{}", protocol, b"{}")]


def _envelopes(protocol: str) -> Iterator[Seed]:
    """The golden cases of a network server's messages."""
    for file in sorted(ENVELOPES.glob("*.json")):
        case = json.loads(file.read_bytes())
        if case["protocol"] == protocol and isinstance(case["message"], dict):
            line = json.dumps(case["message"]).encode()
            yield Seed(line, case.get("topic") or "webhook", line)


def _read(protocol: str, file: Path) -> Iterator[Seed]:
    for line in file.read_bytes().splitlines():
        if file.suffix == ".hex":
            yield Seed(line, "127.0.0.1", bytes.fromhex(line.decode()), coded=True)
            continue
        topic, payload = split_topic(line, "sanihub")
        if line:
            yield Seed(line, topic or CHANNELS.get(protocol, protocol), payload)


CHANNELS = {"http-json": "telemetry", "modbus": "toilet-1/127.0.0.1:502/1", "nmea": "peer/127.0.0.1/127.0.0.1"}


def jt808_shape(chance: random.Random, payload: bytes) -> bytes:
    """A frame whose content is bent and whose length, checksum and escapes are right again."""
    content = payload[1:-1].replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")[:-1]
    start = 17 if len(content) > 2 and content[2] & 0x40 else 12
    head, body = content[:start], bent(chance, content[start:])[:1023]
    if chance.randrange(8) == 0:
        head = bent(chance, head)
    elif len(head) == start:
        head = head[:2] + ((head[2] & 0xFC) << 8 | len(body)).to_bytes(2, "big") + head[4:]
    return escaped(head + body)


def nmea_shape(chance: random.Random, line: bytes) -> bytes:
    """A sentence of which some fields are bent and whose checksum is right again."""
    fields = line.partition(b"*")[0].lstrip(b"$").split(b",")
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(fields))
        odd = (b"", b"0", b"-1", b"99999999", b"A", b"V", b"N", b"1e5", b"3114.8770", b"235960.999", b"310226", b"\xff")
        fields[at] = chance.choice((*odd, bent(chance, fields[at])))
    if chance.randrange(8) == 0:
        fields = fields[: chance.randrange(1, len(fields) + 1)] + [b""] * chance.randrange(3)
    body = b",".join(fields)
    return b"$%b*%02X" % (body, reduce(xor, body, 0))


def lorawan_shape(chance: random.Random, line: bytes) -> bytes:
    """A line of ``decode lorawan`` whose bytes are bent, on this port or another."""
    try:
        given = json.loads(line)
        payload = bytes.fromhex(given["hex"])
    except (ValueError, KeyError, TypeError):
        return bent(chance, line)
    port = given.get("fPort", 85) if chance.randrange(4) else chance.randrange(256)
    return json.dumps({**given, "fPort": port, "hex": bent(chance, payload).hex()}).encode()


def jt808_stream(catalogue: Catalogue) -> Callable[[bytes], None]:
    """Framer and session of one connection that lets everybody in, and the replies after the commit."""
    framer, session = Framer(), Session(Gate(b"fuzz", required=False))
    clock = iter(range(1, 1 << 62))

    def feed(data: bytes) -> None:
        for frame in framer.feed(data):
            for action in session.receive(frame, next(clock)):
                if isinstance(action, Parcel):
                    session.settled(action)
        assert framer.pending <= 2_200
        assert session.parts.waiting <= 8

    return feed


def nmea_stream(catalogue: Catalogue) -> Callable[[bytes], None]:
    """One peer's stream; each frame that it hands over is decoded."""
    decoder = NmeaDecoder({}, catalogue)

    def hand(channel: str, payload: bytes) -> None:
        if payload[:1] in b"$#":
            try_decoding(decoder, Frame("nmea", "fuzz", channel, payload, 0))

    stream = NmeaStream(Source("fuzz"), "127.0.0.1", hand, Tally(), Sampler())
    return lambda data: stream.feed(data + b"\r\n")


def try_decoding(decoder: Callable[[Frame], object], frame: Frame) -> bool:
    """Whether a frame is decoded; raises whatever is raised beside DecodeError."""
    from devices.errors import DecodeError

    try:
        decoder(frame)
    except DecodeError:
        return False
    return True


SHAPES: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "jt808": jt808_shape,
    "lorawan": lorawan_shape,
    "modbus": modbus_shape,
    "mqtt": mqtt_shape,
    "nmea": nmea_shape,
}
STREAMS: dict[str, Callable[[Catalogue], Callable[[bytes], None]]] = {
    "jt808": jt808_stream,
    "modbus": modbus_stream,
    "mqtt": mqtt_stream,
    "nmea": nmea_stream,
}
WIRES: dict[str, Callable[[Frame], object]] = {"mqtt": mqtt_decoder}
"""What reads a stream that carries frames of other protocols, and is no protocol of devices itself."""
MODELS: dict[str, tuple[str | None, ...]] = {
    "modbus": (None, *MAPS),
    **dict.fromkeys(("chirpstack", "tts", "loriot", "thingpark"), (None, *(one.model for one in codecs.models()))),
}
"""To tell lines by, of protocols whose lines may be told by a model."""
