"""Plain load: any number of devices with periodic messages and no story, for benchmarks and soak tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from devices.metrics import CATALOGUE, Metric
from simulators.city.chance import stream
from simulators.city.observation import SECOND, Observation
from simulators.city.plane import to_wgs84
from simulators.city.settings import Seconds

_PATTERN = 256  # values repeat after so many messages: drawing them anew would only cost time


class LoadSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``devices`` report every ``interval_s`` seconds, evenly spread, with ``readings`` metrics each.

    ``kinds`` are given out in turn. Vehicles and workers send a position too.
    """

    devices: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1_000
    interval_s: Seconds = 10
    readings: Annotated[int, msgspec.Meta(ge=1, le=30)] = 8
    kinds: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("vehicle", "bin", "toilet", "worker")


class LoadFleet:
    """The source of a load run; the same interface as a city."""

    def __init__(self, seed: int, start_us: int, settings: LoadSettings) -> None:
        self.seed = seed
        self.start_us = start_us // 1_000 * 1_000
        self._settings = settings
        self._interval = int(settings.interval_s * SECOND) // 1_000 * 1_000
        kinds = settings.kinds
        self._devices = [
            (f"{kinds[number % len(kinds)]}-load-{number + 1:06d}", kinds[number % len(kinds)])
            for number in range(settings.devices)
        ]
        self._patterns = {kind: _pattern(seed, kind, settings.readings) for kind in kinds}
        self._reports = 0

    @property
    def device_ids(self) -> tuple[str, ...]:
        """Every device."""
        return tuple(device_id for device_id, _ in self._devices)

    @property
    def next_at(self) -> int:
        """When the next device reports (µs)."""
        return self._due(self._reports)

    def advance(self, to_us: int) -> Iterator[Observation]:
        """Let time pass up to and including ``to_us``; yields every report on the way, ordered by time."""
        count = len(self._devices)
        while (at := self._due(self._reports)) <= to_us:
            turn, number = divmod(self._reports, count)
            device_id, kind = self._devices[number]
            readings = self._patterns[kind][(turn + number) % _PATTERN]
            self._reports += 1
            yield Observation(device_id, kind, turn + 1, at, readings, self._fix(kind, number, turn))

    def _due(self, report: int) -> int:
        turn, number = divmod(report, len(self._devices))
        shift = self._interval * number // len(self._devices) // 1_000 * 1_000
        return self.start_us + turn * self._interval + shift

    def _fix(self, kind: str, number: int, turn: int) -> dict[str, object] | None:
        if kind not in ("vehicle", "worker"):
            return None
        lat, lon = to_wgs84(number % 97 * 31.0 + turn % 50 * 7.0, number % 89 * 29.0)
        return {"lat": round(lat, 7), "lon": round(lon, 7), "speed_kmh": 12.0, "heading_deg": 90.0, "valid": True}


def _pattern(seed: int, kind: str, count: int) -> list[dict[str, float]]:
    """The readings of one kind in turn: the first ``count`` metrics of its own in the catalogue, well within range."""
    metrics = [metric for metric in CATALOGUE if kind in metric.kinds][:count]
    rng = stream(seed, "load", kind)
    return [{metric.name: _value(metric, rng.random()) for metric in metrics} for _ in range(_PATTERN)]


def _value(metric: Metric, share: float) -> float:
    if metric.high == 1:
        return round(share)
    return round(max(metric.low, 0) + share * min(metric.high, 100), 2) if metric.low >= 0 else round(share * 20, 2)
