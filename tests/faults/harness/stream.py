"""The telemetry of the faults: a small city of which every message is known beforehand.

The same size and seed make the same messages. Devices say something each minute of two hours of their own time; what
they say makes alerts of many rules appear and clear: levels, fire and smoke, batteries, tilt, idling, speeding,
silence, ammonia, leaks, occupancy, SOS, a terminal's alarm bits. In the last half hour all is calm, vehicles are off
and workers off duty, so that no alert depends on when somebody looks.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from tests.terminal import position

MINUTES = 120
BEGIN = datetime(2026, 3, 2, 0, tzinfo=UTC)
SECOND = 1_000_000
BEIJING = timezone(timedelta(hours=8))
WAYS = ("mqtt", "http", "jt808")

Reading = tuple[str, str, int | None, float]
"""Device, metric, instant (µs; None where the message carries no time), value."""
Fix = tuple[str, int | None, float, float]
"""Device, instant, latitude, longitude."""
Event = tuple[str, str, int | None]
"""Device, kind, instant."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it travels, and the rows that it must become. ``due`` (µs) orders the stream."""

    number: int
    way: str
    device: str
    due: int
    payload: bytes
    readings: tuple[Reading, ...]
    fixes: tuple[Fix, ...]
    events: tuple[Event, ...]

    @property
    def topic(self) -> str:
        """Where it is published."""
        return f"sanihub/v1/{self.device}/telemetry"


@dataclass(frozen=True, slots=True)
class Size:
    """How many devices of each kind and way; 120 messages each."""

    bins: int = 3
    vehicles: int = 3
    toilets: int = 2
    workers: int = 2
    meters: int = 2  #: devices whose messages carry no time, but a name

    def times(self, factor: int) -> Size:
        """So many times as many."""
        return Size(*(factor * count for count in (self.bins, self.vehicles, self.toilets, self.workers, self.meters)))


class Stream:
    """All messages, in the order of their time; ``by_number`` finds one again."""

    def __init__(self, seed: int, size: Size | None = None) -> None:
        self.seed = seed
        self.size = size or Size()
        ordered = sorted(self._drafts(), key=lambda draft: (draft[2], draft[1]))
        self.messages = [_message(number, *draft) for number, draft in enumerate(ordered)]

    def only(self, numbers: Iterable[int]) -> Stream:
        """The same stream of which just these messages are sent."""
        chosen = set(numbers)
        part = copy(self)
        part.messages = [one for one in self.messages if one.number in chosen]
        return part

    def of(self, way: str) -> list[Message]:
        """Those that travel one way."""
        return [one for one in self.messages if one.way == way]

    @property
    def devices(self) -> set[str]:
        """Every device that says something."""
        return {one.device for one in self.messages}

    def _drafts(self) -> Iterator[tuple[str, str, int, dict[str, object], bool]]:
        """(way, device, due, content, timed)."""
        size, begin = self.size, int(BEGIN.timestamp()) * SECOND
        lives = [
            (way, f"{kind}-{way[0]}{n:03}", life)
            for way in ("mqtt", "http")
            for kind, count, life in (
                ("bin", size.bins, _bin),
                ("vehicle", size.vehicles, _vehicle),
                ("toilet", size.toilets, _toilet),
                ("worker", size.workers, _worker),
            )
            for n in range(count)
        ]
        lives += [("jt808", f"{13_100_000_000 + n:012}", _terminal) for n in range(size.vehicles)]
        lives += [("mqtt", f"meter-{n:03}", _meter) for n in range(size.meters)]
        for index, (way, device, life) in enumerate(lives):
            chance = random.Random(f"{self.seed} {device}")
            for minute, content in life(index, chance):
                due = begin + (minute * 60 + index % 50) * SECOND
                yield way, device, due, content, life is not _meter


