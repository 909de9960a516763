"""Bins: they fill by weekday and hour, each at its own rate, and are emptied by trucks that stop beside them."""

from __future__ import annotations

import math
from typing import Any

from simulators.city.agenda import Agenda
from simulators.city.chance import next_after, stream
from simulators.city.local_time import DAY, HOUR, MINUTE, LocalTime
from simulators.city.observation import SECOND, Observation
from simulators.city.plan import Spot
from simulators.city.plane import to_wgs84
from simulators.city.settings import Incidents, Intervals
from simulators.truth import Episode, TruthLog

THRESHOLDS = (75.0, 85.0, 95.0)
BY_HOUR = (
    *(0.3, 0.2, 0.15, 0.15, 0.3, 0.7, 1.2, 1.6, 1.4, 1.1, 1.1, 1.4),
    *(1.6, 1.3, 1.0, 1.0, 1.1, 1.4, 1.7, 1.8, 1.5, 1.1, 0.7, 0.4),
)
BY_WEEKDAY = (1.0, 0.95, 0.95, 1.0, 1.1, 1.25, 1.2)
DEPTH_MM = 1_150
FULL_MM = 120  # the distance that the sensor sees when the bin is full
NOISE_PCT = 0.5  # of the sensor, one standard deviation
NEAR_PCT = 3 * NOISE_PCT
SETTLES_PCT = 35.0  # what lies lower has settled already
SETTLE_US = 12 * SECOND  # after the lift, until the sensor has a steady echo


