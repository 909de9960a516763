"""Messages of JT/T 808 terminals as bytes: frames, registration, positions and batches, in three editions.

Written from the standard's text (clause 4.4 framing, 8.x bodies), and from nothing of the hub: a fault that both sides
shared would go unseen. All numbers are big-endian; times are BCD in GMT+8 whatever the place (2013, table 23).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

import msgspec

from simulators.city.observation import SECOND, Observation

Edition = Literal[2011, 2013, 2019]
LONGEST_BODY = 1_023  # ten bits of the body's properties
_BEIJING = timezone(timedelta(hours=8))
_FLAG, _ESCAPE = 0x7E, 0x7D
_MAKER, _MODEL, _TERMINAL = {2011: 5, 2013: 5, 2019: 11}, {2011: 8, 2013: 20, 2019: 30}, {2011: 7, 2013: 7, 2019: 30}
_PLACE = (("lat", 1_000_000), ("lon", 1_000_000), ("heading_deg", 1))
OVERSPEED_KMH = 60.0  # what the terminal is set to; beyond it the alarm bit is on

INPUTS = {"pto": (0x2A, 2), "brush": (0x2A, 3), "spray": (0x2A, 4), "pump": (0x2A, 5), "lift": (0x25, 15)}
"""Which bit of which additional item each work signal is wired to: bits that the standard leaves free."""


class Fitting(msgspec.Struct, frozen=True):
    """What a terminal knows about itself and the vehicle that it was fitted to."""

    phone: str  #: 12 digits, 20 in the edition of 2019
    edition: Edition = 2013
    plate: str = "鄂A00000"
    tank_l: float = 160.0


def framed(message_id: int, body: bytes, serial: int, fitting: Fitting) -> bytes:
    """A whole message: header, body, checksum (XOR), escapes, delimiters. ``body`` is at most 1,023 bytes."""
    if len(body) > LONGEST_BODY:
        raise ValueError(f"body: {len(body)} bytes, at most {LONGEST_BODY} without sub-packages")
    modern = fitting.edition == 2019
    content = message_id.to_bytes(2, "big") + (len(body) | (0x4000 if modern else 0)).to_bytes(2, "big")
    content += (b"\x01" if modern else b"") + bytes.fromhex(fitting.phone) + serial.to_bytes(2, "big") + body
    check = 0
    for byte in content:
        check ^= byte
    # The escape of the escape comes first, or it would escape the other's too.
    inside = (content + bytes((check,))).replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02")
    return b"\x7e" + inside + b"\x7e"


def registration(fitting: Fitting) -> bytes:
    """A body of 0x0100: province 42, city 100, maker, model, terminal id, colour of the plate (2, yellow), plate."""
    edition = fitting.edition
    return (
        (42).to_bytes(2, "big")
        + (100).to_bytes(2, "big")
        + b"SIMHB".ljust(_MAKER[edition], b"\0")
        + b"SW-8".ljust(_MODEL[edition], b"\0")
        + fitting.phone[-7:].encode().ljust(_TERMINAL[edition], b"\0")
        + b"\x02"
        + fitting.plate.encode("gbk")
    )


def authentication(code: bytes, fitting: Fitting) -> bytes:
    """A body of 0x0102; in 2019 the code has its length before it, and IMEI and software version after it."""
    if fitting.edition != 2019:
        return code
    return bytes((len(code),)) + code + fitting.phone[-15:].encode() + b"simulated 1".ljust(20, b"\0")


def general_answer(serial: int, message_id: int, result: int) -> bytes:
    """A body of 0x0001: what it answers, and 0 done, 1 failed, 2 wrong, 3 not supported."""
    return serial.to_bytes(2, "big") + message_id.to_bytes(2, "big") + bytes((result,))


def position(observation: Observation, fitting: Fitting) -> bytes:
    """A body of 0x0200: alarms, status, place, speed, time, and the additional items."""
    fix, readings = observation.fix or {}, observation.readings
    lat, lon, heading = (_scaled(fix, name, scale) for name, scale in _PLACE)
    return (
        _alarms(observation).to_bytes(4, "big")
        + _status(fix, readings, fitting.edition).to_bytes(4, "big")
        + abs(lat).to_bytes(4, "big")
        + abs(lon).to_bytes(4, "big")
        + _word(fix.get("altitude_m", 0.0))
        + _word(fix.get("speed_kmh", 0.0) * 10)
        + (heading % 360).to_bytes(2, "big")
        + bcd_time(observation.observed_at)
        + _items(fix, readings, fitting)
    )


def bcd_time(at: int) -> bytes:
    """YYMMDDhhmmss in GMT+8 of an instant (µs); the rest of its second is cut off."""
    return bytes.fromhex(datetime.fromtimestamp(at // SECOND, _BEIJING).strftime("%y%m%d%H%M%S"))


def batches(bodies: list[bytes]) -> Iterator[bytes]:
    """Bodies of 0x0704, type 1 (filled in after a gap), each as long as fits into one message."""
    gathered: list[bytes] = []
    size = 3
    for body in bodies:
        if size + 2 + len(body) > LONGEST_BODY:
            yield _batch(gathered)
            gathered, size = [], 3
        gathered.append(body)
        size += 2 + len(body)
    if gathered:
        yield _batch(gathered)


def _batch(bodies: list[bytes]) -> bytes:
    return len(bodies).to_bytes(2, "big") + b"\x01" + b"".join(len(body).to_bytes(2, "big") + body for body in bodies)


def _alarms(observation: Observation) -> int:
    """Bit 0: the driver calls for help; bit 1: too fast."""
    sos = any(event["kind"] == "sos" for event in observation.events)
    fast = observation.readings.get("speed_kmh", 0.0) > OVERSPEED_KMH
    return sos | fast << 1


def _status(fix: dict[str, Any], readings: dict[str, float], edition: Edition) -> int:
    """Bits 0 ignition, 1 fixed, 2 south, 3 west, and from 2013 on 18 to 21 the systems used."""
    valid = bool(fix) and fix.get("valid", True) is not False
    word: int = (readings.get("ignition", 0) == 1) | valid << 1
    word |= (fix.get("lat", 0.0) < 0) << 2 | (fix.get("lon", 0.0) < 0) << 3
    used = fix.get("constellations", ())
    if edition != 2011 and valid:
        for bit, name in enumerate(("GPS", "BDS", "GLONASS", "GALILEO"), 18):
            word |= (name in used) << bit
    return word


def _items(fix: dict[str, Any], readings: dict[str, float], fitting: Fitting) -> bytes:
    found = b""
    if "mileage_km" in readings:
        found += b"\x01\x04" + round(readings["mileage_km"] * 10).to_bytes(4, "big")
    if "fuel_pct" in readings:
        found += b"\x02\x02" + _word(readings["fuel_pct"] / 100 * fitting.tank_l * 10)
    if "speed_kmh" in readings:
        found += b"\x03\x02" + _word(readings["speed_kmh"] * 10)
    for item, size in ((0x25, 4), (0x2A, 2)):
        wired = {metric: bit for metric, (place, bit) in INPUTS.items() if place == item and metric in readings}
        if wired:
            word = sum(1 << bit for metric, bit in wired.items() if readings[metric])
            found += bytes((item, size)) + word.to_bytes(size, "big")
    # The strength of the mobile network: some figure from 10 to 31 that moves with the vehicle.
    found += bytes((0x30, 1, 10 + int(readings.get("mileage_km", 0.0) * 10) % 22))
    if "satellites" in fix:
        found += bytes((0x31, 1, min(fix["satellites"], 254)))
    return found


def _scaled(fix: dict[str, Any], name: str, scale: int) -> int:
    return round(float(fix.get(name, 0.0)) * scale)


def _word(value: float) -> bytes:
    return min(max(round(value), 0), 0xFFFE).to_bytes(2, "big")


class Heard(msgspec.Struct, frozen=True):
    """A message from the platform."""

    message_id: int
    serial: int
    body: bytes


class Ear:
    """Takes the platform's bytes apart; what is no sound message is dropped."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Heard]:
        """The messages that are complete by these bytes."""
        *pieces, rest = (self._rest + data).split(b"\x7e")
        self._rest = rest[-4_096:]
        for piece in pieces:
            if len(piece) >= 13:
                heard = _heard(piece)
                if heard is not None:
                    yield heard


def _heard(piece: bytes) -> Heard | None:
    content = re.sub(rb"\x7d([\x01\x02])", lambda m: b"\x7d" if m[1] == b"\x01" else b"\x7e", piece)
    check = 0
    for byte in content:
        check ^= byte
    properties = int.from_bytes(content[2:4], "big")
    start = 15 if properties & 0x4000 else 10
    if check or properties & 0x2000 or len(content) < start + 3:
        return None
    serial = int.from_bytes(content[start : start + 2], "big")
    return Heard(int.from_bytes(content[:2], "big"), serial, content[start + 2 : -1])
