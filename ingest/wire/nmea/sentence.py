"""NMEA 0183, the sentence: what each type says of an epoch.

pynmea2 tells which field of a sentence is which; every value is then read from its text by
:mod:`ingest.wire.nmea.fields`, for pynmea2 itself gives latitude 0.0 for an empty one and text for a bad number.

A field without which the sentence means nothing (status, time, date, position) costs the sentence; another one that
is bad is named and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import TypeVar

import msgspec
import pynmea2

from devices.errors import DecodeError
from ingest.wire.nmea import fields
from ingest.wire.nmea.lines import Envelope, open_envelope

T = TypeVar("T")
KMH_PER_KNOT = 1.852

SYSTEMS: Mapping[str, str] = {
    "GP": "GPS", "GL": "GLONASS", "GA": "GALILEO", "BD": "BDS", "GB": "BDS", "PQ": "BDS", "GQ": "QZSS", "GI": "NAVIC",
}  # fmt: skip
"""Constellation by talker. GN stands for several at once; BD is BeiDou's older talker, PQ that of old receivers."""
TALKERS = frozenset((*SYSTEMS, "GN"))

_BY_SYSTEM_ID = {"1": "GPS", "2": "GLONASS", "3": "GALILEO", "4": "BDS", "5": "QZSS", "6": "NAVIC"}  # NMEA 4.10
_BY_GNS_PLACE = ("GPS", "GLONASS", "GALILEO", "BDS", "QZSS", "NAVIC")
_BY_NUMBER = ((1, 32, "GPS"), (65, 96, "GLONASS"), (193, 202, "QZSS"), (203, 263, "BDS"), (301, 336, "GALILEO"),
              (401, 463, "BDS"))  # fmt: skip
NO_DOP = 99.0  #: receivers write 99.9 or 99.99 where they have none


class Facts(msgspec.Struct):
    """What one sentence says. ``void`` is None where the sentence does not judge the fix; ``time`` is µs of the day.

    ``unreal`` marks positions that were typed in or simulated. ``used`` are satellites as (constellation, number);
    ``in_view`` is a count of the talker's satellites. ``part`` tells apart sentences of a type that belong together.
    """

    time: int | None = None
    date: date | None = None
    void: bool | None = None
    unreal: bool = False
    lat: float | None = None
    lon: float | None = None
    altitude_m: float | None = None
    speed_kmh: float | None = None
    heading_deg: float | None = None
    hdop: float | None = None
    satellites: int | None = None
    constellations: tuple[str, ...] = ()
    used: tuple[tuple[str, str], ...] = ()
    in_view: int | None = None
    part: str = ""


class Sentence(msgspec.Struct):
    """A sound sentence. ``facts`` is None for types and talkers that are passed over."""

    raw: bytes
    talker: str
    type: str
    checked: bool
    facts: Facts | None = None
    problems: list[str] = []

    @property
    def key(self) -> tuple[str, str, str]:
        """What does not come twice in one epoch."""
        return self.talker, self.type, self.facts.part if self.facts is not None else ""


class Fields:
    """The texts of a sentence by pynmea2's names of them; notes what is wrong with fields that can be spared."""

    def __init__(self, parsed: pynmea2.TalkerSentence, address: str) -> None:
        self.data: list[str] = parsed.data
        self._index: Mapping[str, int] = parsed.name_to_idx
        self._address = address
        self.problems: list[str] = []

    def __getitem__(self, name: str) -> str:
        index = self._index[name]
        return self.data[index] if index < len(self.data) else ""

    def spared(self, read: Callable[[], T | None]) -> T | None:
        """The value of a field that can be spared: None, and a problem noted, when it is bad."""
        try:
            return read()
        except ValueError as error:
            self.problems.append(f"{self._address} {error}")
            return None

    def quantity(self, name: str, title: str, low: float, high: float) -> float | None:
        """A number that can be spared."""
        return self.spared(lambda: fields.number(self[name], title, low, high))

    def count(self, name: str, title: str, high: int) -> int | None:
        """A whole number from 0 that can be spared."""
        return self.spared(lambda: fields.whole_number(self[name], title, 0, high))

    def place(self, facts: Facts) -> None:
        """The position, which a sentence that is not void must have."""
        if not facts.void:
            facts.lat = fields.latitude(self["lat"], self["lat_dir"])
            facts.lon = fields.longitude(self["lon"], self["lon_dir"])


def parse(piece: bytes, *, checksum_required: bool = True) -> Sentence:
    """Read one piece of a stream. Raises DecodeError, and nothing else, on any bytes."""
    envelope = open_envelope(piece, checksum_required=checksum_required)
    address = envelope.address
    talker, kind = address[:-3], address[-3:]
    if len(address) != 5 or talker not in TALKERS or kind not in READERS:
        if address.startswith("P"):
            talker, kind = "P", address[1:]
        return Sentence(envelope.raw, talker, kind, envelope.checked)
    if not (envelope.body.isascii() and envelope.body.isprintable()):
        raise DecodeError(f"{address}: holds characters that no sentence may have")
    texts = Fields(_parsed(envelope, kind), address)
    try:
        facts = READERS[kind](texts, talker)
    except ValueError as error:
        raise DecodeError(f"{address} {error}") from None
    return Sentence(envelope.raw, talker, kind, envelope.checked, facts, texts.problems)


def _parsed(envelope: Envelope, kind: str) -> pynmea2.TalkerSentence:
    """pynmea2's view of the sentence. It takes PQ for a proprietary prefix: GN stands in for every talker."""
    try:
        parsed = pynmea2.parse(f"$GN{envelope.body[2:]}", check=False)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise DecodeError(f"{envelope.address}: {error}") from None
    if not isinstance(parsed, pynmea2.TalkerSentence) or parsed.sentence_type != kind:
        raise DecodeError(f"{envelope.address}: no fields")
    return parsed