class Bin:
    """One bin at ``spot``. The level in percent is a straight line between two moments at which it is looked at."""

    def __init__(
        self,
        device_id: str,
        spot: Spot,
        seed: int,
        start: int,
        intervals: Intervals,
        incidents: Incidents,
        clock: LocalTime,
        agenda: Agenda,
        truth: TruthLog,
    ) -> None:
        self.id = device_id
        self.spot = spot
        self._rng = rng = stream(seed, device_id)
        self._clock, self._agenda, self._truth, self._incidents = clock, agenda, truth, incidents
        self._interval = int(intervals.bin_s * 1_000) * 1_000
        self.litres = rng.choice((240, 240, 660, 1100))
        self._base_pct_h = min(30.0, math.exp(rng.gauss(math.log(5.0), 0.6)))
        self._fill = rng.uniform(2, 72)
        self._rate = 0.0  # percent a µs
        self._since = start
        self._crossed = 0
        self._near: Episode | None = None
        self._battery = rng.uniform(35, 100)
        self._battery_since = start
        self._warmth = rng.uniform(-2, 2)
        self._seq = 0
        self._fix_at = start
        self._fire: Episode | None = None
        self._fire_begin = 0
        self._fire_end = 0
        self._next_fire = next_after(rng, start, incidents.fire)
        # A stream of its own, so that bins whose refuse settles fill as they always did.
        self._upsets = upsets = stream(seed, device_id, "upsets")
        self._next_compaction = next_after(upsets, start, incidents.compaction)
        self._next_outlier = next_after(upsets, start, incidents.outlier)
        self._look(start)
        agenda.put(start + rng.randrange(int(self._interval / 1_000)) * 1_000, device_id, self._wake)

    def level(self, at: int) -> float:
        """The true level in percent at ``at`` (µs), from what was known when the bin was last looked at."""
        return min(100.0, self._fill + self._rate * max(0, at - self._since))

    @property
    def pace_pct_h(self) -> float:
        """How fast it fills, in per cent an hour, until it is looked at again."""
        return self._rate * HOUR

    def empty(self, at: int, vehicle_id: str) -> float:
        """A truck has lifted the bin: the level drops. Returns the kilograms that the truck took on."""
        self._look(at)
        before, after = self._fill, self._rng.uniform(0, 6)
        self._truth.point(
            "emptied", self.id, at, vehicle=vehicle_id, before_pct=round(before, 1), after_pct=round(after, 1)
        )
        self._fill = after
        self._crossed = 0
        if self._near is not None:
            self._truth.end(self._near, at)
            self._near = None
        event = {
            "kind": "emptied",
            "attributes": {"fill_before_pct": round(before), "fill_after_pct": round(after)},
        }
        self._agenda.put(at + SETTLE_US, self.id, lambda then: self._report(then, (event,)))
        return (before - after) / 100 * self.litres * 0.16

    def _look(self, at: int) -> None:
        """Bring the level up to ``at``, note thresholds that it came near or crossed, and draw the rate to come."""
        level = self.level(at)
        while self._crossed < len(THRESHOLDS) and level >= THRESHOLDS[self._crossed] - NEAR_PCT:
            threshold = THRESHOLDS[self._crossed]
            if self._near is None:
                near = self._reached(threshold - NEAR_PCT)
                self._near = self._truth.begin("bin_near", self.id, near, threshold_pct=threshold)
            if level < threshold:
                break
            crossing = self._reached(threshold)
            self._truth.end(self._near, crossing)
            self._truth.point("bin_threshold", self.id, crossing, threshold_pct=threshold)
            self._near = None
            self._crossed += 1
        self._fill, self._since = level, at
        hour = int(self._clock.hour(at))
        busy = BY_HOUR[hour]
        pace = self._base_pct_h * busy * BY_WEEKDAY[self._clock.weekday(at)] * self._rng.gammavariate(4, 0.25)
        self._rate = pace / HOUR

    def _reached(self, level: float) -> int:
        """When the level, on its straight line, came to so many percent."""
        if level <= self._fill:
            return self._since
        return self._since + int((level - self._fill) / self._rate / 1_000) * 1_000

    def _wake(self, at: int) -> Observation:
        self._look(at)
        if self._fire is None and at >= self._next_fire:
            self._fire_begin, self._fire_end = at, at + self._rng.randrange(20, 50) * MINUTE
            self._fire = self._truth.begin("fire", self.id, at)
        elif self._fire is not None and at >= self._fire_end:
            self._truth.end(self._fire, at)
            self._fire = None
            self._next_fire = next_after(self._rng, at, self._incidents.fire)
        if at >= self._next_compaction:
            self._settle(at)
        # A sensor that feels heat reports every minute instead.
        self._agenda.put(at + (MINUTE if self._fire is not None else self._interval), self.id, self._wake)
        return self._report(at, ())

    def _settle(self, at: int) -> None:
        """Refuse settles by some points: the level falls, and nobody has emptied anything."""
        self._next_compaction = next_after(self._upsets, at, self._incidents.compaction)
        before = self._fill
        if before < SETTLES_PCT:
            return
        self._fill = after = before - self._upsets.uniform(8, 20)
        self._truth.point("compaction", self.id, at, before_pct=round(before, 1), after_pct=round(after, 1))
        if self._near is not None:
            self._truth.end(self._near, at)
            self._near = None
        self._crossed = sum(threshold <= after for threshold in THRESHOLDS)

    def _seen(self, at: int) -> float | None:
        """What the sensor says instead of the level, now and then: an echo from the lid, or from nowhere."""
        if at < self._next_outlier:
            return None
        self._next_outlier = next_after(self._upsets, at, self._incidents.outlier)
        wild = self._upsets.choice((0.0, 100.0, self._upsets.uniform(0, 100)))
        self._truth.point("outlier", self.id, at, fill_pct=round(wild, 1), level_pct=round(self.level(at), 1))
        return wild

    def _report(self, at: int, events: tuple[dict[str, Any], ...]) -> Observation:
        gauss = self._rng.gauss
        fill = min(100.0, max(0.0, self.level(at) + gauss(0, NOISE_PCT)))
        if (wild := self._seen(at)) is not None:
            fill = wild
        battery = max(1.0, self._battery - (at - self._battery_since) / DAY * 0.06)
        self._seq += 1
        readings: dict[str, float] = {
            "fill_pct": round(fill, 1),
            "distance_mm": round(DEPTH_MM - fill / 100 * (DEPTH_MM - FULL_MM)),
            "weight_kg": round(fill / 100 * self.litres * 0.16 + 0.3, 1),
            "temperature_c": round(self._temperature(at) + gauss(0, 0.2), 1),
            "tilt": 0,
            "smoke": 1 if self._fire is not None else 0,
            "battery_pct": round(battery, 1),
            "battery_v": round(3.0 + battery * 0.006, 3),
            "rssi_dbm": round(-88 + gauss(0, 4)),
        }
        return Observation(self.id, "bin", self._seq, at, readings, self._position(at), events)

    def _temperature(self, at: int) -> float:
        air = 17 + 6 * math.sin((self._clock.hour(at) - 9) / 24 * math.tau) + self._warmth
        if self._fire is None:
            return air
        # Two degrees a minute to begin with, levelling out at 90 above the air.
        return air + 90 * (1 - math.exp(-(at - self._fire_begin) / MINUTE / 40))

    def _position(self, at: int) -> dict[str, Any] | None:
        """A bin knows where it stands and says so in its first report and then once a day."""
        if at < self._fix_at:
            return None
        self._fix_at = at + DAY
        lat, lon = to_wgs84(self.spot.x, self.spot.y)
        return {"lat": round(lat, 7), "lon": round(lon, 7), "valid": True}
