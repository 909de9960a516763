"""What is newest of each device, and since when: one table for all readers, bounded by devices and not by messages.

A reader needs no list of its own: what it has not seen is what has changed behind its position. However slow it is, it
costs nothing but that number, and of each device it will see the newest only.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import msgspec

from devices.instants import to_iso
from devices.live import LiveDevice

Json = dict[str, Any]


class Shown(msgspec.Struct):
    """A device as it was published last, at position ``at``; each reading with the position of its last change."""

    device: LiveDevice
    at: int
    since: dict[str, int]
    head: Json  #: all of its JSON but the readings

    def after(self, position: int) -> Json:
        """The device for a reader that has seen all up to ``position``: of the readings those that changed since."""
        readings = self.device.readings
        return {**self.head, "readings": {name: readings[name] for name, at in self.since.items() if at > position}}


class Newest:
    """At most ``most`` devices; of those beyond, what changed longest ago is forgotten, and :attr:`floor` says so."""

    def __init__(self, most: int = 100_000) -> None:
        self.floor = 0  #: who has seen less than this cannot be told what is missing
        self._most = most
        self._shown: OrderedDict[str, Shown] = OrderedDict()  # what changed last stands last

    def __len__(self) -> int:
        return len(self._shown)

    def put(self, device: LiveDevice, at: int) -> bool:
        """Publish a state at position ``at``, greater than any before. False when there is nothing new in it."""
        known = self._shown.get(device.id)
        if known is not None and known.device == device:
            return False
        since = _since(known, device.readings, at)
        self._shown[device.id] = Shown(device, at, since, bare(device))
        self._shown.move_to_end(device.id)
        if len(self._shown) > self._most:
            _, forgotten = self._shown.popitem(last=False)
            self.floor = max(self.floor, forgotten.at)
        return True

    def after(self, position: int) -> list[Shown]:
        """What changed behind a position, in the order of the changes."""
        found = []
        for shown in reversed(self._shown.values()):
            if shown.at <= position:
                break
            found.append(shown)
        found.reverse()
        return found


def _since(known: Shown | None, readings: Mapping[str, float], at: int) -> dict[str, int]:
    if known is None:
        return dict.fromkeys(readings, at)
    before, since = known.device.readings, known.since
    return {name: since[name] if before.get(name) == value else at for name, value in readings.items()}


def bare(device: LiveDevice) -> Json:
    """A device as JSON, without its readings."""
    return {
        "id": device.id,
        "kind": device.kind,
        "name": device.name,
        "lat": None if device.lat is None else round(device.lat, 7),
        "lon": None if device.lon is None else round(device.lon, 7),
        "heading_deg": device.heading_deg,
        "speed_kmh": device.speed_kmh,
        "observed_at": None if device.observed_at is None else to_iso(device.observed_at),
        "received_at": None if device.received_at is None else to_iso(device.received_at),
        "online": device.online,
    }
