"""Which protocol each device speaks: by shares, and determined by the seed alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec

from simulators.city.chance import stream
from simulators.city.settings import Share
from simulators.speakers.identities import kind_of, number_of

DEFAULT = "mqtt-json"
CARRIED: Mapping[str, frozenset[str]] = {
    "jt808": frozenset(("vehicle",)),
    "nmea-tcp": frozenset(("vehicle", "worker")),
    "nmea-udp": frozenset(("vehicle", "worker")),
    "chirpstack": frozenset(("bin", "toilet")),
    "tts": frozenset(("bin", "toilet")),
    "modbus": frozenset(("toilet",)),
    "http": frozenset(("vehicle", "bin", "toilet", "worker")),
    DEFAULT: frozenset(("vehicle", "bin", "toilet", "worker")),
}
"""The protocols, and the kinds of device that speak them."""

CLOCKLESS = frozenset(("chirpstack", "tts", "modbus"))
"""Protocols whose devices tell no time of their own, so that no clock of theirs can be wrong."""

Shares = Mapping[str, Mapping[str, Share]]
_GOLDEN = 0.618_033_988_749_895


class ModbusSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``units`` behind each gateway; a share of them is ``dead`` and never answers."""

    units: Annotated[int, msgspec.Meta(ge=1, le=247)] = 8
    dead: Share = 0.0


def allot(device_ids: Iterable[str], shares: Shares, seed: int) -> dict[str, str]:
    """The protocol of each device. What the shares of a kind leave of 1 speaks JSON over MQTT.

    Numbers are spread evenly (by the golden ratio), so that even a few devices keep to the shares; one more device
    changes nothing for the others.
    """
    starts = {kind: stream(seed, "protocol", kind).random() for kind in shares}
    found = {}
    for device_id in device_ids:
        kind = kind_of(device_id)
        place = (starts.get(kind, 0.0) + number_of(device_id) * _GOLDEN) % 1
        found[device_id] = _at(place, shares.get(kind, {}))
    return found


def dead_units(device_ids: Iterable[str], settings: ModbusSettings, seed: int) -> frozenset[str]:
    """Those of the controllers that never answer."""
    start = stream(seed, "dead").random()
    return frozenset(name for index, name in enumerate(device_ids) if (start + index * _GOLDEN) % 1 < settings.dead)


def fault(shares: Shares) -> str | None:
    """What is wrong with shares, with the field first; None when nothing is."""
    for kind, protocols in shares.items():
        for protocol in protocols:
            if protocol not in CARRIED:
                return f"{kind}.{protocol}: unknown protocol; there are {', '.join(CARRIED)}"
            if kind not in CARRIED[protocol]:
                return f"{kind}.{protocol}: is spoken by {', '.join(sorted(CARRIED[protocol]))} only"
        if sum(protocols.values()) > 1 + 1e-9:
            return f"{kind}: the shares come to more than 1"
    return None


def _at(place: float, protocols: Mapping[str, float]) -> str:
    for protocol, share in protocols.items():
        if place < share:
            return protocol
        place -= share
    return DEFAULT
