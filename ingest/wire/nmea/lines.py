r"""NMEA 0183, the line: bytes of a receiver into pieces that may be sentences, and one piece into its envelope.

Sans-IO. A sentence is ``$``, an address, fields, ``*`` and a checksum of two hexadecimal digits, ended by CR LF
(NMEA 0183, clause 5.3). What really comes is cut anywhere, ended by CR or LF alone or by the next ``$``, mixed with
the binary messages of receivers, and preceded by tag blocks (``\g:1-2-34*5A\``, NMEA 0183 4.00, clause 7).
"""

from __future__ import annotations

import re
from functools import reduce
from operator import xor

import msgspec

from devices.errors import DecodeError

MAX_LINE = 512  #: bytes; the standard allows 82, receivers with many constellations send up to about 200

_ENDS = re.compile(rb"[\r\n]+|(?=\$)")
_TAG_BLOCK = re.compile(rb"\\[^\\]*\\")
_SENTENCE = re.compile(rb"\$([A-Z][A-Z0-9]{1,14})(,[^*]*)?(?:\*([0-9A-Fa-f]{2}))?[ \t]*\Z")


class Envelope(msgspec.Struct, frozen=True):
    """A sentence whose checksum was judged: ``address`` is what stands before the first comma (``GNRMC``).

    ``raw`` is the sentence alone, without tag block and line end; ``body`` what stands between ``$`` and ``*``.
    ``checked`` is False where the sentence carries no checksum and none was demanded.
    """

    raw: bytes
    address: str
    body: str
    checked: bool


class LineSplitter:
    """Cuts a stream of bytes into pieces: the same pieces whatever the chunks in which the bytes come.

    A piece ends at CR, at LF, or before the next ``$``, which occurs nowhere else in a sentence. A piece of more than
    ``limit`` bytes is given up: its first ``limit + 1`` bytes are told, the rest is dropped. Never holds more than
    that and one chunk.
    """

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._rest = b""
        self._dropping = False

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces that ``data`` completes, in order; blank ones are left out."""
        *ended, rest = _ENDS.split(self._rest + data)
        pieces: list[bytes] = []
        for piece in ended:
            self._tell(piece, pieces)
            self._dropping = False
        if len(rest) > self._limit:
            self._tell(rest, pieces)
            self._dropping, rest = True, b""
        self._rest = rest
        return pieces

    def close(self) -> list[bytes]:
        """The piece that the end of the stream completes, if there is one."""
        return self.feed(b"\n")

    def _tell(self, piece: bytes, pieces: list[bytes]) -> None:
        if not self._dropping and (piece := piece[: self._limit + 1]).strip(b" \t\0"):
            pieces.append(piece)


def checksum(body: bytes) -> int:
    """Exclusive or of all bytes between ``$`` and ``*``."""
    return reduce(xor, body, 0)


def is_tag_block(piece: bytes) -> bool:
    """Whether a piece is nothing but a tag block: the splitter parts it from the ``$`` that follows."""
    return _TAG_BLOCK.fullmatch(piece) is not None


def open_envelope(piece: bytes, *, checksum_required: bool = True) -> Envelope:
    """Check the outside of one piece. Raises DecodeError when it is no sentence or its checksum is wrong."""
    if len(piece) > MAX_LINE:
        raise DecodeError(f"line: more than {MAX_LINE} bytes")
    raw = _TAG_BLOCK.sub(b"", piece, count=1).strip(b" \t") if piece[:1] == b"\\" else piece.strip(b" \t")
    match = _SENTENCE.match(raw)
    if match is None:
        raise DecodeError("line: no NMEA sentence; expected $, an address, fields, * and two hexadecimal digits")
    address = match[1].decode("ascii")
    body = raw[1 : match.end(2) if match[2] is not None else match.end(1)]
    if match[3] is None:
        if checksum_required:
            raise DecodeError(f"{address}: the checksum is missing")
    elif (told := int(match[3], 16)) != (found := checksum(body)):
        raise DecodeError(f"{address}: the checksum is {found:02X}, the sentence says {told:02X}")
    return Envelope(raw, address, body.decode("latin-1"), match[3] is not None)
