"""Dragino LDS02: a door sensor. From the user manual (payload, ports 10 and 7) and the published decoders.

Port 10, 10 bytes, big-endian: states and battery in 2 bytes (bit 15 door open, bit 14 water leak, 14 bits millivolts),
mode, openings (3), minutes of the last opening (3), alarm. Mode 1 is a door, 2 a leak probe, 3 both, without counts.
Port 7, 5 bytes: the counting mode (EDC) of firmware 1.8: state and battery, counts (3).
"""

from __future__ import annotations

from typing import Any

from devices.codecs import Codec, DecodedPayload
from devices.errors import DecodeError
from devices.mapping.rules import Rule

STATES, COUNTS = 10, 7  #: the ports


def read(f_port: int, payload: bytes) -> DecodedPayload:
    """See :class:`devices.codecs.Codec`."""
    size = {STATES: 10, COUNTS: 5}.get(f_port)
    if size is None:
        raise DecodeError(f"fPort: {f_port}, expected {STATES} or {COUNTS}")
    if len(payload) < size:
        raise DecodeError(f"payload: {len(payload)} bytes, expected {size}")
    lead = int.from_bytes(payload[:2], "big")
    battery = (lead & 0x3FFF) / 1000
    spare = len(payload) - size
    problems = (f"payload: {spare} bytes more than expected",) if spare else ()
    if f_port == COUNTS:
        mode = "OPEN" if lead >> 15 else "CLOSE"
        times = int.from_bytes(payload[2:5], "big")
        return DecodedPayload({"Node_type": "LDS02", "BatV": battery, "edc_mod": mode, "times": times}, problems)
    decoded = {"Node_type": "LDS02", "BAT_V": battery, "MOD": payload[2], **_states(lead, payload)}
    return DecodedPayload(decoded, problems)


def _states(lead: int, payload: bytes) -> dict[str, Any]:
    door, leak, alarm = lead >> 15, lead >> 14 & 1, payload[9] & 1
    times, duration = int.from_bytes(payload[3:6], "big"), int.from_bytes(payload[6:9], "big")
    match payload[2]:
        case 1:
            counts = {"DOOR_OPEN_TIMES": times, "LAST_DOOR_OPEN_DURATION": duration}
            return {"DOOR_OPEN_STATUS": door, **counts, "ALARM": alarm}
        case 2:
            return {"WATER_LEAK_STATUS": leak, "WATER_LEAK_TIMES": times, "LAST_WATER_LEAK_DURATION": duration}
        case 3:
            return {"DOOR_OPEN_STATUS": door, "WATER_LEAK_STATUS": leak, "ALARM": alarm}
    return {}


MAPPING = {
    "BAT_V": Rule(metric="battery_v"),
    "BatV": Rule(metric="battery_v"),
    "DOOR_OPEN_STATUS": Rule(metric="door_open"),
    "DOOR_OPEN_TIMES": Rule(metric="door_openings"),
    "LAST_DOOR_OPEN_DURATION": Rule(metric="door_open_min"),
    "WATER_LEAK_STATUS": Rule(metric="water_leak"),
    "ALARM": Rule(events={"1": "door_alarm"}),
}

CODECS = (Codec("dragino-lds02", "Dragino LDS02 door sensor", "toilet", read, MAPPING),)
