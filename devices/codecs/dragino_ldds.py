"""Dragino LDDS75 and LDDS45: ultrasonic distance sensors. From the user manuals (payload, port 2) and decoders.

Two layouts, told by their length. Since firmware 1.1.4, 8 bytes: battery, distance, interrupt, temperature of an
optional probe, sensor flag. Before, 5 bytes without the last two, or 3 without a distance where no sensor answered.
All numbers are big-endian; the two highest bits of the battery's are not its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from devices.codecs import Codec, DecodedPayload
from devices.errors import DecodeError
from devices.mapping.rules import Rule

PORT = 2
INVALID = 20  #: mm; a lower distance is the old decoders' "Invalid Reading"


def _reader(model: str) -> Callable[[int, bytes], DecodedPayload]:
    def read(f_port: int, payload: bytes) -> DecodedPayload:
        if f_port != PORT:
            raise DecodeError(f"fPort: {f_port}, expected {PORT}")
        if len(payload) < 3:
            raise DecodeError(f"payload: {len(payload)} bytes, expected 8, 5 or 3")
        battery = (int.from_bytes(payload[:2], "big") & 0x3FFF) / 1000
        decoded = {"Node_type": model, "Bat": battery}
        if len(payload) >= 8:
            decoded |= _current(payload)
            spare = len(payload) - 8
        elif len(payload) >= 5:
            distance = int.from_bytes(payload[2:4], "big")
            decoded |= {"Distance": "Invalid Reading" if distance < INVALID else distance}
            decoded["Interrupt_status"] = payload[4]
            spare = len(payload) - 5
        else:
            decoded |= {"Distance": "No Sensor", "Interrupt_status": payload[-1]}
            spare = len(payload) - 3
        return DecodedPayload(decoded, (f"payload: {spare} bytes more than expected",) if spare else ())

    return read


def _current(payload: bytes) -> dict[str, object]:
    """The layout of firmware 1.1.4; the probe's temperature is a text there, as in the published decoder."""
    return {
        "Distance": int.from_bytes(payload[2:4], "big"),
        "Interrupt_flag": payload[4],
        "TempC_DS18B20": f"{int.from_bytes(payload[5:7], 'big', signed=True) / 10:.2f}",
        "Sensor_flag": payload[7],
    }


def _mapping(blind_mm: int) -> Mapping[str, Rule]:
    """What is nearer than the blind zone is sent as 20, or as 0 where no sensor answers.

    Without a probe the temperature reads 0.0 or the highest number, by firmware: the first may be true and is marked.
    """
    return {
        "Bat": Rule(metric="battery_v"),
        "Distance": Rule(
            metric="distance_mm", least=blind_mm, values={"Invalid Reading": None, "No Sensor": None, "65535": None}
        ),
        "TempC_DS18B20": Rule(metric="temperature_c", values={"3276.70": None, "-0.10": None}, doubtful=("0.00",)),
        "Sensor_flag": Rule(events={"0": "distance_sensor_missing"}),
    }


CODECS = (
    Codec("dragino-ldds75", "Dragino LDDS75 ultrasonic distance sensor", "bin", _reader("LDDS75"), _mapping(280)),
    Codec("dragino-ldds45", "Dragino LDDS45 ultrasonic distance sensor", "bin", _reader("LDDS45"), _mapping(30)),
)
