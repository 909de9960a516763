"""NMEA 0183 sentences of receivers that use GPS and BeiDou together.

Written from the standard's public descriptions: version 4.11 names BeiDou with the talker ``GB`` and tells systems
apart by system and signal ids; receivers from before it use ``BD``, without those ids. A sentence is ``$``, address,
fields, ``*``, and the XOR of the bytes between as two hexadecimal digits.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from simulators.city.observation import SECOND, Observation

Dialect = Literal["GB", "BD"]
_KNOT_KMH = 1.852
_IN_GSA, _IN_GSV = 12, 4  # satellites that one sentence holds
_UNDULATION_M = -12.4  # of the geoid, about where the city is


def sentence(*fields: str) -> str:
    """A sentence of its address and fields, with checksum and line end."""
    body = ",".join(fields)
    check = 0
    for byte in body.encode("ascii"):
        check ^= byte
    return f"${body}*{check:02X}\r\n"


def epoch(observation: Observation, dialect: Dialect) -> bytes:
    """All sentences of one instant: RMC, VTG, GGA, GSA and GSV of both systems. Without a fix they are void."""
    fix = observation.fix or {}
    at = datetime.fromtimestamp(observation.observed_at // SECOND, UTC)
    time = f"{at:%H%M%S}.{observation.observed_at % SECOND // 1_000:03d}"
    valid = bool(fix) and fix.get("valid", True) is not False
    used = fix.get("satellites", 0) if valid else 0
    found = _moving(fix, time, f"{at:%d%m%y}", valid, dialect)
    found += [_gga(fix, time, valid, used), *_gsa(fix, valid, used, dialect), *_gsv(used, dialect)]
    return "".join(found).encode("ascii")


def _moving(fix: dict[str, Any], time: str, date: str, valid: bool, dialect: Dialect) -> list[str]:
    """RMC and VTG: position, speed and course over ground, and the date. 4.11 ends RMC with the navigational status."""
    newest = ("V",) if dialect == "GB" else ()
    if not valid:
        return [
            sentence("GNRMC", time, "V", "", "", "", "", "", "", date, "", "", "N", *newest),
            sentence("GNVTG", "", "T", "", "M", "", "N", "", "K", "N"),
        ]
    kmh = float(fix.get("speed_kmh", 0.0))
    knots, course = f"{kmh / _KNOT_KMH:.4f}", f"{fix['heading_deg']:.1f}" if "heading_deg" in fix else ""
    return [
        sentence("GNRMC", time, "A", *_place(fix), knots, course, date, "", "", "A", *newest),
        sentence("GNVTG", course, "T", "", "M", knots, "N", f"{kmh:.3f}", "K", "A"),
    ]


def _gga(fix: dict[str, Any], time: str, valid: bool, used: int) -> str:
    if not valid:
        return sentence("GNGGA", time, "", "", "", "", "0", "00", "99.99", "", "M", "", "M", "", "")
    height = fix.get("altitude_m")
    return sentence(
        *("GNGGA", time, *_place(fix), "1", f"{used:02d}", _hdop(fix)),
        *("" if height is None else f"{height:.1f}", "M", f"{_UNDULATION_M:.1f}", "M", "", ""),
    )


def _gsa(fix: dict[str, Any], valid: bool, used: int, dialect: Dialect) -> list[str]:
    """The satellites that the fix was made of, by system: GPS is system 1, BeiDou 4."""
    found = []
    for (talker, system), ids in zip(_systems(dialect), _satellites(used, dialect), strict=True):
        listed = [f"{number:02d}" for number in ids[:_IN_GSA]] + [""] * (_IN_GSA - len(ids[:_IN_GSA]))
        mode = "3" if valid else "1"
        dops = ("1.80", _hdop(fix), "1.40") if valid else ("99.99", "99.99", "99.99")
        address, last = ("GNGSA", (system,)) if dialect == "GB" else (f"{talker}GSA", ())
        found.append(sentence(address, "A", mode, *listed, *dops, *last))
    return found


def _gsv(used: int, dialect: Dialect) -> list[str]:
    """The satellites in view: those used, with elevation, azimuth and strength; 4.11 ends it with the signal (1)."""
    found = []
    for (talker, _), ids in zip(_systems(dialect), _satellites(used, dialect), strict=True):
        total = max(1, -(-len(ids) // _IN_GSV))
        last = ("1",) if dialect == "GB" else ()
        for number in range(total):
            seen = []
            for sat in ids[number * _IN_GSV : (number + 1) * _IN_GSV]:
                seen += [f"{sat:02d}", f"{10 + sat * 7 % 75:02d}", f"{sat * 37 % 360:03d}", f"{28 + sat % 18:02d}"]
            found.append(sentence(f"{talker}GSV", str(total), str(number + 1), f"{len(ids):02d}", *seen, *last))
    return found


def _systems(dialect: Dialect) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("GP", "1"), (dialect, "4")


def _satellites(used: int, dialect: Dialect) -> tuple[list[int], list[int]]:
    """Which of GPS and of BeiDou; before 4.11 BeiDou's numbers begin at 201 on many receivers."""
    gps = (used + 1) // 2
    first = 1 if dialect == "GB" else 201
    return [1 + 5 * k % 32 for k in range(gps)], [first + 3 * k % 40 for k in range(used - gps)]


def _place(fix: dict[str, Any]) -> tuple[str, str, str, str]:
    """ddmm.mmmmmm and dddmm.mmmmmm with their hemispheres, to a tenth of a millimetre or so."""
    return (*_angle(fix["lat"], 2, "NS"), *_angle(fix["lon"], 3, "EW"))


def _angle(degrees: float, width: int, letters: str) -> tuple[str, str]:
    whole, millionths = divmod(round(abs(degrees) * 60_000_000), 60_000_000)
    return f"{whole:0{width}d}{millionths // 1_000_000:02d}.{millionths % 1_000_000:06d}", letters[degrees < 0]


def _hdop(fix: dict[str, Any]) -> str:
    return f"{fix.get('hdop', 1.0):.2f}"
