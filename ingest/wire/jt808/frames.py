"""Framing of JT/T 808 (2013, clause 4.4): delimiters 0x7E, escapes 0x7D, and the exclusive-or checksum.

A frame here is what stands between two delimiters, unescaped and with its checksum: header, body, one byte.
"""

from __future__ import annotations

from collections import Counter
from functools import reduce
from operator import xor

from devices.errors import DecodeError

DELIMITER = 0x7E
MIN_FRAME = 13  #: the shortest header and the checksum
MAX_FRAME = 21 + 1023 + 1  #: the longest header, the longest body that ten bits can name, the checksum
MAX_ESCAPED = 2 * MAX_FRAME

_MARK = b"\x7e"
_ESCAPE = b"\x7d"


def checksum(content: bytes) -> int:
    """The exclusive-or of all bytes."""
    return reduce(xor, content, 0)


def escape(frame: bytes) -> bytes:
    """A frame as it travels: escaped and between delimiters (clause 4.4.2)."""
    return _MARK + frame.replace(_ESCAPE, b"\x7d\x01").replace(_MARK, b"\x7d\x02") + _MARK


def unescape(content: bytes) -> bytes:
    """What stood between two delimiters, as it was before escaping. Raises DecodeError."""
    if _ESCAPE not in content:
        return content
    head, *pieces = content.split(_ESCAPE)
    found = [head]
    for piece in pieces:
        if piece[:1] == b"\x01":
            found.append(_ESCAPE)
        elif piece[:1] == b"\x02":
            found.append(_MARK)
        else:
            raise DecodeError(f"frame: 7d is followed by {piece[:1].hex() or 'nothing'}, expected 01 or 02")
        found.append(piece[1:])
    return b"".join(found)


def seal(content: bytes) -> bytes:
    """Header and body with their checksum: a frame."""
    return content + bytes((checksum(content),))


def verify(frame: bytes) -> bytes:
    """The frame itself when its length and checksum hold. Raises DecodeError."""
    if len(frame) < MIN_FRAME:
        raise DecodeError(f"frame: {len(frame)} bytes, expected at least {MIN_FRAME}")
    if len(frame) > MAX_FRAME:
        raise DecodeError(f"frame: {len(frame)} bytes, expected at most {MAX_FRAME}")
    if checksum(frame):  # the checksum makes the whole come to nothing
        expected = checksum(frame[:-1])
        raise DecodeError(f"checksum: {frame[-1]:02x}, expected {expected:02x}")
    return frame


class Framer:
    """Cuts a stream into frames, however it is chunked.

    Every delimiter ends what came before and may begin the next frame, so that a lost delimiter or garbage costs
    what it touches and nothing after the next 0x7E. At most ``max_escaped`` bytes are held. ``dropped`` counts what
    was given up by reason: ``oversized``, ``malformed`` (too short, or a wrong escape), ``checksum``.
    """

    def __init__(self, max_escaped: int = MAX_ESCAPED) -> None:
        self.dropped: Counter[str] = Counter()
        self._limit = max_escaped
        self._held = bytearray()
        self._inside = False  #: a delimiter was seen, so that what comes may be a frame
        self._overflown = False

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not complete, its delimiter counted; 0 when nothing was begun."""
        return len(self._held) + 1 if self._held else 0

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are complete with ``data``."""
        frames: list[bytes] = []
        *ended, rest = data.split(_MARK)
        for piece in ended:
            self._hold(piece)
            if self._held and (frame := self._frame()) is not None:
                frames.append(frame)
            self._held.clear()
            self._inside = True
            self._overflown = False
        self._hold(rest)
        return frames

    def _hold(self, piece: bytes) -> None:
        if not self._inside or self._overflown or not piece:
            return
        if len(self._held) + len(piece) > self._limit:
            self.dropped["oversized"] += 1
            self._overflown = True
            self._held.clear()
        else:
            self._held += piece

    def _frame(self) -> bytes | None:
        try:
            return verify(unescape(bytes(self._held)))
        except DecodeError as error:
            self.dropped["checksum" if str(error).startswith("checksum") else "malformed"] += 1
            return None
