"""Names of the bits of a JT/T 808 position: alarm word, status word, and the items that carry switches.

JT/T 808-2013, tables 24 and 25; 2019 gives bits 15 to 17 of the alarm word a meaning, which were reserved before.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

ALARMS: dict[int, str] = {
    0: "sos",
    1: "overspeed",
    2: "fatigue",
    3: "danger",
    4: "gnss_fault",
    5: "gnss_antenna_open",
    6: "gnss_antenna_short",
    7: "power_low",
    8: "power_lost",
    9: "display_fault",
    10: "tts_fault",
    11: "camera_fault",
    12: "ic_card_fault",
    13: "overspeed_warning",
    14: "fatigue_warning",
    18: "driving_time_exceeded",
    19: "parking_time_exceeded",
    20: "area_crossed",
    21: "route_crossed",
    22: "segment_time",
    23: "route_deviation",
    24: "vss_fault",
    25: "fuel_abnormal",
    26: "vehicle_stolen",
    27: "illegal_ignition",
    28: "illegal_move",
    29: "collision",
    30: "rollover",
    31: "illegal_door_open",
}
ALARMS_2019: dict[int, str] = {15: "driving_violation", 16: "tyre_pressure", 17: "blind_spot_fault"}

IGNITION = 1 << 0
FIXED = 1 << 1
SOUTH = 1 << 2
WEST = 1 << 3
CONSTELLATIONS: tuple[tuple[int, str], ...] = (
    (1 << 18, "GPS"),
    (1 << 19, "BDS"),
    (1 << 20, "GLONASS"),
    (1 << 21, "GALILEO"),
)


class Input(msgspec.Struct, frozen=True):
    """A switch of the vehicle: bit ``bit`` of item ``item`` (0x25 vehicle signals, 0x2A IO) is the reading ``metric``.

    Which signal a sweeper's brush or a lorry's lift is wired to is told by nobody but the fitter, so that a listener's
    settings name it and nothing is mapped by default.
    """

    item: int
    bit: int
    metric: str


def alarm_kinds(word: int, version: int) -> Iterator[tuple[int, str]]:
    """Bit and kind of each alarm that is set; a reserved bit is ``alarm_bit_<n>``."""
    while word:
        bit = (word & -word).bit_length() - 1
        word &= word - 1
        name = ALARMS.get(bit) or (ALARMS_2019.get(bit) if version >= 2019 else None)
        yield bit, name or f"alarm_bit_{bit}"
