"""Public toilets: people come and go by the hour, and air, meters and supplies follow them."""

from __future__ import annotations

import math
from typing import Any

from simulators.city.agenda import Agenda
from simulators.city.chance import next_after, poisson, stream
from simulators.city.local_time import DAY, HOUR, MINUTE, LocalTime
from simulators.city.observation import Observation
from simulators.city.plan import Spot
from simulators.city.plane import to_wgs84
from simulators.city.settings import Incidents, Intervals
from simulators.truth import Episode, TruthLog

NH3_LIMIT_PPM = 1.43  # 1 mg/m³ at 25 °C, the older standard's class 2
BY_HOUR = (
    *(0.05, 0.03, 0.03, 0.03, 0.1, 0.4, 0.8, 1.2, 1.1, 0.9, 1.0, 1.1),
    *(1.3, 1.1, 0.9, 0.9, 1.0, 1.3, 1.5, 1.4, 1.1, 0.7, 0.3, 0.1),
)
STAY_S = 210.0
AIR_LAG_S = 900.0  # how slowly the air follows its sources
CLEANED_EVERY = 2 * HOUR


class Toilet:
    """One public toilet at ``spot``. It is looked at once an interval; between, nothing needs to be known."""

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
        self.id, self.spot = device_id, spot
        self._rng = rng = stream(seed, device_id)
        self._clock, self._agenda, self._truth, self._incidents = clock, agenda, truth, incidents
        self._interval = int(intervals.toilet_s * 1_000) * 1_000
        self.stalls = rng.randint(4, 12)
        self._busy_per_hour = rng.uniform(12, 70)
        self._people_in = rng.randrange(5_000, 90_000)
        self._inside = 0
        self._uses = rng.uniform(0, 60)  # since the last cleaning
        self._nh3 = rng.uniform(0.1, 0.4)
        self._h2s = self._nh3 / 300
        self._water_m3, self._flow = rng.uniform(200, 4_000), 0.0
        self._energy_kwh, self._power = rng.uniform(500, 9_000), 0.0
        self._paper, self._soap = rng.uniform(40, 100), rng.uniform(40, 100)
        self._cleaning_at = start + rng.randrange(1, 7_200) * 1_000_000
        self._next_odour = next_after(rng, start, incidents.odour)
        self._odour_target = 0.0
        self._odour: Episode | None = None
        self._next_leak = next_after(rng, start, incidents.water_leak)
        self._leak: Episode | None = None
        self._leak_end = 0
        self._seq, self._fix_at = 0, start
        first = start + rng.randrange(int(self._interval / 1_000)) * 1_000
        self._since = first - self._interval
        agenda.put(first, device_id, self._wake)

    def _wake(self, at: int) -> Observation:
        seconds = (at - self._since) / 1_000_000
        self._since = at
        served = self._flow_of_people(at, seconds)
        events = self._clean(at)
        self._incidents_at(at)
        self._air(at, seconds)
        self._meters(at, seconds, served)
        self._agenda.put(at + self._interval, self.id, self._wake)
        return self._report(at, events)

    def _flow_of_people(self, at: int, seconds: float) -> int:
        """Let people in and out; returns how many were done."""
        pace = self._busy_per_hour * BY_HOUR[int(self._clock.hour(at))]
        if self._clock.weekday(at) >= 5:
            pace *= 1.25
        rng = self._rng
        # Knuth's way wants small means, so a long interval is taken in parts.
        mean, arrivals = pace * seconds / 3_600, 0
        for _ in range(math.ceil(mean / 20)):
            arrivals += poisson(rng, mean / math.ceil(mean / 20))
        leaving = 1 - math.exp(-seconds / STAY_S)
        present = self._inside + arrivals
        left = sum(rng.random() < leaving for _ in range(present))
        self._people_in += arrivals
        self._inside = present - left
        self._uses += arrivals
        return left

    def _clean(self, at: int) -> tuple[dict[str, Any], ...]:
        if at < self._cleaning_at:
            return ()
        self._cleaning_at = at + CLEANED_EVERY + self._rng.randrange(-900, 900) * 1_000_000
        self._uses, self._odour_target = 0.0, 0.0
        if self._paper < 35:
            self._paper = 100.0
        if self._soap < 35:
            self._soap = 100.0
        self._truth.point("cleaned", self.id, at)
        return ({"kind": "cleaned", "attributes": {"by": "round"}},)

    def _incidents_at(self, at: int) -> None:
        rng = self._rng
        if at >= self._next_odour:
            self._next_odour = next_after(rng, at, self._incidents.odour)
            self._odour_target = rng.uniform(2.4, 4.5)
            # Somebody complains, and a cleaner comes: in half an hour to an hour and a half.
            self._cleaning_at = at + rng.randrange(30, 90) * MINUTE
        if self._leak is None and at >= self._next_leak:
            self._leak = self._truth.begin("water_leak", self.id, at)
            self._leak_end = at + rng.randrange(25, 120) * MINUTE
        elif self._leak is not None and at >= self._leak_end:
            self._truth.end(self._leak, at)
            self._leak = None
            self._next_leak = next_after(rng, at, self._incidents.water_leak)

    def _air(self, at: int, seconds: float) -> None:
        """Ammonia and hydrogen sulphide follow use and cleaning with a lag; the truth is kept on the clean figures."""
        target = 0.12 + 0.45 * min(self._uses / 100, 1.6) + self._odour_target
        share = 1 - math.exp(-seconds / AIR_LAG_S)
        self._nh3 += (target - self._nh3) * share
        self._h2s += ((0.0004 + target / 420 + self._odour_target / 400) - self._h2s) * share
        if self._odour is None and self._nh3 > NH3_LIMIT_PPM:
            self._odour = self._truth.begin("odour", self.id, at, metric="nh3_ppm", limit=NH3_LIMIT_PPM, peak=0.0)
        if self._odour is None:
            return
        self._odour.detail["peak"] = round(max(self._odour.detail["peak"], self._nh3), 3)
        if self._nh3 < 0.95 * NH3_LIMIT_PPM:
            self._truth.end(self._odour, at)
            self._odour = None

    def _meters(self, at: int, seconds: float, served: int) -> None:
        rng = self._rng
        litres = served * rng.uniform(5.5, 8) + (seconds / 60 * 9 if self._leak is not None else 0.0)
        self._flow = litres / seconds * 60
        self._water_m3 += litres / 1_000
        self._power = 60 + 340 * self._dark(at) + (45 if self._fan() else 0) + rng.uniform(-8, 8)
        self._energy_kwh += self._power * seconds / 3.6e6
        self._paper = max(0.0, self._paper - served * 0.09)
        self._soap = max(0.0, self._soap - served * 0.05)

    def _dark(self, at: int) -> int:
        hour = self._clock.hour(at)
        return int(hour < 6.5 or hour >= 18)

    def _fan(self) -> bool:
        return self._nh3 > 0.45

    def _report(self, at: int, events: tuple[dict[str, Any], ...]) -> Observation:
        gauss, inside = self._rng.gauss, self._inside
        self._seq += 1
        hour = self._clock.hour(at)
        readings: dict[str, float] = {
            "nh3_ppm": round(max(0.0, self._nh3 * (1 + gauss(0, 0.03))), 3),
            "h2s_ppm": round(max(0.0, self._h2s * (1 + gauss(0, 0.04))), 5),
            "temperature_c": round(21 + 4 * math.sin((hour - 9) / 24 * math.tau) + gauss(0, 0.1), 1),
            "humidity_pct": round(min(99.0, 58 + inside + gauss(0, 0.8)), 1),
            "co2_ppm": round(430 + 35 * inside + gauss(0, 8)),
            "pm25_ugm3": round(max(2.0, 34 + gauss(0, 4))),
            "people_in": self._people_in,
            "people_out": self._people_in - inside,
            "stalls_occupied": min(inside, self.stalls),
            "water_m3": round(self._water_m3, 3),
            "water_flow_lpm": round(self._flow, 1),
            "water_leak": 1 if self._leak is not None else 0,
            "energy_kwh": round(self._energy_kwh, 3),
            "power_w": round(self._power),
            "voltage_v": round(228 + gauss(0, 1.5), 1),
            "paper_pct": round(self._paper, 1),
            "soap_pct": round(self._soap, 1),
            "fan": int(self._fan()),
            "light": self._dark(at),
        }
        return Observation(self.id, "toilet", self._seq, at, readings, self._position(at), events)

    def _position(self, at: int) -> dict[str, Any] | None:
        if at < self._fix_at:
            return None
        self._fix_at = at + DAY
        lat, lon = to_wgs84(self.spot.x, self.spot.y)
        return {"lat": round(lat, 7), "lon": round(lon, 7), "valid": True}
