"""LoRaWAN sensors of bins and toilets: what a report becomes as the bytes of Milesight's and Dragino's sensors.

Milesight's uplinks (port 85) are channels: channel id, type, and a value whose numbers have the low byte first; from
the payload tables of the user guides. Dragino's LDDS75 (port 2, firmware 1.1.4) is 8 bytes, high byte first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from simulators.city.observation import Observation

Readings = Mapping[str, float]


class Payload(msgspec.Struct, frozen=True):
    """An uplink's application part: port, bytes, and the object that the maker's own decoder makes of them."""

    f_port: int
    data: bytes
    decoded: dict[str, Any]


class Model(msgspec.Struct, frozen=True):
    """A model of sensor.

    ``beginning`` are the first six or nine digits of its DevEUIs. ``encode`` makes an uplink of readings. A sensor of
    bins is mounted ``above_mm`` higher than the one that the readings speak of, for not all see equally near.
    """

    brand: str
    name: str
    beginning: str
    encode: Callable[[Readings, int], Payload]
    above_mm: int = 0


class Sensor(msgspec.Struct, frozen=True):
    """One sensor of a device. ``decodes`` is whether the network server has its decoder."""

    model: Model
    dev_eui: str
    decodes: bool

    def payload(self, observation: Observation) -> Payload:
        """The uplink of a report."""
        return self.model.encode(observation.readings, self.model.above_mm)


def sensors_of(kind: str, number: int) -> tuple[Sensor, ...]:
    """The sensors of the device of that kind and number: a bin has one, a toilet a nose and a door contact."""
    models = (BIN_MODELS[number % len(BIN_MODELS)],) if kind == "bin" else (GS301, WS301)
    return tuple(
        Sensor(model, f"{model.beginning}{number:0{16 - len(model.beginning)}x}", decodes=number // 3 % 2 == 0)
        for model in models
    )


def _word(value: float) -> bytes:
    return (round(value) & 0xFFFF).to_bytes(2, "little")


def _battery(readings: Readings) -> tuple[bytes, dict[str, Any]]:
    percent = round(readings.get("battery_pct", 96))
    return bytes((0x01, 0x75, percent)), {"battery": percent}


def _temperature(channel: int, readings: Readings) -> tuple[bytes, dict[str, Any]]:
    tenths = round(readings.get("temperature_c", 20.0) * 10)
    return bytes((channel, 0x67)) + _word(tenths), {"temperature": tenths / 10}


def _level(channel: int, readings: Readings, above_mm: int) -> tuple[bytes, dict[str, Any]]:
    """Distance in millimetres, and whether the lid lies where it should, on the channel after it."""
    distance, tilt = round(readings["distance_mm"]) + above_mm, int(readings.get("tilt", 0))
    data = bytes((channel, 0x82)) + _word(distance) + bytes((channel + 1, 0x00, tilt))
    return data, {"distance": distance, "position": "tilt" if tilt else "normal"}


def _joined(f_port: int, *parts: tuple[bytes, dict[str, Any]]) -> Payload:
    decoded: dict[str, Any] = {}
    for _, told in parts:
        decoded |= told
    return Payload(f_port, b"".join(data for data, _ in parts), decoded)


def _em310_udl(readings: Readings, above_mm: int) -> Payload:
    return _joined(85, _battery(readings), _level(0x03, readings, above_mm))


def _em400_mud(readings: Readings, above_mm: int) -> Payload:
    return _joined(85, _battery(readings), _temperature(0x03, readings), _level(0x04, readings, above_mm))


def _ldds75(readings: Readings, above_mm: int) -> Payload:
    battery = round(readings.get("battery_v", 3.4) * 1_000)
    distance = round(readings["distance_mm"]) + above_mm
    tenths = round(readings.get("temperature_c", 20.0) * 10)
    data = battery.to_bytes(2, "big") + distance.to_bytes(2, "big") + b"\0"
    decoded = {
        "Node_type": "LDDS75",
        "Bat": battery / 1_000,
        "Distance": distance,
        "Interrupt_flag": 0,
        "TempC_DS18B20": f"{tenths / 10:.2f}",
        "Sensor_flag": 1,
    }
    return Payload(2, data + (tenths & 0xFFFF).to_bytes(2, "big") + b"\x01", decoded)


def _gs301(readings: Readings, _: int) -> Payload:
    """Ammonia and hydrogen sulphide in hundredths of a ppm; 0xFFFE and 0xFFFF would be no measurement."""
    nh3, h2s = (min(round(readings[metric] * 100), 0xFFFD) for metric in ("nh3_ppm", "h2s_ppm"))
    humidity = round(readings["humidity_pct"] * 2)
    return _joined(
        85,
        _battery(readings),
        _temperature(0x02, readings),
        (bytes((0x03, 0x68, humidity)), {"humidity": humidity / 2}),
        (b"\x04\x7d" + _word(nh3), {"nh3": nh3 / 100}),
        (b"\x05\x7d" + _word(h2s), {"h2s": h2s / 100}),
    )


def _ws301(readings: Readings, _: int) -> Payload:
    """The contact of a stall's door: closed while somebody is in."""
    is_open = int(readings.get("stalls_occupied", 0) == 0)
    door = (bytes((0x03, 0x00, is_open)), {"magnet_status": "open" if is_open else "close"})
    return _joined(85, _battery(readings), door, (b"\x04\x00\x00", {"tamper_status": "installed"}))


BIN_MODELS = (
    Model("Milesight", "EM310-UDL", "24e124713", _em310_udl),
    Model("Milesight", "EM400-MUD", "24e124743", _em400_mud),
    # It sees nothing nearer than 280 mm, so that it is mounted above the lid.
    Model("Dragino", "LDDS75", "a84041", _ldds75, above_mm=200),
)
GS301 = Model("Milesight", "GS301", "24e124798", _gs301)
WS301 = Model("Milesight", "WS301", "24e124141", _ws301)
