"""The form that Milesight's sensors share: channel id, channel type, value; again and again.

Values are little-endian and their length follows from the pair, so that an unknown pair hides all that stands behind
it. Channels 0xFF and 0xFE carry facts of the device and its answers to downlinks. From the payload definitions that the
vendor publishes with each model ("Payload Definition", user guides).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from devices.codecs import DecodedPayload
from devices.errors import DecodeError

Fields = dict[str, Any]


class Channel(msgspec.Struct, frozen=True):
    """A channel's value: its length in bytes, and the fields that it makes.

    Where the length depends on the value, ``size`` tells it from the bytes that follow: None for a value of a kind that
    is not known.
    """

    size: int | Callable[[bytes], int | None]
    fields: Callable[[bytes], Fields]


Channels = Mapping[tuple[int, int], Channel]  #: by channel id and channel type


def reader(channels: Channels) -> Callable[[int, bytes], DecodedPayload]:
    """The ``read`` of a codec with these channels. The port is of no account: the vendor lets people choose it."""

    def read(f_port: int, payload: bytes) -> DecodedPayload:
        return _read(payload, channels)

    return read


def _read(payload: bytes, channels: Channels) -> DecodedPayload:
    decoded: Fields = {}
    problem: str | None = None if payload else "payload: empty, expected channels"
    at = 0
    while at < len(payload) and problem is None:
        problem, size = _fault(payload, at, channels)
        if problem is None:
            channel = channels[payload[at], payload[at + 1]]
            _merge(decoded, channel.fields(payload[at + 2 : at + 2 + size]))
            at += 2 + size
    if problem is None:
        return DecodedPayload(decoded)
    if not decoded:
        raise DecodeError(problem)
    return DecodedPayload(decoded, (problem,))


def _fault(payload: bytes, at: int, channels: Channels) -> tuple[str | None, int]:
    """What is wrong with the channel that begins at ``at``, and the length of its value."""
    pair, rest = payload[at : at + 2], payload[at + 2 :]
    name = f"channel {pair.hex(' ')} at byte {at}"
    if len(pair) < 2:
        return f"{name}: cut off after its id", 0
    channel = channels.get((pair[0], pair[1]))
    size = None if channel is None else channel.size if isinstance(channel.size, int) else channel.size(rest)
    if channel is None or size is None:
        what = "unknown to this model" if channel is None else "a value of an unknown kind"
        return f"{name}: {what}; {len(payload) - at} bytes were not read", 0
    return (f"{name}: {len(rest)} bytes follow, expected {size}" if len(rest) < size else None), size


def _merge(decoded: Fields, fields: Fields) -> None:
    """Later values take the place of earlier ones; lists (history) grow."""
    for name, value in fields.items():
        if isinstance(value, list) and isinstance(decoded.get(name), list):
            decoded[name].extend(value)
        else:
            decoded[name] = value


def u8(name: str, divisor: int = 1) -> Channel:
    """An unsigned byte."""
    return Channel(1, lambda data: {name: scaled(data[0], divisor)})


def u16(name: str, divisor: int = 1) -> Channel:
    """Two bytes, unsigned."""
    return Channel(2, lambda data: {name: scaled(unsigned(data), divisor)})


def i16(name: str, divisor: int = 1) -> Channel:
    """Two bytes, signed."""
    return Channel(2, lambda data: {name: scaled(signed(data), divisor)})


def u32(name: str) -> Channel:
    """Four bytes, unsigned."""
    return Channel(4, lambda data: {name: unsigned(data)})


def word(name: str, words: Mapping[int, str]) -> Channel:
    """A byte that stands for a word."""
    return Channel(1, lambda data: {name: words.get(data[0], UNKNOWN)})


def scaled(value: int, divisor: int) -> float:
    """A whole number where nothing is divided, as the vendor's decoders give it."""
    return value if divisor == 1 else value / divisor


def unsigned(data: bytes) -> int:
    """Little-endian, unsigned."""
    return int.from_bytes(data, "little")


def signed(data: bytes) -> int:
    """Little-endian, two's complement."""
    return int.from_bytes(data, "little", signed=True)


UNKNOWN = "unknown"  #: the vendor's word for a code without a meaning
SWITCHED: Mapping[int, str] = {0: "disable", 1: "enable"}
POSITIONS: Mapping[int, str] = {0: "normal", 1: "tilt"}
CONDITIONS: Mapping[int, str] = {0: "disable", 1: "below", 2: "above", 3: "between", 4: "outside"}
_CLASSES: Mapping[int, str] = {0: "Class A", 1: "Class B", 2: "Class C", 3: "Class CtoB"}


def done(name: str) -> Channel:
    """A byte whose presence says that a command was done (``reboot: yes``)."""
    return Channel(1, lambda data: {name: "yes"})


def hexadecimal(name: str, size: int) -> Channel:
    """Bytes shown as hexadecimal digits: serial numbers and keys."""
    return Channel(size, lambda data: {name: data.hex()})


def dotted(name: str, size: int, lead: str = "") -> Channel:
    """A version: its bytes in decimal with points between."""
    return Channel(size, lambda data: {name: lead + ".".join(map(str, data))})


#: Facts of the device that nearly all models send when they join.
ATTRIBUTES: Channels = {
    (0xFF, 0x01): Channel(1, lambda data: {"ipso_version": f"v{data[0] >> 4}.{data[0] & 15}"}),
    (0xFF, 0x09): Channel(2, lambda data: {"hardware_version": f"v{data[0]}.{data[1] >> 4}"}),
    (0xFF, 0x0A): Channel(2, lambda data: {"firmware_version": f"v{data[0]}.{data[1]}"}),
    (0xFF, 0x0B): Channel(1, lambda data: {"device_status": "on"}),
    (0xFF, 0x0F): word("lorawan_class", _CLASSES),
    (0xFF, 0x16): hexadecimal("sn", 8),
    (0xFF, 0xFE): Channel(1, lambda data: {"reset_event": "reset"}),
    (0xFF, 0xFF): Channel(2, lambda data: {"tsl_version": f"v{data[0]}.{data[1]}"}),
    (0x01, 0x75): u8("battery"),
}


def answers(channels: Mapping[int, Channel]) -> Channels:
    """Answers to downlinks: the same under 0xFE and 0xFF, by their type."""
    return {(lead, kind): channel for kind, channel in channels.items() for lead in (0xFE, 0xFF)}


def extended_answers(channels: Mapping[int, Channel]) -> Channels:
    """Answers of the later form, under 0xF9 and 0xF8. Under 0xF8 a byte follows that says whether it was done."""
    plain = {(0xF9, kind): channel for kind, channel in channels.items()}
    return plain | {(0xF8, kind): _with_result(kind, channel) for kind, channel in channels.items()}


def _with_result(kind: int, channel: Channel) -> Channel:
    assert isinstance(channel.size, int)

    def fields(data: bytes) -> Fields:
        request = channel.fields(data[:-1])
        if data[-1] == 0:
            return request
        result = _RESULTS.get(data[-1], UNKNOWN)
        return {"device_response_result": {"channel_type": kind, "result": result, "request": request}}

    return Channel(channel.size + 1, fields)


_RESULTS: Mapping[int, str] = {0: "success", 1: "forbidden", 2: "invalid parameter"}
