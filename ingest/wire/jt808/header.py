"""The header of a JT/T 808 message (2013, clause 4.4.3)."""

from __future__ import annotations

from struct import Struct

import msgspec

from devices.errors import DecodeError

SPLIT = 1 << 13  #: the message is one part of several
VERSIONED = 1 << 14  #: the header is that of 2019
LENGTH = 0x03FF
ENCRYPTION = 0x1C00

_START = Struct(">HH")
_PAIR = Struct(">HH")


class Header(msgspec.Struct, frozen=True, gc=False):
    """A parsed header.

    ``phone`` is the terminal's number with its leading zeros: 12 digits, or 20 in 2019. Some terminals put an IMEI in
    binary there: digits are hexadecimal then. ``version`` is 2013 or 2019; a header of 2011 looks like one of 2013.
    ``length`` is the length of the body as the header claims it.
    """

    message_id: int
    properties: int
    phone: str
    serial: int
    version: int = 2013
    protocol_version: int = 0  #: the byte that counts revisions in 2019
    parts: int = 1
    part: int = 1

    @property
    def length(self) -> int:
        """Length of the body, as claimed."""
        return self.properties & LENGTH

    @property
    def is_split(self) -> bool:
        """Whether the message is one part of several."""
        return bool(self.properties & SPLIT)


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message: header and body. Of one that came in parts, the first part's header and the whole body."""

    header: Header
    body: bytes


def parse(frame: bytes) -> Message:
    """Parse a frame whose checksum was verified. Raises DecodeError.

    A body whose length differs from the header's claim is taken as it came: the delimiters and the checksum have
    said where it ends, and terminals that count wrongly are in use.
    """
    message_id, properties = _START.unpack_from(frame)
    versioned = bool(properties & VERSIONED)
    start, digits = (5, 10) if versioned else (4, 6)
    end = start + digits + 2 + (4 if properties & SPLIT else 0)
    if len(frame) < end + 1:
        raise DecodeError(f"header: the frame has {len(frame)} bytes, its header needs {end + 1}")
    phone = frame[start : start + digits].hex()
    serial = int.from_bytes(frame[start + digits : start + digits + 2], "big")
    parts, part = _PAIR.unpack_from(frame, end - 4) if properties & SPLIT else (1, 1)
    if not 1 <= part <= parts:
        raise DecodeError(f"header: part {part} of {parts}")
    version, revision = (2019, frame[4]) if versioned else (2013, 0)
    header = Header(message_id, properties, phone, serial, version, revision, parts, part)
    return Message(header, frame[end:-1])


def build(header: Header, body: bytes) -> bytes:
    """Header and body as bytes, without checksum; the length is that of the body.

    Raises ValueError when the body is longer than a message can be.
    """
    if len(body) > LENGTH:
        raise ValueError(f"body: {len(body)} bytes, expected at most {LENGTH}")
    versioned = header.version == 2019
    properties = len(body) | (header.properties & SPLIT) | (VERSIONED if versioned else 0)
    head = _START.pack(header.message_id, properties)
    if versioned:
        head += bytes((header.protocol_version,))
    head += bytes.fromhex(header.phone) + header.serial.to_bytes(2, "big")
    if header.is_split:
        head += _PAIR.pack(header.parts, header.part)
    return head + body


def require_plain(header: Header) -> None:
    """Raise DecodeError for an encrypted body: the hub holds no keys of terminals."""
    bits = (header.properties & ENCRYPTION) >> 10
    if bits:
        how = "RSA" if bits == 1 else f"reserved method {bits}"
        raise DecodeError(f"encryption: the body is encrypted ({how}); switch encryption off in the terminal")
