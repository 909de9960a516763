"""A vehicle: its phases of driving and standing, what it has used up, and the report that its terminal sends."""

from __future__ import annotations

from collections.abc import Iterator

from simulators.city.agenda import Agenda
from simulators.city.chance import stream
from simulators.city.fleet_types import VehicleType
from simulators.city.motion import Phase
from simulators.city.observation import SECOND, Observation
from simulators.city.receiver import Receiver
from simulators.city.settings import Intervals

LANE_M = 2.5  # to the right of the middle of the street
HOPPER_KG = 9_000.0
WATER_MINUTES = 75.0  # of spraying until the tank is empty


class Vehicle:
    """One vehicle. ``script`` (set once by whoever made it) yields its phases, one at a time and for ever.

    Phases are asked for when the one before has ended, so the script sees the vehicle as it is at that instant.
    """

    def __init__(
        self, device_id: str, vehicle_type: VehicleType, seed: int, intervals: Intervals, agenda: Agenda, start: int
    ) -> None:
        self.id = device_id
        self.type = vehicle_type
        self.rng = stream(seed, device_id)
        self.now = start  #: the end of the latest phase that is over (µs)
        self.load_kg = 0.0
        self.water_pct = self.rng.uniform(40, 100)
        self.fuel_l = vehicle_type.tank_l * self.rng.uniform(0.4, 1.0)
        self.lifts = 0
        self.script: Iterator[Phase] = iter(())
        self._phase: Phase | None = None
        self._agenda = agenda
        self._seq = 0
        self._moving = int(intervals.vehicle_moving_s * 1_000) * 1_000
        self._still = int(intervals.vehicle_still_s * 1_000) * 1_000
        self._mileage_km = self.rng.uniform(8_000, 120_000)
        self._engine_h = self._mileage_km / 14
        self._coolant = 20.0
        self._seen = start
        self._receiver = Receiver(stream(seed, device_id, "receiver"), 2.2)
        self._noise = stream(seed, device_id, "sensors")

    def begin(self) -> None:
        """Take up the script and plan the first report."""
        self._enter(next(self.script))
        first = self.now + self.rng.randrange(int(self._moving / 1_000)) * 1_000
        self._agenda.put(first, self.id, self._wake)

    def _enter(self, phase: Phase) -> None:
        phase.enter(self.now)
        self._phase = phase

    def _wake(self, at: int) -> Observation:
        phase = self._phase
        assert phase is not None
        while phase.end <= at:
            self._finish(phase)
            self._enter(next(self.script))
            phase = self._phase
            assert phase is not None
        interval = self._still if phase.drive is None else self._moving
        due = at + interval
        if phase.notify:
            due = min(due, phase.end)
        elif phase.drive is None:
            # A terminal that starts to move reports at its shorter interval again.
            due = min(due, max(phase.end, at + self._moving))
        self._agenda.put(due, self.id, self._wake)
        return self._report(at, phase)

    def _finish(self, phase: Phase) -> None:
        """Book what the whole phase used up, and let its end have its effect."""
        km, hours = self._used(phase, phase.end)
        self.now = phase.end
        self._mileage_km += km
        if phase.signals.ignition:
            self._engine_h += hours
            self.fuel_l -= self._burnt(km, hours)
        if phase.signals.spray:
            self.water_pct = max(0.0, self.water_pct - hours * 6_000 / WATER_MINUTES)
        if phase.on_end is not None:
            phase.on_end(phase.end)

    def _used(self, phase: Phase, at: int) -> tuple[float, float]:
        """(kilometres, hours) of a phase up to ``at``."""
        along, _ = phase.at(at)
        return (along - phase.s) / 1_000, (at - phase.begin) / 3_600 / SECOND

    def _burnt(self, km: float, hours: float) -> float:
        return km * self.type.burn_l_per_km + hours * self.type.burn_l_per_hour

    def _report(self, at: int, phase: Phase) -> Observation:
        along, speed = phase.at(at)
        kmh = speed * 3.6
        arc = phase.arc
        x = arc.x + arc.ux * along + arc.uy * LANE_M
        y = arc.y + arc.uy * along - arc.ux * LANE_M
        self._seq += 1
        fix = self._receiver.fix(x, y, kmh, arc.heading)
        return Observation(self.id, "vehicle", self._seq, at, self._readings(at, phase, along, kmh), fix)

    def _readings(self, at: int, phase: Phase, along: float, kmh: float) -> dict[str, float]:
        signals = phase.signals
        km = (along - phase.s) / 1_000
        hours = (at - phase.begin) / 3_600_000_000
        on = signals.ignition
        self._warm(at, on)
        fuel = self.fuel_l - (self._burnt(km, hours) if on else 0.0)
        rnd = self._noise.random()
        rpm = (700 + kmh * 28 + signals.pto * 350 + 60 * rnd) * on
        readings: dict[str, float] = {
            "speed_kmh": round(kmh, 1),
            "mileage_km": round(self._mileage_km + km, 2),
            "ignition": on,
            "engine_rpm": int(rpm),
            "engine_hours_h": round(self._engine_h + hours * on, 2),
            "coolant_c": round(self._coolant + rnd, 1),
            "fuel_pct": round(max(0.0, fuel / self.type.tank_l * 100), 1),
            "pto": signals.pto,
        }
        self._work_readings(readings, phase, hours)
        return readings

    def _work_readings(self, readings: dict[str, float], phase: Phase, hours: float) -> None:
        signals = phase.signals
        name = self.type.name
        if name == "refuse_truck":
            readings["lift"] = signals.lift
            readings["lift_count"] = self.lifts
            readings["load_kg"] = round(self.load_kg)
            readings["hopper_pct"] = round(min(100.0, self.load_kg / HOPPER_KG * 100), 1)
            return
        water = self.water_pct - (hours * 6_000 / WATER_MINUTES if signals.spray else 0.0)
        readings["spray"] = signals.spray
        readings["pump"] = signals.pump
        readings["tank_pct"] = round(max(0.0, water), 1)
        if name == "sweeper":
            readings["brush"] = signals.brush

    def _warm(self, at: int, on: int) -> None:
        """Bring the coolant nearer to what it tends to: about 85 °C running, 20 °C standing (10 minutes' lag)."""
        share = min(1.0, (at - self._seen) / 600_000_000)
        self._seen = at
        self._coolant += ((85.0 if on else 20.0) - self._coolant) * share
