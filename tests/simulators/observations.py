"""Observations for the tests of the speakers."""

from __future__ import annotations

from typing import Any

import msgspec

from simulators.city.observation import SECOND, Observation

START = 1_795_392_000_000_000  # 2026-11-23T00:00:00Z, 08:00 in Shanghai
FIX = {
    "lat": 30.58,
    "lon": 114.3,
    "altitude_m": 25.4,
    "speed_kmh": 8.44,
    "heading_deg": 271.6,
    "hdop": 0.9,
    "satellites": 14,
    "constellations": ["GPS", "BDS"],
    "valid": True,
}
BIN = {"distance_mm": 1_234, "temperature_c": -3.5, "tilt": 1, "battery_pct": 92.4, "battery_v": 3.553, "rssi_dbm": -88}
TOILET = {
    "nh3_ppm": 1.234,
    "h2s_ppm": 0.012,
    "temperature_c": -3.5,
    "humidity_pct": 50.1,
    "co2_ppm": 812,
    "people_in": 70_000,
    "people_out": 69_997,
    "stalls_occupied": 3,
    "water_m3": 1_234.567,
    "energy_kwh": 5_432.1,
    "power_w": 412,
    "paper_pct": 61.4,
    "soap_pct": 0.0,
    "water_leak": 1,
    "fan": 1,
    "light": 0,
}


def seen(device_id: str, readings: dict[str, float], number: int = 0, **changes: Any) -> Observation:
    """A report, `number` seconds after the start."""
    kind = device_id.partition("-")[0]
    plain = Observation(device_id, kind, number + 1, START + number * SECOND, readings)
    return msgspec.structs.replace(plain, **changes)
