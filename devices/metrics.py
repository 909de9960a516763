"""The metric catalogue: every measured quantity that the hub knows, with its unit and its physical range.

The unit is part of the name where it could be doubted. A value outside ``low``..``high`` is no reading (sensor codes
such as 0xFFFE sit out there) and is refused with the field's name. Booleans are stored as 0 and 1. Adding a metric is
adding a line; the store numbers the names by itself.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Metric(msgspec.Struct, frozen=True):
    """A catalogue entry: ``unit`` as shown to people, the inclusive range, the kinds of device that measure it."""

    name: str
    unit: str
    low: float
    high: float
    kinds: tuple[str, ...]
    title: str
    title_zh: str


_VEHICLE = ("vehicle",)
_BIN = ("bin",)
_TOILET = ("toilet",)
_WORKER = ("worker",)
_METER = ("toilet", "station")
_ANY = ("vehicle", "bin", "toilet", "worker", "station", "gateway")

CATALOGUE: tuple[Metric, ...] = (
    # vehicles
    Metric("speed_kmh", "km/h", 0, 250, _VEHICLE, "Speed", "速度"),
    Metric("mileage_km", "km", 0, 5e6, _VEHICLE, "Mileage", "里程"),
    Metric("ignition", "", 0, 1, _VEHICLE, "Ignition", "点火"),
    Metric("engine_rpm", "1/min", 0, 10_000, _VEHICLE, "Engine speed", "发动机转速"),
    Metric("engine_hours_h", "h", 0, 1e6, _VEHICLE, "Engine hours", "发动机工时"),
    Metric("coolant_c", "°C", -60, 200, _VEHICLE, "Coolant temperature", "冷却液温度"),
    Metric("fuel_pct", "%", 0, 100, _VEHICLE, "Fuel level", "油量"),
    Metric("fuel_l", "L", 0, 2_000, _VEHICLE, "Fuel", "燃油"),
    Metric("pto", "", 0, 1, _VEHICLE, "Power take-off", "取力器"),
    Metric("brush", "", 0, 1, _VEHICLE, "Brush", "扫盘"),
    Metric("spray", "", 0, 1, _VEHICLE, "Spray", "喷水"),
    Metric("pump", "", 0, 1, _VEHICLE, "Pump", "水泵"),
    Metric("lift", "", 0, 1, _VEHICLE, "Bin lift", "提升机构"),
    Metric("lift_count", "", 0, 1e6, _VEHICLE, "Lifts", "提升次数"),
    Metric("load_kg", "kg", 0, 60_000, _VEHICLE, "Load", "载重"),
    Metric("hopper_pct", "%", 0, 100, _VEHICLE, "Hopper fill", "料斗满度"),
    Metric("tank_pct", "%", 0, 100, _VEHICLE, "Water tank", "水箱"),
    # bins
    Metric("fill_pct", "%", 0, 100, ("bin", "station"), "Fill level", "满溢度"),
    Metric("distance_mm", "mm", 0, 20_000, ("bin", "toilet"), "Distance to what is measured", "测距"),
    Metric("weight_kg", "kg", 0, 50_000, ("bin", "station"), "Weight", "重量"),
    Metric("tilt", "", 0, 1, _BIN, "Tilted", "倾倒"),
    Metric("tilt_deg", "°", 0, 180, _BIN, "Tilt", "倾角"),
    Metric("lid_open", "", 0, 1, _BIN, "Lid open", "桶盖开启"),
    Metric("smoke", "", 0, 1, ("bin", "toilet"), "Smoke", "烟雾"),
    # toilets
    Metric("nh3_ppm", "ppm", 0, 1_000, _TOILET, "Ammonia", "氨气"),
    Metric("h2s_ppm", "ppm", 0, 500, _TOILET, "Hydrogen sulphide", "硫化氢"),
    Metric("odour_index", "", 0, 1_000, _TOILET, "Odour index", "臭气指数"),
    Metric("pm25_ugm3", "µg/m³", 0, 5_000, _TOILET, "PM2.5", "PM2.5"),
    Metric("co2_ppm", "ppm", 0, 50_000, _TOILET, "Carbon dioxide", "二氧化碳"),
    Metric("stalls_occupied", "", 0, 200, _TOILET, "Stalls in use", "占用蹲位"),
    Metric("stall_occupied", "", 0, 1, _TOILET, "Stall in use", "蹲位占用"),
    Metric("people_in", "", 0, 1e9, _TOILET, "People in (counter)", "进入人数"),
    Metric("people_out", "", 0, 1e9, _TOILET, "People out (counter)", "离开人数"),
    Metric("water_m3", "m³", 0, 1e7, _METER, "Water meter", "水表"),
    Metric("water_flow_lpm", "L/min", 0, 10_000, _METER, "Water flow", "水流量"),
    Metric("paper_pct", "%", 0, 100, _TOILET, "Paper", "厕纸"),
    Metric("soap_pct", "%", 0, 100, _TOILET, "Soap", "洗手液"),
    Metric("fan", "", 0, 1, _TOILET, "Fan", "风机"),
    Metric("light", "", 0, 1, _TOILET, "Light", "照明"),
    Metric("water_leak", "", 0, 1, _METER, "Water leak", "漏水"),
    Metric("people_count", "", 0, 1e4, _TOILET, "People present", "在场人数"),
    Metric("people_count_max", "", 0, 1e4, _TOILET, "Most people present since the last report", "时段最多在场人数"),
    Metric("people_in_period", "", 0, 1e6, _TOILET, "People in since the last report", "时段进入人数"),
    Metric("people_out_period", "", 0, 1e6, _TOILET, "People out since the last report", "时段离开人数"),
    *(
        Metric(f"people_in_line_{n}", "", 0, 1e9, _TOILET, f"People in over line {n} (counter)", f"第{n}线进入人数")
        for n in (2, 3, 4)
    ),
    *(
        Metric(f"people_out_line_{n}", "", 0, 1e9, _TOILET, f"People out over line {n} (counter)", f"第{n}线离开人数")
        for n in (2, 3, 4)
    ),
    *(
        Metric(f"people_region_{n}", "", 0, 1e4, _TOILET, f"People in region {n}", f"{n}号区域人数")
        for n in range(1, 17)
    ),
    Metric("dwell_avg_s", "s", 0, 86_400, _TOILET, "Stay, mean", "平均停留时间"),
    Metric("dwell_max_s", "s", 0, 86_400, _TOILET, "Stay, longest", "最长停留时间"),
    Metric("sound_db", "dB", 0, 200, _TOILET, "Sound level", "噪声"),
    # electricity; power and its kin are negative while it is fed back
    Metric("energy_kwh", "kWh", 0, 1e8, _METER, "Energy meter", "电表"),
    Metric("energy_export_kwh", "kWh", 0, 1e8, _METER, "Energy fed back (meter)", "反向电量"),
    Metric("power_w", "W", -1e7, 1e7, _METER, "Power", "功率"),
    Metric("power_l1_w", "W", -1e7, 1e7, _METER, "Power of phase 1", "A相功率"),
    Metric("power_l2_w", "W", -1e7, 1e7, _METER, "Power of phase 2", "B相功率"),
    Metric("power_l3_w", "W", -1e7, 1e7, _METER, "Power of phase 3", "C相功率"),
    Metric("apparent_power_va", "VA", -1e7, 1e7, _METER, "Apparent power", "视在功率"),
    Metric("reactive_power_var", "var", -1e7, 1e7, _METER, "Reactive power", "无功功率"),
    Metric("power_factor", "", -1, 1, _METER, "Power factor", "功率因数"),
    Metric("frequency_hz", "Hz", 0, 1_000, _METER, "Mains frequency", "电网频率"),
    Metric("voltage_v", "V", 0, 1_000, _METER, "Voltage", "电压"),
    Metric("voltage_l1_v", "V", 0, 1_000, _METER, "Voltage of phase 1", "A相电压"),
    Metric("voltage_l2_v", "V", 0, 1_000, _METER, "Voltage of phase 2", "B相电压"),
    Metric("voltage_l3_v", "V", 0, 1_000, _METER, "Voltage of phase 3", "C相电压"),
    Metric("current_a", "A", 0, 10_000, _METER, "Current", "电流"),
    Metric("current_l1_a", "A", 0, 10_000, _METER, "Current of phase 1", "A相电流"),
    Metric("current_l2_a", "A", 0, 10_000, _METER, "Current of phase 2", "B相电流"),
    Metric("current_l3_a", "A", 0, 10_000, _METER, "Current of phase 3", "C相电流"),
    # stations
    Metric("running", "", 0, 1, ("station",), "Running", "运行中"),
    Metric("press_cycles", "", 0, 1e9, ("station",), "Press cycles (counter)", "压缩次数"),
    # workers
    Metric("steps", "", 0, 1e6, _WORKER, "Steps", "步数"),
    Metric("heart_rate_bpm", "1/min", 0, 300, _WORKER, "Heart rate", "心率"),
    Metric("sos", "", 0, 1, ("worker", "toilet", "vehicle"), "SOS", "紧急求助"),
    Metric("on_duty", "", 0, 1, _WORKER, "On duty", "在岗"),
    # any device
    Metric("temperature_c", "°C", -60, 200, _ANY, "Temperature", "温度"),
    Metric("humidity_pct", "%", 0, 100, _ANY, "Humidity", "湿度"),
    Metric("battery_pct", "%", 0, 100, _ANY, "Battery", "电量"),
    Metric("battery_v", "V", 0, 100, _ANY, "Battery voltage", "电池电压"),
    Metric("rssi_dbm", "dBm", -200, 20, _ANY, "Signal strength", "信号强度"),
    Metric("snr_db", "dB", -50, 100, _ANY, "Signal-to-noise ratio", "信噪比"),
    Metric("signal_pct", "%", 0, 100, _ANY, "Signal", "信号"),
    Metric("satellites", "", 0, 200, _ANY, "Satellites", "卫星数"),
    Metric("door_open", "", 0, 1, _ANY, "Door open", "门开启"),
    Metric("door_openings", "", 0, 1e9, _ANY, "Door openings (counter)", "开门次数"),
    Metric("door_open_min", "min", 0, 1e8, _ANY, "Door open the last time", "上次开门时长"),
    Metric("tamper", "", 0, 1, _ANY, "Removed from its place", "防拆"),
    Metric("illuminance_lx", "lx", 0, 200_000, _ANY, "Illuminance", "光照度"),
)

DERIVED: tuple[Metric, ...] = (
    Metric("route_offset_m", "m", 0, 2.1e7, ("vehicle", "worker"), "Distance from the route", "偏离路线距离"),
    # 0 no data, 1 off, 2 idle, 3 in transit, 4 working (fleet.trackers.work_state); told when it changes
    Metric("work_state", "", 0, 4, ("vehicle", "worker"), "Work state", "作业状态"),
    Metric("idle_s", "s", 0, 1e9, _VEHICLE, "Idle since", "本次怠速时长"),
    Metric("data_gap_s", "s", 0, 1e10, ("vehicle", "worker"), "Gap of data before this", "此前数据中断时长"),
    Metric("coverage_pct", "%", 0, 100, ("vehicle", "worker"), "Plan covered so far", "计划已覆盖比例"),
    Metric("progress_m", "m", 0, 2.1e7, ("vehicle", "worker"), "Progress along the route", "沿路线进度"),
)
"""What the hub itself works out and files beside the measured: rules may ask for it, devices may not send it."""


_MOST_NEAR = 4  #: metrics that begin alike and are told to somebody who has named none


class Catalogue:
    """Look-up of metrics by name. Immutable after construction."""

    def __init__(self, metrics: Iterable[Metric] = CATALOGUE) -> None:
        self.by_name: dict[str, Metric] = {metric.name: metric for metric in metrics}
        self.ranges: dict[str, tuple[float, float]] = {m.name: (m.low, m.high) for m in self.by_name.values()}
        stems: dict[str, list[str]] = {}
        for name in self.by_name:
            stems.setdefault(name.partition("_")[0], []).append(name)
        self._near = {stem: " or ".join(names) for stem, names in stems.items() if len(names) <= _MOST_NEAR}

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def check(self, name: str, value: float) -> str | None:
        """Why ``value`` is no reading of ``name``: one line that starts with the name, or None when it is sound.

        Of an unknown name those are told that begin with the same word (``fill``, ``battery_mv``).
        """
        bounds = self.ranges.get(name)
        if bounds is None:
            near = self._near.get(name.lower().partition("_")[0])
            return f"{name}: unknown metric" + (f"; did you mean {near}?" if near else "")
        if bounds[0] <= value <= bounds[1]:
            return None
        unit = self.by_name[name].unit
        return f"{name}: {value:g} is outside {bounds[0]:g}..{bounds[1]:g}{' ' + unit if unit else ''}"
