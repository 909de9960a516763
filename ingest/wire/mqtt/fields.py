"""The data types of MQTT, read and written (OASIS MQTT 5, clause 1.5; the same in 3.1.1, clause 1.5)."""

from __future__ import annotations

import struct

from ingest.wire.mqtt.reasons import ProtocolError

MAX_LENGTH = 268_435_455  #: of a variable byte integer of four bytes (clause 1.5.5)


def variable(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    """A variable byte integer that starts at ``at``: its value, and where it ends; None when it is not whole yet.

    Raises ProtocolError for one of more than four bytes, or of more than it needs [MQTT-1.5.5-1].
    """
    value = shift = 0
    for place in range(at, min(end, at + 4)):
        digit = data[place]
        value |= (digit & 0x7F) << shift
        if digit < 0x80:
            if digit == 0 and shift:
                raise ProtocolError("length: a variable byte integer with a useless last byte, expected the shortest")
            return value, place + 1
        shift += 7
    if end - at >= 4:
        raise ProtocolError("length: a variable byte integer of more than 4 bytes, expected at most 4")
    return None


class Fields:
    """The content of one packet, read from front to back. Every method raises ProtocolError at its end."""

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.at = at
        self.end = len(data) if end is None else end
        self._data = data

    def take(self, size: int, what: str) -> bytes:
        """So many bytes."""
        at = self.at
        if at + size > self.end:
            raise ProtocolError(f"{what}: {self.end - at} bytes are left, expected {size}")
        self.at = at + size
        return self._data[at : self.at]

    def number(self, size: int, what: str) -> int:
        """An integer of 1, 2 or 4 bytes, big-endian (clauses 1.5.2 and 1.5.3)."""
        return int.from_bytes(self.take(size, what), "big")

    def variable(self, what: str) -> int:
        """A variable byte integer (clause 1.5.5)."""
        found = variable(self._data, self.at, self.end)
        if found is None:
            raise ProtocolError(f"{what}: cut off, expected a variable byte integer")
        value, self.at = found
        return value

    def binary(self, what: str) -> bytes:
        """Bytes behind their length (clause 1.5.6)."""
        return self.take(self.number(2, what), what)

    def text(self, what: str) -> str:
        """A UTF-8 string behind its length [MQTT-1.5.4-1, MQTT-1.5.4-2]."""
        data = self.binary(what)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise ProtocolError(f"{what}: {data[:40]!r} is not UTF-8") from None
        if "\0" in text:
            raise ProtocolError(f"{what}: holds U+0000, which no string may")
        return text

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.end - self.at, "rest")


def written_variable(value: int) -> bytes:
    """A variable byte integer. Raises ValueError for one that is too large."""
    if not 0 <= value <= MAX_LENGTH:
        raise ValueError(f"length: {value}, expected 0 to {MAX_LENGTH}")
    digits = bytearray()
    while True:
        value, digit = divmod(value, 128)
        digits.append(digit | 0x80 if value else digit)
        if not value:
            return bytes(digits)


def written_binary(data: bytes, what: str) -> bytes:
    """Bytes behind their length. Raises ValueError for more than 65,535."""
    if len(data) > 0xFFFF:
        raise ValueError(f"{what}: {len(data)} bytes, expected at most 65535")
    return struct.pack(">H", len(data)) + data


def written_text(text: str, what: str) -> bytes:
    """A UTF-8 string behind its length. Raises ValueError for one that is too long or that no string may be."""
    if "\0" in text:
        raise ValueError(f"{what}: holds U+0000, which no string may")
    return written_binary(text.encode(), what)
