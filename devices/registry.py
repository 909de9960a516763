"""The registry: which device goes by which identity, and what happens to one that nobody knows.

The registry is a view in memory of what the store holds; the pipeline asks the store for what is missing here.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from devices.vocabulary import Device, Identity


class UnknownPolicy(Enum):
    """What to do with the telemetry of a device that is not registered.

    REGISTER: enter it as ``pending`` and keep its telemetry, up to a limit of pending devices, then quarantine.
    QUARANTINE: keep the bytes in dead letters; they can be replayed once the device is registered.
    REJECT: note the fact in dead letters without the bytes; nothing can be replayed.
    """

    REGISTER = "register"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class Registry:
    """Devices by identity. ``pending`` counts devices that registered themselves and await a decision."""

    def __init__(self, entries: Iterable[tuple[Identity, Device]] = ()) -> None:
        self._by_identity: dict[Identity, Device] = {}
        self._by_key: dict[int, Device] = {}
        for identity, device in entries:
            self.add(identity, device)

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def pending(self) -> int:
        """How many devices registered themselves and await a decision."""
        return sum(device.status == "pending" for device in self._by_key.values())

    def add(self, identity: Identity, device: Device) -> Device:
        """Enter a device under an identity. A device that is known keeps its object, brought up to date."""
        known = self._by_key.get(device.key)
        if known is None:
            known = self._by_key[device.key] = device
        elif known is not device:
            known.id, known.kind, known.status = device.id, device.kind, device.status
            known.name, known.attributes = device.name, device.attributes
        self._by_identity[identity] = known
        return known

    def find(self, identity: Identity) -> Device | None:
        """The device that goes by ``identity``, or None."""
        return self._by_identity.get(identity)

    def by_key(self, key: int) -> Device | None:
        """The device with the store's number ``key``, or None."""
        return self._by_key.get(key)

    def devices(self) -> list[Device]:
        """All devices, in the order in which they became known."""
        return list(self._by_key.values())
