"""A small language for the fields of message bodies, so that a message is an entry of a table and no code.

A field is a name and a kind; a kind reads its value from the body at hand and may look at the fields before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from devices.errors import DecodeError

Fields = dict[str, Any]


class Reader:
    """A body and how far it is read. Every read raises DecodeError when the body ends before it."""

    __slots__ = ("data", "offset")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.offset = 0

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return len(self.data) - self.offset

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        if size > self.left:
            raise DecodeError(f"{size} bytes are missing after byte {self.offset}, expected {size}, got {self.left}")
        self.offset += size
        return self.data[self.offset - size : self.offset]

    def number(self, size: int) -> int:
        """The next ``size`` bytes as an unsigned number, big-endian."""
        return int.from_bytes(self.take(size), "big")


Kind = Callable[[Reader, Fields], Any]
Field = tuple[str, Kind]


class Form(msgspec.Struct, frozen=True):
    """A message: its name, and its fields in order. ``optional`` of the last fields may be left out by the sender."""

    name: str
    fields: Sequence[Field] = ()
    optional: int = 0


def read(form: Form, body: bytes) -> Fields:
    """The fields of a body. What follows the last field is ignored. Raises DecodeError that names the field."""
    reader = Reader(body)
    found: Fields = {}
    required = len(form.fields) - form.optional
    for index, (name, kind) in enumerate(form.fields):
        if index >= required and not reader.left:
            break
        try:
            found[name] = kind(reader, found)
        except DecodeError as error:
            raise DecodeError(f"{form.name}.{name}: {error}") from None
    return found


def decoded_text(data: bytes) -> str:
    """Text in GBK without the padding around it; what is no GBK, or NUL inside, is shown as a replacement character."""
    return data.strip(b"\0 ").decode("gbk", "replace").replace("\0", "\ufffd")


def u8(reader: Reader, _: Fields) -> int:
    """BYTE."""
    return reader.number(1)


def u16(reader: Reader, _: Fields) -> int:
    """WORD."""
    return reader.number(2)


def u32(reader: Reader, _: Fields) -> int:
    """DWORD."""
    return reader.number(4)


def u64(reader: Reader, _: Fields) -> int:
    """Eight bytes: the alarm flags of JT/T 1078."""
    return reader.number(8)


def rest(reader: Reader, _: Fields) -> str:
    """STRING up to the end of the body."""
    return decoded_text(reader.take(reader.left))


def rest_hex(reader: Reader, _: Fields) -> str:
    """Bytes up to the end of the body, in hexadecimal."""
    return reader.take(reader.left).hex()


def time(reader: Reader, _: Fields) -> str:
    """BCD[6] as ``YYYY-MM-DD hh:mm:ss``, in the terminal's own GMT+8; a time that is none is shown all the same."""
    digits = reader.take(6).hex()
    date = "-".join(digits[at : at + 2] for at in (0, 2, 4))
    return f"20{date} " + ":".join(digits[at : at + 2] for at in (6, 8, 10))


def text(size: int) -> Kind:
    """STRING of a fixed size, padded."""
    return lambda reader, _: decoded_text(reader.take(size))


def digits(size: int) -> Kind:
    """BCD of a fixed size, as digits."""
    return lambda reader, _: reader.take(size).hex()


def raw(size: int) -> Kind:
    """Bytes of a fixed size, in hexadecimal."""
    return lambda reader, _: reader.take(size).hex()


def text_of(length: str) -> Kind:
    """STRING whose size is the field ``length``."""
    return lambda reader, found: decoded_text(reader.take(found[length]))


def many(kind: Kind, count: str) -> Kind:
    """So many values of a kind as the field ``count`` says."""
    return lambda reader, found: [kind(reader, found) for _ in range(found[count])]


def record(*fields: Field) -> Kind:
    """Several fields as one value."""

    def take(reader: Reader, _: Fields) -> Fields:
        found: Fields = {}
        for name, kind in fields:
            found[name] = kind(reader, found)
        return found

    return take


def until_end(kind: Kind) -> Kind:
    """Values of a kind up to the end of the body."""

    def take(reader: Reader, found: Fields) -> list[Any]:
        values = []
        while reader.left:
            before = reader.offset
            values.append(kind(reader, found))
            if reader.offset == before:
                raise DecodeError("a value without size")
        return values

    return take
