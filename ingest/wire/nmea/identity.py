"""Lines by which a receiver says who it is before its sentences. NMEA 0183 itself has none; these are in use.

Adding a form is adding a line to the table.
"""

from __future__ import annotations

import re

from devices.vocabulary import Identity

FORMS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    # imei:864180036543216   IMEI=864180036543216   ##,imei:864180036543216,A;
    ("imei", re.compile(rb"(?:##,)?imei[:=, ][ ]*([0-9]{15})(?:[,;].{0,16})?\Z", re.I)),
    # 864180036543216, as many modems send at the start of a connection
    ("imei", re.compile(rb"([0-9]{15})\Z")),
    # $ID,truck-07   $ID,truck-07*hh   id:truck-07
    ("id", re.compile(rb"(?:\$ID,|id[:=][ ]*)([A-Za-z0-9][A-Za-z0-9._:-]{0,63})(?:\*[0-9A-F]{2})?\Z", re.I)),
)


def recognise(piece: bytes) -> Identity | None:
    """The identity that a line tells, or None when it is no such line."""
    if piece[:1] == b"$" and piece[:4].upper() != b"$ID,":
        return None
    text = piece.strip(b" \t\0")
    for scheme, form in FORMS:
        match = form.match(text)
        if match is not None:
            value = match[1].decode("ascii")
            if scheme == "id" and value.isdecimal() and len(value) == 15:
                scheme = "imei"  # noqa: PLW2901 - $ID,864180036543216
            return Identity(scheme, value)
    return None
