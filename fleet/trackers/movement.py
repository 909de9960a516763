"""Whether a vehicle moves or stands, and how far it came: from one position to the next.

What a receiver says of its speed counts first; without it the way between two positions does. A position that could
only be reached faster than anybody drives is a jump of the receiver and is left out, unless it stays there.
"""

from __future__ import annotations

import msgspec

from devices.vocabulary import Position
from fleet.trackers.ground import metres
from fleet.trackers.work_state import GAP, MOVING_KMH, SECOND

FASTEST_KMH = 180.0
JUMPS = 2  #: positions in a row that are left out as jumps, before they are believed
NEAR_M = 200.0  #: over a gap: it stood meanwhile, where it is so near and came so slowly


class Place(msgspec.Struct, array_like=True, gc=False):
    """The last position that was believed, and when (µs); ``jumps`` that were not since."""

    lat: float = 0.0
    lon: float = 0.0
    at: int = -1
    jumps: int = 0

    def copy(self) -> Place:
        """One to change without touching this one."""
        return Place(self.lat, self.lon, self.at, self.jumps)


class Move(msgspec.Struct, frozen=True, gc=False):
    """To a place ``lat``, ``lon`` from the one that was believed last, ``since`` (µs; -1: there was none).

    ``kmh`` is the speed now, by the receiver (then ``told``) or by the way. ``stood``: it did not leave its place
    meanwhile, as far as that can be known; ``gap``: nobody saw what happened meanwhile.
    """

    lat: float
    lon: float
    since: int
    metres: float
    kmh: float | None
    told: bool
    stood: bool
    gap: bool = False


def move(place: Place, at: int, position: Position | None, told_kmh: float | None) -> Move | None:
    """Go on to a moment; None where it does not tell where it is, or only a place that cannot be."""
    told = told_kmh is not None
    slow = told_kmh is None or told_kmh < MOVING_KMH
    if position is None:
        if not told or place.at < 0:
            return None
        return Move(place.lat, place.lon, place.at, 0.0, told_kmh, True, slow, at - place.at > GAP)
    since = place.at
    if since < 0:
        place.lat, place.lon, place.at = position.lat, position.lon, at
        return Move(position.lat, position.lon, -1, 0.0, told_kmh, told, slow)
    far = metres(place.lat, place.lon, position.lat, position.lon)
    span = at - since
    implied = far / (span / SECOND) * 3.6
    if implied > FASTEST_KMH and place.jumps < JUMPS:
        place.jumps += 1
        return None
    place.lat, place.lon, place.at, place.jumps = position.lat, position.lon, at, 0
    gap = span > GAP
    stood = implied < MOVING_KMH and far <= NEAR_M if gap or not told else slow
    return Move(position.lat, position.lon, since, far, told_kmh if told else implied, told, stood, gap)
