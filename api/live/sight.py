"""What a reader wants to see, and what it may see."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from api.live.newest import Shown
from api.live.ring import Entry, Item
from api.ports.people import AreaDirectory
from devices.access import Principal
from devices.live import LiveAlert, LiveDevice, LiveIncident

Visible = Callable[[str], bool]
Box = tuple[float, float, float, float]
"""West, south, east, north, in degrees of WGS-84; the west is never east of the east."""


async def visible_to(principal: Principal, areas: AreaDirectory) -> Visible | None:
    """Which devices somebody may see, by id; None for all.

    They are those that are in their areas now. A stream ends after a quarter of an hour and is begun anew, so what has
    driven out since is seen for so long at most. Raises TransientError.
    """
    if principal.areas is None:
        return None
    return (await areas.devices_in(principal.areas)).__contains__


class Sight(msgspec.Struct, frozen=True):
    """A reader's filters; empty ones let all through. Readers with equal sights share their bytes.

    ``types`` are of events (device, alert, order, incident). ``kinds`` and ``devices`` hold for alerts too, ``devices``
    also for the vehicle and the bin of an order and for what an incident is about. ``box`` is for states of devices
    alone. Somebody who is limited sees incidents of their ``areas``, and orders and incidents that they
    (``actor``) have entered.
    Who is not ``known`` sees no work orders and incidents, which name people.
    """

    kinds: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()
    box: Box | None = None
    visible: Visible | None = None
    areas: frozenset[str] | None = None
    actor: str = ""
    known: bool = True

    def wants(self, type_: str) -> bool:
        """Whether events of a type are wanted."""
        return not self.types or type_ in self.types

    def shows(self, device_id: str, kind: str | None = None) -> bool:
        """Whether a device is among those wanted and visible."""
        if self.devices and device_id not in self.devices:
            return False
        if self.kinds and kind is not None and kind not in self.kinds:
            return False
        return self.visible is None or self.visible(device_id)

    def items(self, entry: Entry) -> list[Item]:
        """What is to be seen of an entry."""
        if not self.wants(entry.type) or not (self.known or entry.type == "alert"):
            return []
        return [item for item in entry.items if self._shows_item(item)]

    def _shows_item(self, item: Item) -> bool:
        if isinstance(item, LiveAlert):
            return self.shows(item.device, item.device_kind)
        if isinstance(item, LiveIncident):
            within = self.areas is None or item.area in self.areas or item.entered_by == self.actor
            return within and (not self.devices or item.device in self.devices)
        if not self.devices and (self.visible is None or (self.actor and item.entered_by == self.actor)):
            return True  # whoever it is for: a crew, a worker, nobody yet
        return any(self.shows(device) for device in (item.vehicle, item.device) if device is not None)


class Inside:
    """Which devices a reader with a box has on its map, so that it is told of those that leave it, once."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._on_map: set[str] = set()

    def shows(self, shown: Shown) -> bool:
        """Whether the reader is to see this state: it is inside, or the reader's last one of this device was."""
        device = shown.device
        if _within(device, self._box):
            self._on_map.add(device.id)
            return True
        if device.id in self._on_map:
            self._on_map.discard(device.id)
            return True
        return False


def _within(device: LiveDevice, box: Box) -> bool:
    if device.lat is None or device.lon is None:
        return False
    west, south, east, north = box
    return south <= device.lat <= north and west <= device.lon <= east
