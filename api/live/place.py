"""Where a reader is in the stream: the id of its last event, as text that it hands back unread."""

from __future__ import annotations

import re

import msgspec

_TOKEN = re.compile(r"([0-9a-f]{8})-(\d{1,15})-(\d{1,15})")
MOST_CHARS = 48


class Place(msgspec.Struct, frozen=True):
    """How far a reader has come in the stream of the hub ``hub`` (drawn anew at each start).

    Alerts, work orders and incidents were sent up to ``events``, states of devices up to ``devices``: these are held
    back to be sent together, those are not.
    """

    hub: str
    events: int
    devices: int

    def __str__(self) -> str:
        return f"{self.hub}-{self.events}-{self.devices}"


def read_place(text: str) -> Place | None:
    """The place in ``text``; None for what no hub has written."""
    found = _TOKEN.fullmatch(text)
    return None if found is None else Place(found[1], int(found[2]), int(found[3]))
