"""``sanihub decode lorawan``: an uplink's bytes a line, decoded by a model's codec or by a script.

A line is JSON, ``{"fPort": 85, "hex": "..."}`` or with ``data`` in base64, and may name ``devEui``, ``fCnt`` and
``time``; or it is the bytes alone in hexadecimal, with the port of ``--port``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import structs

from devices import codecs, instants
from devices.codecs import Codec
from devices.codecs.scripted import load_codec
from devices.errors import ConfigError, DecodeError
from devices.mapping.files import load_mapping
from devices.vocabulary import Decoded, Identity, Uplink
from hub.decoding.decoding import Decoding, Options
from hub.decoding.form import NOBODY, Answer, fault, told

_EUI = re.compile(r"[0-9a-f]{16}\Z")
_NAMES: Mapping[str, tuple[str, ...]] = {
    "f_port": ("fPort", "f_port", "port", "FPort"),
    "f_cnt": ("fCnt", "f_cnt", "FCntUp"),
    "dev_eui": ("devEui", "devEUI", "dev_eui", "DevEUI", "EUI"),
    "hex": ("hex", "payload_hex", "payload"),
    "data": ("data", "frm_payload", "base64"),
    "time": ("time", "recvTime", "received_at"),
}


class Line(msgspec.Struct, frozen=True):
    """One uplink as a line tells it."""

    f_port: int
    payload: bytes
    dev_eui: str | None = None
    f_cnt: int | None = None
    observed_at: int | None = None


class LorawanLines:
    """Says what stands in each line. ``port`` is that of lines that do not tell it."""

    def __init__(self, codec: Codec, port: int | None, device: str | None = None) -> None:
        self._codec = codec
        self._port = port
        self._device = device

    def __call__(self, line: bytes) -> Answer:
        """What is to be printed for one line."""
        try:
            given = read_line(line, self._port)
            read = self._codec.read(given.f_port, given.payload)
        except DecodeError as error:
            return fault(str(error), line)
        claims = self._codec.claims(read)
        identity = self._identity(given)
        uplink = Uplink(
            identity,
            given.observed_at,
            claims.readings,
            claims.position,
            claims.occurrences,
            claims.doubtful,
        )
        older = [Uplink(identity, instant, readings) for instant, readings in claims.history]
        answer = told(Decoded([uplink, *older], claims.problems))
        known = {"dev_eui": given.dev_eui, "f_cnt": given.f_cnt}
        doubtful = {"doubtful": sorted(claims.doubtful)} if claims.doubtful else {}
        answer["message"] = {
            **{name: value for name, value in known.items() if value is not None},
            "f_port": given.f_port,
            "payload": given.payload.hex(),
            "model": self._codec.model,
            "decoded": read.object,
            **doubtful,
        }
        return answer

    def _identity(self, given: Line) -> Identity:
        if given.dev_eui is not None:
            return Identity("dev_eui", given.dev_eui)
        return Identity("id", self._device or NOBODY)


def read_line(line: bytes, port: int | None) -> Line:
    """The uplink of a line. Raises DecodeError, which names the field and what was expected."""
    if not line.lstrip().startswith(b"{"):
        payload = _hexadecimal("line", line.decode("utf-8", "replace"))
        return Line(_port(port), payload)
    try:
        found = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"line: no JSON: {error}") from None
    given = {name: _first(found, names) for name, names in _NAMES.items()}
    told_port = given["f_port"]
    return Line(
        _port(port if told_port is None else told_port),
        _payload(given["hex"], given["data"]),
        _eui(given["dev_eui"]),
        _count(given["f_cnt"]),
        _time(given["time"]),
    )


def _first(found: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((found[name] for name in names if found.get(name) is not None), None)


def _port(value: Any) -> int:
    if value is None:
        raise DecodeError("fPort: missing; give it in the line or with --port")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 255:
        raise DecodeError("fPort: expected a whole number from 0 to 255")
    return value


def _payload(hexadecimal: Any, data: Any) -> bytes:
    if isinstance(hexadecimal, str):
        return _hexadecimal("hex", hexadecimal)
    if isinstance(data, str):
        try:
            return base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise DecodeError("data: expected base64") from None
    raise DecodeError("hex: missing; expected the bytes as hex, or as data in base64")


def _hexadecimal(name: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError:
        raise DecodeError(f"{name}: expected hexadecimal digits, two to a byte") from None


def _eui(value: Any) -> str | None:
    if value is None:
        return None
    text = re.sub(r"[-:]", "", value).lower() if isinstance(value, str) else ""
    if not _EUI.match(text):
        raise DecodeError("devEui: expected 16 hexadecimal digits")
    return text


def _count(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 32:
        raise DecodeError("fCnt: expected a whole number of at most 32 bits")
    return value


def _time(value: Any) -> int | None:
    if value is None:
        return None
    try:
        return instants.parse(value)
    except (ValueError, TypeError):
        raise DecodeError("time: expected ISO 8601 with a zone") from None


def chosen(options: Options) -> Codec:
    """The codec that the caller asks for. Raises ConfigError."""
    if options.codec is not None:
        return load_codec(options.model or options.codec.stem, options.codec, options.mapping)
    known = ", ".join(codec.model for codec in codecs.models())
    if options.model is None:
        raise ConfigError(f"decode: lorawan needs --codec FILE.js or --model with one of: {known}")
    codec = codecs.find(options.model)
    if codec is None:
        raise ConfigError(f"decode: no codec is known for the model {options.model!r}; known: {known}")
    return codec if options.mapping is None else structs.replace(codec, mapping=load_mapping(options.mapping))


DECODINGS = (
    Decoding(
        "lorawan",
        "LoRaWAN payloads, with --model or --codec",
        lambda options: LorawanLines(chosen(options), options.port, options.device),
    ),
)
