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
    """A channel's value: its length in bytes (or how to tell it from what follows), and the fields that it makes."""

    size: int | Callable[[bytes], int]
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
        name = f"channel {payload[at : at + 2].hex(' ')} at byte {at}"
        channel = channels.get((payload[at], payload[at + 1])) if at + 2 <= len(payload) else None
        rest = payload[at + 2 :]
        if channel is None:
            problem = f"{name}: unknown to this model; {len(payload) - at} bytes were not read"
            break
        size = channel.size if isinstance(channel.size, int) else channel.size(rest)
        if len(rest) < size:
            problem = f"{name}: {len(rest)} bytes follow, expected {size}"
            break
        _merge(decoded, channel.fields(rest[:size]))
        at += 2 + size
    if problem is None:
        return DecodedPayload(decoded)
    if not decoded:
        raise DecodeError(problem)
    return DecodedPayload(decoded, (problem,))


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
