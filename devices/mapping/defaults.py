"""Names that published codecs commonly use: for objects that a network server decoded for a model nobody named."""

from __future__ import annotations

from collections.abc import Mapping

from devices.mapping.rules import Mapped, Rule

_NO_DISTANCE: Mapping[str, float | None] = {"65535": None, "65534": None, "65533": None}
_OPEN: Mapping[str, float | None] = {"close": 0, "closed": 0, "0": 0, "false": 0, "open": 1, "1": 1, "true": 1}
_TILTED: Mapping[str, float | None] = {"normal": 0, "false": 0, "0": 0, "tilt": 1, "tilted": 1, "true": 1, "1": 1}
_TAKEN: Mapping[str, float | None] = {"vacant": 0, "false": 0, "0": 0, "occupied": 1, "true": 1, "1": 1}

_NAMES: tuple[tuple[str, Rule, str], ...] = (
    ("battery_pct", Rule(values={"255": None}), "battery battery_level battery_percent batteryLevel batteryPercent"),
    ("battery_v", Rule(), "battery_voltage batteryVoltage BatV BAT_V Bat bat_v vbat"),
    ("temperature_c", Rule(), "temperature temp air_temperature Temperature TempC_SHT TempC_DS18B20"),
    ("humidity_pct", Rule(), "humidity hum relative_humidity Humidity Hum_SHT"),
    ("fill_pct", Rule(), "fill_level fillLevel filling_level"),
    ("distance_mm", Rule(values=_NO_DISTANCE), "distance Distance distance_mm"),
    ("distance_mm", Rule(scale=10), "distance_cm"),
    ("distance_mm", Rule(scale=1_000), "distance_m"),
    ("tilt", Rule(values=_TILTED), "position tilted"),
    ("nh3_ppm", Rule(), "nh3 NH3"),
    ("h2s_ppm", Rule(), "h2s H2S"),
    ("co2_ppm", Rule(), "co2 CO2"),
    ("pm25_ugm3", Rule(), "pm2_5 pm25 PM25"),
    ("illuminance_lx", Rule(), "illuminance illumination"),
    ("people_in", Rule(), "people_total_in total_counter_in line_1_total_in"),
    ("people_out", Rule(), "people_total_out total_counter_out line_1_total_out"),
    ("people_count", Rule(), "people_count_all"),
    ("door_open", Rule(values=_OPEN), "magnet_status door DOOR_OPEN_STATUS door_open_status"),
    ("door_openings", Rule(), "DOOR_OPEN_TIMES open_times"),
    ("tamper", Rule(values={"installed": 0, "uninstalled": 1}), "tamper_status"),
    ("water_leak", Rule(), "WATER_LEAK_STATUS water_leak_status"),
    ("stall_occupied", Rule(values=_TAKEN), "occupancy occupied"),
    ("paper_pct", Rule(), "remaining"),
)

#: Our own names mean themselves.
_OWN = """battery_v battery_pct temperature_c humidity_pct fill_pct weight_kg tilt tilt_deg lid_open smoke nh3_ppm
    h2s_ppm odour_index pm25_ugm3 co2_ppm stalls_occupied stall_occupied people_in people_out water_m3 energy_kwh
    paper_pct soap_pct water_leak door_open tamper"""

DEFAULT_MAPPING: Mapped = {
    **{name: Rule(metric=name) for name in _OWN.split()},
    **{
        name: Rule(metric=metric, scale=rule.scale, values=rule.values)
        for metric, rule, names in _NAMES
        for name in names.split()
    },
    "latitude": Rule(fix="lat"),
    "longitude": Rule(fix="lon"),
    "history": Rule(samples="timestamp"),
}
"""The first name that an object holds gives the metric. What is not here stays in the object and is not filed."""
