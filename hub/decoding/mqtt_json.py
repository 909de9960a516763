"""``sanihub decode mqtt-json``: a payload a line, or a topic and a payload as ``mosquitto_sub -v`` prints them."""

from __future__ import annotations

from devices.metrics import Catalogue
from devices.vocabulary import Frame
from hub.decoding.decoding import Decoding, Options, Teller
from hub.decoding.form import NOBODY, Answer, described
from ingest.adapters.mqtt_json import NAME, MqttJson


def split_topic(line: bytes, prefix: str) -> tuple[str | None, bytes]:
    """A line as a topic, if it begins with one, and a payload."""
    head, space, rest = line.partition(b" ")
    spoken = head.startswith(f"{prefix}/".encode()) or (space and b"/" in head and head[:1] not in b'{["')
    if not spoken:
        return None, line
    payload = b"" if rest == b"(null)" else rest  # how mosquitto_sub shows an empty payload
    return head.decode("utf-8", "backslashreplace"), payload


def teller(options: Options) -> Teller:
    """Tells one line after the other."""
    decoder = MqttJson(options.prefix, Catalogue())
    sender = options.device or NOBODY
    default = options.topic or f"{options.prefix}/v1/{sender}/telemetry"

    def tell(line: bytes) -> Answer:
        topic, payload = split_topic(line, options.prefix)
        frame = Frame(NAME, "decode", topic or default, payload, 0)
        answer = described(line, frame, decoder)
        if answer["ok"] and NOBODY not in frame.channel:
            answer["message"] = {"topic": frame.channel, **answer["message"]}
        return answer

    return tell


DECODINGS = (Decoding(NAME, "sanihub's own JSON over MQTT", teller),)
