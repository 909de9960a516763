"""NMEA 0183, the epoch's meaning: from the sentences of one instant to one claim.

A fix is void when RMC, GGA, GNS or GLL says so, or when every GSA does; then there is no position at all, for the
coordinates that some receivers go on sending are old ones. A position that was typed in or simulated, and (0, 0), is a
position that is not valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec

from devices.vocabulary import Position
from ingest.wire.nmea.fields import DAY
from ingest.wire.nmea.sentence import SYSTEMS, Facts, Sentence

_UNIX_DAY = date(1970, 1, 1).toordinal()
_PLACES = ("GGA", "GNS", "RMC", "GLL")  #: whose position counts where several tell one
JUDGES = frozenset(_PLACES)  #: types that judge the fix


class EpochClaim(msgspec.Struct):
    """What an epoch says. ``observed_at`` (µs) is None without a date or a time of day; ``position`` without a fix."""

    observed_at: int | None
    position: Position | None
    satellites: int | None
    in_view: Mapping[str, int]
    problems: list[str]


def claim_of(sentences: Sequence[Sentence], day: date | None = None) -> EpochClaim:
    """The claim of one epoch's sentences. ``day`` is the date where no sentence tells one."""
    by_type: dict[str, list[Facts]] = {}
    for sentence in sentences:
        if sentence.facts is not None:
            by_type.setdefault(sentence.type, []).append(sentence.facts)
    satellites = _satellites(by_type)
    return EpochClaim(
        observed_at=instant(told_date(sentences) or day, told_time(sentences)),
        position=None if _void(by_type) else _position(by_type, sentences, satellites),
        satellites=satellites,
        in_view=_in_view(sentences),
        problems=[problem for sentence in sentences for problem in sentence.problems],
    )


def told_time(sentences: Iterable[Sentence]) -> int | None:
    """The time of day that the sentences share, or None."""
    times = (sentence.facts.time for sentence in sentences if sentence.facts is not None)
    return next((time for time in times if time is not None), None)


def told_date(sentences: Iterable[Sentence]) -> date | None:
    """The date that the sentences tell: ZDA's, whose year is whole, else RMC's; or None."""
    found = None
    for sentence in sentences:
        if sentence.facts is not None and sentence.facts.date is not None:
            if sentence.type == "ZDA":
                return sentence.facts.date
            found = found or sentence.facts.date
    return found


def instant(day: date | None, time: int | None) -> int | None:
    """Microseconds since 1970 of a UTC date and a time of day, or None where one of them is missing."""
    return None if day is None or time is None else (day.toordinal() - _UNIX_DAY) * DAY + time


def is_fix(sentences: Iterable[Sentence]) -> bool:
    """Whether some sentence tells a position."""
    return any(sentence.facts is not None and sentence.facts.lat is not None for sentence in sentences)


def _void(by_type: Mapping[str, list[Facts]]) -> bool:
    if any(facts.void for kind in _PLACES for facts in by_type.get(kind, ())):
        return True
    modes = by_type.get("GSA")
    return bool(modes) and all(facts.void for facts in modes or ())


def _position(
    by_type: Mapping[str, list[Facts]], sentences: Sequence[Sentence], satellites: int | None
) -> Position | None:
    placed = [facts for kind in _PLACES for facts in by_type.get(kind, ()) if facts.lat is not None]
    if not placed:
        return None
    lat, lon = placed[0].lat, placed[0].lon
    assert lat is not None and lon is not None
    return Position(
        lat,
        lon,
        altitude_m=_first(by_type, "altitude_m", ("GGA", "GNS")),
        speed_kmh=_first(by_type, "speed_kmh", ("RMC", "VTG")),
        heading_deg=_first(by_type, "heading_deg", ("RMC", "VTG")),
        hdop=_first(by_type, "hdop", ("GGA", "GNS", "GSA")),
        satellites=satellites,
        constellations=_constellations(by_type, sentences),
        valid=not any(facts.unreal for facts in placed) and not (lat == 0.0 and lon == 0.0),
    )


def _first(by_type: Mapping[str, list[Facts]], name: str, kinds: Iterable[str]) -> float | None:
    values = (getattr(facts, name) for kind in kinds for facts in by_type.get(kind, ()))
    return next((value for value in values if value is not None), None)


def _satellites(by_type: Mapping[str, list[Facts]]) -> int | None:
    """Satellites of the solution: GNS counts all constellations, GGA often at most 12, GSA lists 12 a sentence."""
    for kind in ("GNS", "GGA"):
        counts = [facts.satellites for facts in by_type.get(kind, ()) if facts.satellites is not None]
        if counts:
            return max(counts)
    listed = by_type.get("GSA")
    return None if listed is None else len({satellite for facts in listed for satellite in facts.used})


def _constellations(by_type: Mapping[str, list[Facts]], sentences: Sequence[Sentence]) -> tuple[str, ...]:
    """Those of the satellites that GSA lists as used, and those that GNS names; else that of the sentences' talker."""
    found = [name for facts in by_type.get("GSA", ()) for name, _ in facts.used if name]
    found += [name for facts in by_type.get("GNS", ()) for name in facts.constellations]
    if not found:
        found = [SYSTEMS[one.talker] for one in sentences if one.type in JUDGES and one.talker in SYSTEMS]
    return tuple(sorted(set(found)))


def _in_view(sentences: Iterable[Sentence]) -> dict[str, int]:
    """Satellites in view by constellation, the greatest count where signals are told apart."""
    counts: dict[str, int] = {}
    for sentence in sentences:
        if sentence.type == "GSV" and sentence.facts is not None and sentence.facts.in_view is not None:
            name = SYSTEMS.get(sentence.talker, sentence.talker)
            counts[name] = max(counts.get(name, 0), sentence.facts.in_view)
    return counts