def _message(number: int, way: str, device: str, due: int, content: dict[str, object], timed: bool) -> Message:
    at = due if timed else None
    readings: dict[str, float] = content.get("readings", {})  # type: ignore[assignment]
    fix: dict[str, float] = content.get("fix", {})  # type: ignore[assignment]
    kinds: list[str] = content.get("events", [])  # type: ignore[assignment]
    if way == "jt808":
        payload = _position(due, fix, readings, kinds)
    else:
        words: dict[str, object] = {"device": device} if way == "http" else {}
        words |= {"ts": due // 1_000} if timed else {"id": f"{device} {readings}"}
        words |= {name: part for name, part in (("readings", readings), ("fix", fix)) if part}
        words |= {"events": [{"kind": kind, "attributes": {"n": number}} for kind in kinds]} if kinds else {}
        payload = json.dumps(words).encode()
    return Message(
        number,
        way,
        device,
        due,
        payload,
        tuple((device, metric, at, float(value)) for metric, value in readings.items()),
        ((device, at, fix["lat"], fix["lon"]),) if fix else (),
        tuple((device, kind, at) for kind in kinds),
    )


def _position(due: int, fix: dict[str, float], readings: dict[str, float], kinds: list[str]) -> bytes:
    alarm = sum({"sos": 1, "overspeed": 2}[kind] for kind in kinds)
    time = datetime.fromtimestamp(due // SECOND, BEIJING)
    items = [(1, round(readings["mileage_km"] * 10).to_bytes(4, "big"))]
    status = 0x000C0002 | int(readings["ignition"])
    return position(
        alarm=alarm,
        status=status,
        lat=fix["lat"],
        lon=fix["lon"],
        speed=round(fix["speed_kmh"] * 10),
        time=time,
        items=items,
    )


Life = Iterator[tuple[int, dict[str, object]]]


def _silent(index: int, minute: int, length: int) -> bool:
    """Every fourth device says nothing for so long."""
    return index % 4 == 1 and 30 <= minute < 30 + length


def _bin(index: int, chance: random.Random) -> Life:
    fill, burns, low = chance.uniform(40, 70), chance.randrange(15, 60), chance.randrange(10, 50)
    for minute in range(MINUTES):
        emptied = minute in (45, 88)
        fill = 4 + chance.random() if emptied else min(100.0, fill + chance.uniform(0.5, 1.6))
        if minute >= MINUTES - 30:
            fill = min(fill, 40.0)
        fire = index % 3 == 0 and burns <= minute < burns + 6
        battery = 15 if index % 3 == 1 and low <= minute < low + 12 else 80
        readings = {
            "fill_pct": round(fill, 2),
            "temperature_c": round((72 if fire else 18) + chance.random(), 2),
            "battery_pct": battery,
            "smoke": int(fire),
            "tilt": int(index % 3 == 2 and low <= minute < low + 5),
        }
        if not _silent(index, minute, 40):
            yield minute, {"readings": readings} | ({"events": ["emptied"]} if emptied else {})


def _moving(chance: random.Random) -> Iterator[tuple[int, float, float, float, bool]]:
    """(minute, lat, lon, speed in km/h, ignition) of a vehicle that idles, speeds and ends its day."""
    lat, lon = 30.5 + chance.random() / 10, 114.3 + chance.random() / 10
    idles, speeds = chance.randrange(5, 40), chance.randrange(55, 80)
    for minute in range(MINUTES):
        on = minute < MINUTES - 25
        standing = idles <= minute < idles + 9 or not on
        speed = 0.0 if standing else 96.0 if speeds <= minute < speeds + 3 else round(chance.uniform(12, 22), 1)
        lon += speed / 60 / 96
        yield minute, round(lat, 6), round(lon, 6), speed, on


def _vehicle(index: int, chance: random.Random) -> Life:
    for minute, lat, lon, speed, on in _moving(chance):
        readings = {"ignition": int(on), "mileage_km": 1_000 + minute, "fuel_l": round(120 - minute / 4, 2)}
        content = {"readings": readings, "fix": {"lat": lat, "lon": lon, "speed_kmh": speed}}
        if not _silent(index, minute, 7):
            yield minute, content | ({"events": ["sos"]} if index % 5 == 0 and minute == 20 else {})


def _terminal(index: int, chance: random.Random) -> Life:
    for minute, lat, lon, speed, on in _moving(chance):
        kinds = ["sos"] if minute == 25 else ["overspeed"] if speed > 90 else []
        content = {"readings": {"ignition": int(on), "mileage_km": 500 + minute}, "events": kinds}
        if not _silent(index, minute, 7):
            yield minute, content | {"fix": {"lat": lat, "lon": lon, "speed_kmh": speed}}


def _toilet(index: int, chance: random.Random) -> Life:
    smells, leaks = chance.randrange(10, 50), chance.randrange(10, 60)
    for minute in range(MINUTES):
        readings = {
            "nh3_ppm": round((8 if smells <= minute < smells + 20 else 0.2) + chance.random() / 10, 3),
            "water_leak": int(leaks <= minute < leaks + 8),
            "stall_occupied": int(index % 2 == 0 and 20 <= minute < 56),
            "water_m3": round(200 + minute / 500, 3),
        }
        if not _silent(index, minute, 22):
            yield minute, {"readings": readings}


def _worker(index: int, chance: random.Random) -> Life:
    lat, lon, calls = 30.5, 114.3 + index / 100, chance.randrange(10, 50)
    for minute in range(MINUTES):
        if not 30 <= minute < 58:  # stands there and rests
            lon += chance.uniform(0.0004, 0.0008)
        readings = {"on_duty": int(minute < MINUTES - 25), "battery_pct": round(100 - minute / 2, 1)}
        content = {"readings": readings, "fix": {"lat": lat, "lon": round(lon, 6), "speed_kmh": 3.5}}
        if not _silent(index, minute, 7):
            yield minute, content | ({"events": ["sos"]} if minute == calls else {})


def _meter(index: int, chance: random.Random) -> Life:
    """Messages without a time are filed when they come: each has a value of its own, and a name."""
    for minute in range(MINUTES):
        yield minute, {"readings": {"energy_kwh": index * 1_000 + minute}}
