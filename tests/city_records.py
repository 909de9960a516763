"""What a hub should have stored of a simulated run: the run once more without a network, seen through each protocol.

The rules are written from the protocols' documents and the hub's protocol pages, not from speakers or decoders.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from devices.metrics import DERIVED
from simulators.casting import Casting, Peers, cast
from simulators.city import City
from simulators.city.local_time import MINUTE
from simulators.city.observation import SECOND, Observation
from simulators.faults import FaultLine
from simulators.scenario import Scenario
from simulators.source import make_source
from simulators.truth import nowhere

Reading = tuple[str, str, int]  # device, metric, instant
Fix = tuple[str, int]
HUBS_OWN = {metric.name for metric in DERIVED}
INPUTS = {"2a.2": "pto", "2a.3": "brush", "2a.4": "spray", "2a.5": "pump", "25.15": "lift"}


class Expected:
    """Values by what they are of; an instant of coarse protocols may have several."""

    def __init__(self) -> None:
        self.readings: dict[Reading, set[float]] = defaultdict(set)
        self.fixes: dict[Fix, set[tuple[Any, ...]]] = defaultdict(set)
        self.events: set[tuple[str, str, int]] = set()

    def reading(self, device: str, metric: str, at: int, value: float) -> None:
        self.readings[device, metric, at].add(float(value))

    def fix(self, device: str, at: int, lat: float, lon: float, speed: float | None, valid: bool) -> None:
        self.fixes[device, at].add((lat, lon, speed, valid))


class Rerun:
    """A run without a network: who speaks what, and every observation that leaves a device."""

    def __init__(self, scenario: Scenario, seed: int, start_us: int, minutes: float, peers: Peers) -> None:
        source = make_source(scenario, seed, start_us, nowhere())
        assert isinstance(source, City)
        self.city = source
        self.casting: Casting = cast(scenario, source, seed, peers)
        self._line = FaultLine(scenario.faults, seed, nowhere(), self.casting.clockless)
        self._end = start_us + int(minutes * MINUTE)

    def observations(self) -> Iterator[Observation]:
        for observation in self.city.advance(self._end):
            for message in self._line.feed(observation):
                yield from message.observations
        for message in self._line.flush():
            yield from message.observations

    @cached_property
    def expected(self) -> Expected:
        """Everything that should be stored."""
        found = Expected()
        for observation in self.observations():
            protocol = self.casting.protocols[observation.device_id]
            ways = {"jt808": self._jt808, "nmea-tcp": _nmea, "nmea-udp": _nmea}
            ways |= {"chirpstack": self._lorawan, "tts": self._lorawan, "modbus": _nothing}
            ways.get(protocol, _native)(found, observation)
        return found

    def _jt808(self, found: Expected, observation: Observation) -> None:
        device, at = observation.device_id, observation.observed_at // SECOND * SECOND
        readings, fix = observation.readings, observation.fix
        assert fix is not None
        tank = self.city.plans[device].vehicle_type.tank_l
        found.reading(device, "ignition", at, readings["ignition"])
        found.reading(device, "mileage_km", at, readings["mileage_km"])
        found.reading(device, "fuel_l", at, readings["fuel_pct"] / 100 * tank)
        found.reading(device, "speed_kmh", at, readings["speed_kmh"])
        for place, metric in INPUTS.items():
            if place.startswith("2a") or metric in readings:
                found.reading(device, metric, at, readings.get(metric, 0))
        if readings["speed_kmh"] > 60:
            found.events.add((device, "overspeed", at))
        found.fix(device, at, fix["lat"], fix["lon"], fix["speed_kmh"], fix["valid"])

    def _lorawan(self, found: Expected, observation: Observation) -> None:
        """Of bins level, lid and battery, some with temperature; of toilets the nose's air and the door's contact."""
        device, at, readings = observation.device_id, observation.observed_at, observation.readings
        rssi = readings.get("rssi_dbm", -84)
        found.reading(device, "rssi_dbm", at, rssi)
        found.reading(device, "snr_db", at, round(max(-18.0, 10 + (rssi + 80) / 3), 1))
        if observation.kind == "toilet":
            for metric in ("nh3_ppm", "h2s_ppm", "temperature_c", "humidity_pct"):
                found.reading(device, metric, at, readings[metric])
            found.reading(device, "battery_pct", at, 96)
            found.reading(device, "door_open", at, readings["stalls_occupied"] == 0)
            found.reading(device, "tamper", at, 0)
            return
        model = int(device[-4:]) % 3  # EM310-UDL, EM400-MUD, LDDS75
        metrics = (("battery_pct", "tilt"), ("battery_pct", "tilt", "temperature_c"), ("battery_v", "temperature_c"))
        for metric in metrics[model]:
            found.reading(device, metric, at, readings[metric])
        found.reading(device, "distance_mm", at, readings["distance_mm"] + (200 if model == 2 else 0))
        found.reading(device, "fill_pct", at, min(100, max(0, (1_150 - readings["distance_mm"]) / 10.3)))


def _nothing(_: Expected, __: Observation) -> None:
    """A controller is polled when the hub likes."""


def _nmea(found: Expected, observation: Observation) -> None:
    fix = observation.fix
    assert fix is not None
    if fix["valid"]:
        speed = fix["speed_kmh"]
        found.fix(observation.device_id, observation.observed_at, fix["lat"], fix["lon"], speed, True)
    else:
        found.reading(observation.device_id, "satellites", observation.observed_at, 0)


def _native(found: Expected, observation: Observation) -> None:
    device, at, fix = observation.device_id, observation.observed_at, observation.fix
    for metric, value in observation.readings.items():
        found.reading(device, metric, at, value)
    for event in observation.events:
        found.events.add((device, event["kind"], at))
    if fix is not None:
        found.fix(device, at, fix["lat"], fix["lon"], fix.get("speed_kmh"), fix["valid"])


RESOLUTION = {
    "mileage_km": 0.0501,
    "fuel_l": 0.0501,
    "speed_kmh": 0.0501,
    "battery_pct": 0.501,
    "battery_v": 0.000501,
    "nh3_ppm": 0.00501,
    "h2s_ppm": 0.00501,
    "humidity_pct": 0.251,
    "fill_pct": 0.0501,
}
DEGREES, KMH = 6e-7, 0.0501


def _near(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    (lat, lon, speed, valid), (lat2, lon2, speed2, valid2) = one, other
    same_speed = speed == speed2 or (speed is not None and speed2 is not None and abs(speed - speed2) <= KMH)
    return abs(lat - lat2) <= DEGREES and abs(lon - lon2) <= DEGREES and same_speed and valid == valid2


def differences(
    expected: Expected,
    stored: dict[str, list[tuple[Any, ...]]],
    lossy: frozenset[str] = frozenset(),
) -> list[str]:
    """What is stored and should not be, what is missing (except of ``lossy`` devices), what has another value.

    What the hub derived by itself is left out.
    """
    found = []
    readings: dict[Reading, list[float]] = defaultdict(list)
    for device, metric, at, value, *_ in stored["readings"]:
        if metric not in HUBS_OWN:
            readings[device, metric, micros(at)].append(value)
    fixes: dict[Fix, list[tuple[Any, ...]]] = defaultdict(list)
    for device, at, lat, lon, speed, _, valid, _ in stored["fixes"]:
        fixes[device, micros(at)].append((lat, lon, speed, valid))
    for kind, wanted, there in (("reading", expected.readings, readings), ("fix", expected.fixes, fixes)):
        missing = [key for key in wanted if key not in there and key[0] not in lossy]
        found += [f"missing {kind} {key}" for key in missing]
        found += [f"stray {kind} {key}" for key in there if key not in wanted]
    for key in readings.keys() & expected.readings.keys():
        within = RESOLUTION.get(key[1], 1e-9)
        ours, its = expected.readings[key], readings[key]
        if len(its) > len(ours) or not all(any(abs(a - b) <= within for b in its) for a in ours):
            found.append(f"reading {key}: {ours}, stored {its}")
    for fix_key in fixes.keys() & expected.fixes.keys():
        wanted_fixes, its_fixes = expected.fixes[fix_key], fixes[fix_key]
        doubled = len(its_fixes) > len(wanted_fixes)
        strange = [b for b in its_fixes if not any(_near(a, b) for a in wanted_fixes)]
        if doubled or strange or not all(any(_near(a, b) for b in its_fixes) for a in wanted_fixes):
            found.append(f"fix {fix_key}: {wanted_fixes}, stored {its_fixes}")
    told = [row for row in stored["events"] if row[1] != "online" and '"derived"' not in row[3]]
    events = {(device, kind, micros(at)) for device, kind, at, *_ in told}
    found += [f"missing event {key}" for key in expected.events - events if key[0] not in lossy]
    found += [f"stray event {key}" for key in events - expected.events]
    return found


def micros(at: datetime) -> int:
    return round((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)
