"""``sanihub decode``: what the hub reads in a device's bytes, as JSON lines."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
import typer

from devices import instants
from devices.errors import ConfigError, DecodeError
from devices.metrics import Catalogue
from devices.vocabulary import Decoded, Frame, Position, Uplink
from hub.decoding.jt808 import Jt808Lines
from hub.decoding.nmea import NmeaLines
from ingest.adapters import mqtt_json
from ingest.ports import Decoder

MAX_LINE_BYTES = 1024 * 1024  #: a longer line is no frame of any protocol; it is skipped without being held
SHOWN_INPUT = 500  #: characters of a faulty input that are printed
NOBODY = "0:nobody:0"  #: stands in the topic where the caller named no device; never printed

_EXAMPLES = """
Examples:

  mosquitto_sub -v -t 'sanihub/v1/#' | sanihub decode mqtt-json

  echo '{"ts": 1795392000, "readings": {"fill_pct": 71}}' | sanihub decode mqtt-json --device bin-0042

  gpspipe -r | sanihub decode nmea --device truck-07

  sanihub decode mqtt-json capture.txt | jq 'select(.ok | not)'
"""


Teller = Callable[[bytes], dict[str, Any]]  #: from a line to what is to be printed for it


class Protocol(msgspec.Struct, frozen=True):
    """A protocol that can be decoded; ``teller`` makes, for a topic prefix and a topic, what tells its lines."""

    title: str
    teller: Callable[[str, str | None], Teller | NmeaLines]


def _mqtt_frame(line: bytes, prefix: str, topic: str | None) -> Frame:
    """A payload, or a topic and a payload as ``mosquitto_sub -v`` prints them."""
    head, space, rest = line.partition(b" ")
    spoken = head.startswith(f"{prefix}/".encode()) or (space and b"/" in head and head[:1] not in b'{["')
    payload = line
    if spoken:
        topic = head.decode("utf-8", "backslashreplace")
        payload = b"" if rest == b"(null)" else rest  # how mosquitto_sub shows an empty payload
    return Frame(mqtt_json.NAME, "decode", topic or f"{prefix}/v1/{NOBODY}/telemetry", payload, 0)


def _mqtt_teller(prefix: str, topic: str | None) -> Teller:
    decoder = mqtt_json.MqttJson(prefix, Catalogue())
    return lambda line: _described(line, _mqtt_frame(line, prefix, topic), decoder)


PROTOCOLS: dict[str, Protocol] = {
    mqtt_json.NAME: Protocol("sanihub's own JSON over MQTT", _mqtt_teller),
    "jt808": Protocol("JT/T 808 frames in hexadecimal", lambda *_: Jt808Lines(_uplink, _fault)),
    "nmea": Protocol("NMEA 0183 sentences", lambda prefix, topic: NmeaLines(_uplink, _fault, _named(prefix, topic))),
}


def _named(prefix: str, topic: str | None) -> str | None:
    """The device of ``--device``, which stands in the topic."""
    return None if topic is None else topic.removeprefix(f"{prefix}/v1/").removesuffix("/telemetry")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("decode", epilog=_EXAMPLES)(decode)


def decode(
    protocol: Annotated[str, typer.Argument(help=f"Protocol of the input: {', '.join(PROTOCOLS)}.")],
    file: Annotated[str, typer.Argument(help="Text file with a frame a line; - for standard input.")] = "-",
    device: Annotated[str | None, typer.Option(help="Device that lines without a topic are from.")] = None,
    topic: Annotated[str | None, typer.Option(help="MQTT topic of lines that have none.")] = None,
    prefix: Annotated[str, typer.Option(help="First part of the topics, as in the setting json_messages.prefix.")] = (
        "sanihub"
    ),
) -> None:
    """Decode frames, one a line, and print a JSON line for each. Bad input is told in its line and ends nothing.

    Blank lines are no frames. The exit code is 0 whatever the input holds.
    """
    chosen = PROTOCOLS.get(protocol)
    if chosen is None:
        raise ConfigError(f"decode: no protocol is named {protocol!r}; known: {', '.join(sorted(PROTOCOLS))}")
    if device is not None:
        if topic is not None:
            raise ConfigError("decode: give --device or --topic, not both")
        topic = f"{prefix}/v1/{device}/telemetry"
    teller = chosen.teller(prefix, topic)
    try:
        with _opened(file) as source:
            flush = _live(source)
            for told in answers(lines(source), teller):
                sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
                if flush:
                    sys.stdout.buffer.flush()
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader has seen enough. What is buffered must not fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _opened(file: str) -> IO[bytes]:
    if file == "-":
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise ConfigError(f"decode: {file}: {error.strerror}") from None


def _live(source: IO[bytes]) -> bool:
    """Whether somebody may be waiting for each answer: anything but a file on disk."""
    try:
        return not stat.S_ISREG(os.fstat(source.fileno()).st_mode)
    except OSError:  # no file of the system at all
        return True


def lines(source: IO[bytes]) -> Iterator[bytes | None]:
    """The lines that are not blank, without their ends; None for one of more than :data:`MAX_LINE_BYTES`."""
    while line := source.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = source.readline(MAX_LINE_BYTES)
            yield None
        elif stripped := line.rstrip(b"\r\n").strip(b" \t"):
            yield stripped


def answers(source: Iterable[bytes | None], teller: Teller | NmeaLines) -> Iterator[dict[str, Any]]:
    """What is to be printed for all lines, one answer each, in order.

    NMEA's lines belong together: an answer waits until its epoch is complete.
    """
    if not isinstance(teller, NmeaLines):
        yield from (describe(line, teller) for line in source)
        return
    for line in source:
        yield from teller.told(_overlong()) if line is None else teller.feed(line)
    yield from teller.end()


def describe(line: bytes | None, teller: Teller) -> dict[str, Any]:
    """What is to be printed for one line."""
    return _overlong() if line is None else teller(line)


def _overlong() -> dict[str, Any]:
    return {"ok": False, "error": f"line: more than {MAX_LINE_BYTES} bytes", "input": ""}


def _described(line: bytes, frame: Frame, decoder: Decoder) -> dict[str, Any]:
    """What a decoder makes of the frame of one line."""
    try:
        decoded = decoder(frame)
    except DecodeError as error:
        return _fault(str(error), line)
    if not decoded.uplinks and decoded.problems:
        return _fault("; ".join(decoded.problems), line)
    return _told(decoded, frame)


def _fault(error: str, line: bytes) -> dict[str, Any]:
    return {"ok": False, "error": error, "input": line[: 4 * SHOWN_INPUT].decode("utf-8", "replace")[:SHOWN_INPUT]}


def _told(decoded: Decoded, frame: Frame) -> dict[str, Any]:
    """The first message at the top level; all of them beside it where there are several."""
    uplinks = [_uplink(uplink) for uplink in decoded.uplinks]
    first = uplinks[0] if uplinks else _uplink(None)
    told: dict[str, Any] = {"ok": True, **first, "reply": None}
    if NOBODY not in frame.channel:
        told["message"] = {"topic": frame.channel, **told["message"]}
    if len(uplinks) > 1:
        told["uplinks"] = [{"ok": True, **uplink, "reply": None} for uplink in uplinks]
    if decoded.problems:
        told["problems"] = decoded.problems
    return told


def _uplink(uplink: Uplink | None) -> dict[str, Any]:
    """One message; of None an empty one, for a frame that says nothing (it clears a retained status)."""
    if uplink is None:
        return {"device": {}, "observed_at": None, "readings": {}, "fix": None, "events": [], "message": {}}
    named = uplink.identity.value != NOBODY
    extra = {"seq": uplink.seq, "id": uplink.message_id, "kind": uplink.kind, "online": uplink.online}
    if uplink.doubtful:
        extra["doubtful"] = sorted(uplink.doubtful)  # type: ignore[assignment]
    return {
        "device": {uplink.identity.scheme: uplink.identity.value} if named else {},
        "observed_at": _iso(uplink.observed_at),
        "readings": {name: value for name, value in uplink.readings.items() if value is not None},
        "fix": None if uplink.position is None else _fix(uplink.position),
        "events": [
            {"kind": event.kind, "observed_at": _iso(event.observed_at), "attributes": event.attributes}
            for event in uplink.occurrences
        ],
        "message": {name: value for name, value in extra.items() if value is not None},
    }


def _fix(position: Position) -> dict[str, Any]:
    fields = msgspec.structs.asdict(position)
    return {name: value for name, value in fields.items() if value is not None and value != ()}


def _iso(instant: int | None) -> str | None:
    return None if instant is None else instants.to_iso(instant)
