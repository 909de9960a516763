"""``sanihub decode chirpstack|tts|loriot|thingpark``: a message of the network server a line, in JSON.

A topic before the message, as ``mosquitto_sub -v`` prints it, is let pass. ``message.decoded`` is the whole object of
the device, whoever decoded it; ``readings`` is what of it means something to us.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devices import codecs
from devices.codecs import Codec
from devices.codecs.scripted import load_codec
from devices.errors import ConfigError, DecodeError
from devices.metrics import Catalogue
from devices.vocabulary import Identity
from hub.decoding.decoding import Decoding, Options, Teller
from hub.decoding.form import Answer, fault, told
from ingest.adapters.lorawan.server import Reader
from ingest.wire.lorawan import chirpstack, loriot, messages, thingpark, tts
from ingest.wire.lorawan.choice import Choice
from ingest.wire.lorawan.messages import LoraUplink, Meaning, Message, Notice

_SERVERS: tuple[tuple[str, str, Reader], ...] = (
    ("chirpstack", "events of ChirpStack in JSON", chirpstack.read),
    ("tts", "messages of The Things Stack v3 in JSON", tts.read),
    ("loriot", "application output of LORIOT in JSON", loriot.read),
    ("thingpark", "reports of Actility ThingPark in JSON", thingpark.read),
)


class EnvelopeLines:
    """Says what stands in each line of one network server. ``codec`` reads all devices, whatever the messages name."""

    def __init__(self, read: Reader, codec: Codec | None = None, topic: str = "") -> None:
        self._read = read
        self._choice = Choice(forced=codec)
        self._topic = topic
        self._catalogue = Catalogue()

    def __call__(self, line: bytes) -> Answer:
        """What is to be printed for one line."""
        topic, payload = split_topic(line)
        try:
            message = self._read(payload, topic or self._topic)
        except DecodeError as error:
            return fault(str(error), line)
        answer = self._uplink(message, line) if isinstance(message, LoraUplink) else self._other(message)
        if answer["ok"] and topic:
            answer["message"] = {"topic": topic, **answer["message"]}
        return answer

    def _uplink(self, uplink: LoraUplink, line: bytes) -> Answer:
        found = messages.meaning(uplink, self._choice, self._catalogue, _nobody)
        if found.fault is not None:
            return fault(found.fault, line)
        answer = told(messages.told(uplink, found, self._catalogue))
        answer["message"] = message_fields(uplink, found)
        return answer

    def _other(self, message: Message) -> Answer:
        answer = told(messages.claims(message, self._choice, self._catalogue, _nobody))
        answer["device"] = {} if message.dev_eui is None else {messages.SCHEME: message.dev_eui}
        fields = {} if isinstance(message, LoraUplink) else {"kind": message.kind}
        shown = message.fields if isinstance(message, Notice) else {}
        answer["message"] = {"dev_eui": message.dev_eui, **fields, **shown}
        return answer


def message_fields(uplink: LoraUplink, found: Meaning) -> dict[str, Any]:
    """The protocol's own fields of an uplink; what the envelope does not tell is left out."""
    best = uplink.best
    optional: Mapping[str, Any] = {
        "dev_addr": uplink.dev_addr,
        "name": uplink.name or None,
        "model": None if found.codec is None else found.codec.model,
        "gateway": best.id or None if best is not None else None,
        "gateways": len(uplink.gateways) or None,
        "spreading_factor": uplink.spreading_factor,
        "simulated": uplink.simulated or None,
    }
    return {
        "dev_eui": uplink.dev_eui,
        "f_cnt": uplink.f_cnt,
        "f_port": uplink.f_port,
        "payload": uplink.payload.hex(),
        "decoded": found.object,
        "confirmed": uplink.confirmed,
        **{name: value for name, value in optional.items() if value is not None},
    }


def split_topic(line: bytes) -> tuple[str, bytes]:
    """A line as a topic, an empty one if it begins with none, and a payload."""
    head, space, rest = line.partition(b" ")
    if not space or b"/" not in head or head[:1] in b'{["':
        return "", line
    return head.decode("utf-8", "backslashreplace"), rest


def chosen_codec(options: Options) -> Codec | None:
    """The codec that the caller asks for. Raises ConfigError."""
    if options.codec is not None:
        return load_codec(options.model or options.codec.stem, options.codec, options.mapping)
    if options.model is None:
        return None
    codec = codecs.find(options.model)
    if codec is None:
        known = ", ".join(one.model for one in codecs.models())
        raise ConfigError(f"decode: no codec is known for the model {options.model!r}; known: {known}")
    return codec


def _nobody(identity: Identity) -> None:
    """No device is registered here."""


def _decoding(name: str, title: str, read: Reader) -> Decoding:
    def teller(options: Options) -> Teller:
        return EnvelopeLines(read, chosen_codec(options), options.topic or "")

    return Decoding(name, title, teller)


DECODINGS = tuple(_decoding(*server) for server in _SERVERS)
