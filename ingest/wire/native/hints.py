"""What a refused message perhaps meant: for people who write their first device. Only faults pay for it."""

from __future__ import annotations

from devices.errors import DecodeError
from devices.metrics import Catalogue
from ingest.wire.native.form import FixForm, parse_json, shown

EMPTY = "holds no readings, fix or events"
_PARTS = ("readings", "fix", "events")
_MOST = 5  #: names that are told


def of_empty(payload: bytes, place: int | None, catalogue: Catalogue) -> str:
    """Why the message at a place of an array (None: the only one) holds nothing; empty where its fields do not say."""
    try:
        raw = parse_json(payload)
    except DecodeError:
        return ""
    item = raw if place is None else raw[place]
    names = [str(name)[:64] for name in item if name not in ("ts", "id", "seq", "kind", "device", *_PARTS)]
    if not names:
        return ""
    metrics = [name for name in names if name in catalogue]
    if metrics:
        return f'; put {", ".join(metrics[:_MOST])} into readings: {{"readings": {{"{metrics[0]}": ...}}}}'
    for part in _PARTS:
        if any(part.startswith(name.lower()) or name.lower().startswith(part) for name in names):
            return f"; did you mean {part}?"
    return f"; got {', '.join(shown(name) for name in names[:_MOST])}"


def of_half(fix: FixForm) -> str:
    """What a position needs that has neither a latitude nor a longitude."""
    return "; expected lat and lon, in degrees" if fix.lat is None and fix.lon is None else ""


def of_latitude(lat: float, lon: float) -> str:
    """Whether latitude and longitude were exchanged."""
    return "; are lat and lon exchanged?" if 90 < abs(lat) <= 180 and abs(lon) <= 90 else ""