def _status(texts: Fields, name: str, mode: str) -> Facts:
    """Status A or V, with the mode indicator of NMEA 2.3 where there is one (N no fix, M manual, S simulator)."""
    status, indicator = texts[name], texts[mode]
    if status not in ("A", "V", ""):
        raise ValueError(f"status: expected A or V, got {status[:8]!r}")
    return Facts(void=status != "A" or indicator == "N", unreal=indicator in ("M", "S"))


def _rmc(texts: Fields, talker: str) -> Facts:
    facts = _status(texts, "status", "mode_indicator")
    facts.time = fields.time_of_day(texts["timestamp"])
    facts.date = fields.short_date(texts["datestamp"])
    texts.place(facts)
    if not facts.void:
        facts.speed_kmh = _kmh(texts.quantity("spd_over_grnd", "speed", 0, 270))
        facts.heading_deg = _heading(texts, "true_course")
    return facts


def _gga(texts: Fields, talker: str) -> Facts:
    quality = fields.whole_number(texts["gps_qual"], "quality", 0, 9) or 0
    facts = Facts(fields.time_of_day(texts["timestamp"]), void=quality == 0, unreal=quality in (7, 8))
    texts.place(facts)
    facts.satellites = texts.count("num_sats", "satellites", 200)
    if not facts.void:
        facts.hdop = _dop(texts, "horizontal_dil")
        if texts["altitude_units"] in ("M", ""):
            facts.altitude_m = texts.quantity("altitude", "altitude", -1_000, 20_000)
        else:
            texts.problems.append(f"{talker}GGA altitude: expected metres, got {texts['altitude_units'][:8]!r}")
    return facts


def _gns(texts: Fields, talker: str) -> Facts:
    modes = texts["mode_indicator"]
    if modes.strip("ADEFMNPRS") or len(modes) > 16:
        raise ValueError(f"mode: expected letters such as ANNA, got {modes[:20]!r}")
    real = modes.replace("N", "")
    facts = Facts(fields.time_of_day(texts["timestamp"]), void=not real, unreal=bool(real) and not real.strip("MS"))
    texts.place(facts)
    facts.satellites = texts.count("num_sats", "satellites", 200)
    if not facts.void:
        facts.hdop = _dop(texts, "hdop")
        facts.altitude_m = texts.quantity("altitude", "altitude", -1_000, 20_000)
        names = (SYSTEMS[talker],) if talker in SYSTEMS and len(modes) == 1 else _BY_GNS_PLACE
        facts.constellations = tuple(name for name, mode in zip(names, modes, strict=False) if mode != "N")
    return facts


def _gll(texts: Fields, talker: str) -> Facts:
    facts = _status(texts, "status", "faa_mode")
    facts.time = fields.time_of_day(texts["timestamp"])
    texts.place(facts)
    return facts


def _gsa(texts: Fields, talker: str) -> Facts:
    mode = fields.whole_number(texts["mode_fix_type"], "mode", 1, 3)
    system = texts.data[17] if len(texts.data) > 17 else ""
    name = _BY_SYSTEM_ID.get(system) or SYSTEMS.get(talker)
    numbers = [text for text in texts.data[2:14] if text]
    used = tuple((name or _system_of(number), number) for number in numbers)
    if mode != 1 and not all(number.isascii() and number.isdecimal() for number in numbers):
        raise ValueError("satellites: expected numbers")
    return Facts(void=mode in (None, 1), hdop=_dop(texts, "hdop"), used=used if mode in (2, 3) else (), part=system)


def _gsv(texts: Fields, talker: str) -> Facts:
    signal = texts.data[-1] if len(texts.data) % 4 == 0 else ""  # NMEA 4.10 adds the signal's id after the satellites
    return Facts(in_view=texts.count("num_sv_in_view", "satellites", 200), part=f"{texts['msg_num'][:2]}/{signal[:2]}")


def _vtg(texts: Fields, talker: str) -> Facts:
    if texts["faa_mode"] == "N":
        return Facts()
    speed = texts.quantity("spd_over_grnd_kmph", "speed", 0, 500)
    if speed is None:
        speed = _kmh(texts.quantity("spd_over_grnd_kts", "speed", 0, 270))
    return Facts(speed_kmh=speed, heading_deg=_heading(texts, "true_track"))


def _zda(texts: Fields, talker: str) -> Facts:
    day = fields.long_date(texts["day"], texts["month"], texts["year"])
    return Facts(fields.time_of_day(texts["timestamp"]), day)


def _kmh(knots: float | None) -> float | None:
    return None if knots is None else round(knots * KMH_PER_KNOT, 4)


def _heading(texts: Fields, name: str) -> float | None:
    value = texts.quantity(name, "course", 0, 360)
    return None if value is None else value % 360.0


def _dop(texts: Fields, name: str) -> float | None:
    value = texts.quantity(name, "hdop", 0, 1_000)
    return None if value is None or value >= NO_DOP else value


def _system_of(number: str) -> str:
    """The constellation of a satellite that a GN sentence without a system id names."""
    if not (number.isascii() and number.isdecimal()):
        return ""
    return next((name for low, high, name in _BY_NUMBER if low <= int(number) <= high), "")


READERS: Mapping[str, Callable[[Fields, str], Facts]] = {
    "RMC": _rmc, "GGA": _gga, "GNS": _gns, "GLL": _gll, "GSA": _gsa, "GSV": _gsv, "VTG": _vtg, "ZDA": _zda,
}  # fmt: skip
