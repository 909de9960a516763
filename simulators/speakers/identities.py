"""What the simulated devices go by in each protocol: derived from their readable ids alone, so that all sides agree."""

from __future__ import annotations

import re
import zlib

from simulators.speakers.jt808_frames import Edition
from simulators.speakers.lorawan_sensors import sensors_of

_KINDS = ("vehicle", "bin", "toilet", "worker", "station", "gateway")
_EDITIONS: tuple[Edition, ...] = (2013, 2019, 2013, 2019, 2011)


def number_of(device_id: str) -> int:
    """The number at the end of an id, below ten million; an id without one gets some number of its own."""
    found = re.search(r"\d{1,7}$", device_id)
    return int(found[0]) if found else zlib.crc32(device_id.encode()) % 10_000_000


def kind_of(device_id: str) -> str:
    """The kind that an id begins with; ``vehicle`` where it begins with none."""
    head = device_id.partition("-")[0]
    return head if head in _KINDS else "vehicle"


def edition_of(device_id: str) -> Edition:
    """Which edition of JT/T 808 its terminal speaks: of five, two speak that of 2013, two that of 2019, one of 2011."""
    return _EDITIONS[number_of(device_id) % len(_EDITIONS)]


def phone_of(device_id: str) -> str:
    """The number of its terminal's SIM card: 12 digits, in the edition of 2019 20."""
    digits = f"0139{_KINDS.index(kind_of(device_id))}{number_of(device_id):07d}"
    return digits.zfill(20) if edition_of(device_id) == 2019 else digits


def imei_of(device_id: str) -> str:
    """15 digits, the last of them Luhn's check digit (3GPP TS 23.003, annex B)."""
    body = f"864180{_KINDS.index(kind_of(device_id))}{number_of(device_id):07d}"
    total = 0
    for place, digit in enumerate(map(int, body)):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return body + str(-total % 10)


def identities(protocol: str, device_id: str) -> tuple[tuple[str, str], ...]:
    """(scheme, value) of everything that the device goes by in ``protocol``; empty where that is its readable id."""
    if protocol == "jt808":
        return (("jt808_phone", phone_of(device_id)),)
    if protocol in ("nmea-tcp", "nmea-udp"):
        return (("imei", imei_of(device_id)),)
    if protocol in ("chirpstack", "tts"):
        sensors = sensors_of(kind_of(device_id), number_of(device_id))
        return tuple(("dev_eui", sensor.dev_eui) for sensor in sensors)
    return ()
