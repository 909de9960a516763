"""The body of a position, 0x0200 (JT/T 808-2013, clause 8.18), and what it claims.

A decoder has no memory: each alarm bit that is set in a message is one event of that message, with the bit and the
whole alarm word in its attributes. A record's identity is device, kind, time and attributes, so that a message that
is sent again (with the same serial, a new one, or later in a batch 0x0704) makes no second event; a terminal that
goes on alarming makes an event for each position, and the alert rules decide what of it is one alarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from struct import Struct

import msgspec

from devices import instants
from devices.errors import DecodeError
from devices.metrics import Catalogue
from devices.vocabulary import Identity, Occurrence, Position, Uplink
from ingest.wire.jt808.alarms import CONSTELLATIONS, FIXED, IGNITION, SOUTH, WEST, Input, alarm_kinds

BEIJING = timezone(timedelta(hours=8))  #: every time of the protocol is in GMT+8
FIXED_PART = 28

MILEAGE, FUEL, RECORDER_SPEED, SATELLITES = 0x01, 0x02, 0x03, 0x31

_NUMBERS = Struct(">IIIIHHH")
_SCALED: tuple[tuple[int, int, str], ...] = (
    (MILEAGE, 4, "mileage_km"),
    (FUEL, 2, "fuel_l"),
    (RECORDER_SPEED, 2, "speed_kmh"),
)
"""Items that are readings in tenths: id, bytes, metric. 0x30 (signal strength) is none: the standard gives it no unit,
and what terminals send there is a figure from 0 to 31 with some and a percentage with others."""


class PositionBody(msgspec.Struct, frozen=True, gc=False):
    """The fields of 0x0200 as sent: degrees in millionths without sign, speed in 0.1 km/h, time as twelve digits.

    ``items`` are the additional items by id; of an id that is repeated the last stands. ``torn`` tells what is wrong
    with the end of the item list, where it does not end as its lengths say.
    """

    alarm: int
    status: int
    latitude: int
    longitude: int
    altitude: int
    speed: int
    direction: int
    time: str
    items: dict[int, bytes]
    torn: str | None = None


def parse_position(body: bytes) -> PositionBody:
    """Read the body of a position. Raises DecodeError when the fixed part is not there whole."""
    if len(body) < FIXED_PART:
        raise DecodeError(f"position: {len(body)} bytes, expected at least {FIXED_PART}")
    items, torn = parse_items(body)
    alarm, status, latitude, longitude, altitude, speed, direction = _NUMBERS.unpack_from(body)
    digits = body[22:FIXED_PART].hex()
    return PositionBody(alarm, status, latitude, longitude, altitude, speed, direction, digits, items, torn)


def parse_items(body: bytes) -> tuple[dict[int, bytes], str | None]:
    """The additional items behind the fixed part, and what is wrong with their end."""
    items: dict[int, bytes] = {}
    offset, end = FIXED_PART, len(body)
    while offset < end:
        item = body[offset]
        if offset + 1 == end:
            return items, f"item 0x{item:02x}: its length is missing"
        length = body[offset + 1]
        value = body[offset + 2 : offset + 2 + length]
        if len(value) < length:
            return items, f"item 0x{item:02x}: {len(value)} bytes, its length says {length}"
        items[item] = value
        offset += 2 + length
    return items, None


def parse_time(digits: str) -> int | None:
    """Microseconds since 1970 of a time as BCD (YYMMDDhhmmss, GMT+8); None where the terminal has none (all 0 or F).

    Raises DecodeError.
    """
    if not digits.strip("0") or not digits.strip("f"):
        return None
    if digits.isdecimal():
        year, month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(0, 12, 2))
        try:
            moment = datetime(2000 + year, month, day, hour, minute, second, tzinfo=BEIJING)
        except ValueError:
            pass
        else:
            return instants.from_datetime(moment)
    raise DecodeError(f"time: expected BCD digits of a time as YYMMDDhhmmss, got {digits}")


def claims(
    body: PositionBody,
    identity: Identity,
    version: int,
    catalogue: Catalogue,
    inputs: Sequence[Input] = (),
) -> tuple[Uplink, list[str]]:
    """What a position claims, and its problems. Raises DecodeError when its time is none."""
    problems = [body.torn] if body.torn else []
    observed_at = parse_time(body.time)
    alarms = tuple(
        Occurrence(kind, {"bit": bit, "alarm": body.alarm}) for bit, kind in alarm_kinds(body.alarm, version)
    )
    readings = _readings(body, catalogue, inputs, problems)
    position = _position(body, problems)
    return Uplink(identity, observed_at, readings, position, alarms, kind="vehicle"), problems


def _readings(
    body: PositionBody, catalogue: Catalogue, inputs: Sequence[Input], problems: list[str]
) -> dict[str, float]:
    found: dict[str, float] = {"ignition": float(body.status & IGNITION)}
    for item, size, metric in _SCALED:
        value = body.items.get(item)
        if value is None or not value.strip(b"\xff"):
            continue
        if len(value) != size:
            problems.append(f"item 0x{item:02x}: {len(value)} bytes, expected {size}")
            continue
        number = int.from_bytes(value, "big") / 10
        problem = catalogue.check(metric, number)
        if problem is None:
            found[metric] = number
        else:
            problems.append(f"item 0x{item:02x}: {problem}")
    for wired in inputs:
        value = body.items.get(wired.item)
        if value is not None and wired.bit < 8 * len(value):
            found[wired.metric] = float(int.from_bytes(value, "big") >> wired.bit & 1)
    return found


def _position(body: PositionBody, problems: list[str]) -> Position | None:
    """The position in WGS-84. A terminal without a fix may send any coordinates; those beyond the globe say nothing."""
    status = body.status
    lat, lon = body.latitude / 1e6, body.longitude / 1e6
    fixed = bool(status & FIXED)
    if lat > 90 or lon > 180:
        if fixed:
            name, value, bound = ("latitude", lat, 90) if lat > 90 else ("longitude", lon, 180)
            problems.append(f"{name}: {value:.6f} is outside 0..{bound} degrees")
        return None
    satellites = body.items.get(SATELLITES, b"\xff")
    return Position(
        -lat if status & SOUTH and lat else lat,
        -lon if status & WEST and lon else lon,
        altitude_m=float(body.altitude) if body.altitude <= 20_000 else None,
        speed_kmh=body.speed / 10 if body.speed <= 5_000 else None,
        heading_deg=float(body.direction % 360) if body.direction <= 360 else None,
        satellites=satellites[0] if len(satellites) == 1 and satellites[0] <= 200 else None,
        constellations=tuple(name for bit, name in CONSTELLATIONS if status & bit),
        valid=fixed and (lat, lon) != (0.0, 0.0),
    )
