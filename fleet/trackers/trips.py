"""Trips and stops of a vehicle, moment by moment.

A trip begins with the last moment at the old place, once the vehicle is known to have left it; it ends with the first
moment at which it stood, once it has stood for some minutes, or for fewer with the engine off. Between two trips is a
stop. Both are told at the moment that decides them, which is never earlier than anything told before.

Real vehicles fall silent where they park: a gap behind which one is found where it was is part of the stop. A gap
behind which it is somewhere else belongs to the trip when it is short, and ends it when it is not.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fleet.trackers.ground import metres
from fleet.trackers.movement import Move
from fleet.trackers.work_state import GAP, SECOND, Doing

Ended = Literal["standing", "off", "gap"]


class Limits(msgspec.Struct, frozen=True):
    """When a trip begins and ends: seconds and metres.

    Gone is who is seen ``leave_m`` away twice in a row, or driving ``start_m`` away. ``cut_s`` is the longest gap that
    a trip goes on over. ``count_m`` is the least way that is counted: what is less is noise of the receiver.
    """

    standing_s: float = 300
    off_s: float = 180
    leave_m: float = 60
    start_m: float = 25
    cut_s: float = 900
    count_m: float = 10


class Sums(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Metres and seconds by what was done meanwhile."""

    driven_m: float = 0.0
    work_m: float = 0.0
    work_s: float = 0.0
    transit_s: float = 0.0
    idle_s: float = 0.0
    off_s: float = 0.0
    no_data_s: float = 0.0


class Trip(msgspec.Struct, frozen=True):
    """From ``start`` to ``end`` (µs; None while it lasts), and what was done meanwhile.

    ``told_at`` is the moment that decided its end. ``origin`` and ``goal`` are (lat, lon).
    """

    start: int
    origin: tuple[float, float]
    end: int | None = None
    goal: tuple[float, float] | None = None
    told_at: int | None = None
    ended: Ended | None = None
    sums: Sums = Sums()


class Halt(msgspec.Struct, frozen=True):
    """A stop from ``start`` to ``end`` (µs; None while it lasts) at a point; ``idle_s`` with the engine on."""

    start: int
    lat: float
    lon: float
    end: int | None = None
    told_at: int | None = None
    idle_s: float = 0.0


class Journey(msgspec.Struct, array_like=True, gc=False):
    """Where a vehicle is in its sequence of trips and stops.

    ``trip`` is when the present trip began, ``halt`` when the present stop did (µs, -1: there is none). ``still`` is
    since when it has stood (µs, -1: it moves), at ``lat``, ``lon``; ``left`` the last moment at which it was there.
    ``sums`` run since the trip's beginning, or since ``left``; ``mark`` is what they were at ``still``. ``idle_s`` is
    that of the present stop, which is ``at``; ``seen`` is where the vehicle was seen last.
    """

    trip: int = -1
    origin: tuple[float, float] = (0.0, 0.0)
    halt: int = -1
    still: int = -1
    lat: float = 0.0
    lon: float = 0.0
    left: int = -1
    away: int = 0
    owed_m: float = 0.0
    sums: Sums = Sums()
    mark: Sums = Sums()
    idle_s: float = 0.0
    seen: tuple[float, float] = (0.0, 0.0)
    at: tuple[float, float] = (0.0, 0.0)

    def copy(self) -> Journey:
        """One to change without touching this one."""
        return Journey(
            *(self.trip, self.origin, self.halt, self.still, self.lat, self.lon, self.left, self.away, self.owed_m),
            *(self.sums, self.mark, self.idle_s, self.seen, self.at),
        )


class Told(msgspec.Struct, gc=False):
    """What a moment decided: trips and stops that began or ended, in their new form."""

    trips: list[Trip] = []
    halts: list[Halt] = []


def step(
    journey: Journey, at: int, passed: int, did: int, move: Move | None, running: bool | None, limits: Limits
) -> Told | None:
    """Go on to a moment ``at``, ``passed`` µs after the last, since which the vehicle did ``did``.

    ``move`` is where it came, ``running`` whether its engine is on now (None: not known).
    """
    earlier = journey.sums
    if move is None:
        _add_time(journey, did, passed)
        return None
    if journey.still < 0 and journey.trip < 0:  # the first that is known of it
        _anew(journey, at, move)
        return None
    if not move.stood and move.since >= 0 and at - move.since > limits.cut_s * SECOND:
        told = _lose(journey, at, move)
    else:
        _add_time(journey, did, passed)
        _add_way(journey, move, did == Doing.WORKING, limits)
        if journey.trip < 0:
            told = _at_rest(journey, at, move, running, limits)
        else:
            told = _under_way(journey, at, move, running, earlier, limits)
    journey.seen = move.lat, move.lon
    return told


def _add_time(journey: Journey, did: int, passed: int) -> None:
    """Give the time since the last moment to what was done then; a gap is nobody's."""
    seconds = passed / SECOND
    s = journey.sums
    work, transit, idle, off, none = s.work_s, s.transit_s, s.idle_s, s.off_s, s.no_data_s
    if passed > GAP or did <= Doing.NO_DATA:
        none += seconds
    elif did == Doing.WORKING:
        work += seconds
    elif did == Doing.TRANSIT:
        transit += seconds
    elif did == Doing.IDLE:
        idle += seconds
        if journey.trip < 0:
            journey.idle_s += seconds
    else:
        off += seconds
    journey.sums = Sums(s.driven_m, s.work_m, work, transit, idle, off, none)


def _add_way(journey: Journey, move: Move, working: bool, limits: Limits) -> None:
    """Count the way, once it is more than the noise of a receiver."""
    journey.owed_m += move.metres
    if move.stood and move.metres <= limits.leave_m and (journey.still >= 0 or journey.trip < 0):
        journey.owed_m = 0.0
    elif journey.owed_m >= limits.count_m:
        s, way = journey.sums, journey.owed_m
        work_m = s.work_m + (way if working else 0.0)
        journey.sums = Sums(s.driven_m + way, work_m, s.work_s, s.transit_s, s.idle_s, s.off_s, s.no_data_s)
        journey.owed_m = 0.0


def _at_rest(journey: Journey, at: int, move: Move, running: bool | None, limits: Limits) -> Told | None:
    far = metres(journey.lat, journey.lon, move.lat, move.lon)
    off = running is False
    driving = move.told and not move.stood and far > limits.start_m and not off
    if far <= limits.leave_m * (3 if off else 1) and not driving:
        journey.left, journey.away, journey.sums = at, 0, Sums()
        return _begin_halt(journey, at, limits)
    if move.stood and move.gap:  # silent, and found a little away: receivers wake up beside where they fell asleep
        journey.lat, journey.lon = move.lat, move.lon
        journey.left, journey.away, journey.sums = at, 0, Sums()
        return _begin_halt(journey, at, limits)
    journey.away += 1
    if not driving and journey.away < 2:
        return None
    halts = _end_halt(journey, at)
    journey.trip, journey.origin = journey.left, (journey.lat, journey.lon)
    journey.still, journey.away = -1, 0
    return Told([Trip(journey.trip, journey.origin)], halts)


def _begin_halt(journey: Journey, at: int, limits: Limits) -> Told | None:
    """A stop that no trip led to counts once it has lasted."""
    if journey.halt >= 0 or at - journey.still < limits.standing_s * SECOND:
        return None
    journey.halt, journey.at = journey.still, (journey.lat, journey.lon)
    return Told(halts=[Halt(journey.halt, *journey.at)])


def _end_halt(journey: Journey, at: int) -> list[Halt]:
    """The stop is over since ``left``."""
    start, journey.halt = journey.halt, -1
    idle_s, journey.idle_s = round(journey.idle_s, 3), 0.0
    return [] if start < 0 else [Halt(start, *journey.at, journey.left, at, idle_s)]


def _under_way(
    journey: Journey, at: int, move: Move, running: bool | None, earlier: Sums, limits: Limits
) -> Told | None:
    if not move.stood:
        journey.still = -1
        return None
    here = move.lat, move.lon
    if journey.still < 0:
        if move.since >= 0 and (move.gap or not move.told):  # it is the way that tells: it stood there already
            _stand(journey, move.since, here, earlier)
        else:
            _stand(journey, at, here, journey.sums)
    elif not move.gap and metres(journey.lat, journey.lon, *here) > limits.leave_m:
        _stand(journey, at, here, journey.sums)  # it creeps
    stood = at - journey.still
    off = running is False and stood >= limits.off_s * SECOND
    if not off and stood < limits.standing_s * SECOND:
        return None
    place = journey.lat, journey.lon
    trip = _end_trip(journey, at, journey.still, "off" if off else "standing", journey.mark)
    journey.idle_s = journey.sums.idle_s - journey.mark.idle_s
    journey.halt, journey.left, journey.away, journey.sums = journey.still, at, 0, Sums()
    journey.at = place
    return Told([trip], [Halt(journey.halt, *place)])


def _lose(journey: Journey, at: int, move: Move) -> Told | None:
    """It was lost sight of for long and is somewhere else: what lasted ends where it was seen last."""
    told: Told | None = None
    if journey.trip >= 0:
        stood = journey.still >= 0
        end, sums = (journey.still, journey.mark) if stood else (move.since, journey.sums)
        told = Told([_end_trip(journey, at, end, "gap", sums)])
    elif halts := _end_halt(journey, at):
        told = Told(halts=halts)
    _anew(journey, at, move)
    return told


def _end_trip(journey: Journey, at: int, end: int, ended: Ended, sums: Sums) -> Trip:
    goal = (journey.lat, journey.lon) if journey.still >= 0 else journey.seen
    start, journey.trip = journey.trip, -1
    rounded = Sums(*(round(value, 3) for value in msgspec.structs.astuple(sums)))
    return Trip(start, journey.origin, end, goal, at, ended, rounded)


def _anew(journey: Journey, at: int, move: Move) -> None:
    journey.halt, journey.left, journey.away, journey.idle_s, journey.owed_m = -1, at, 0, 0.0, 0.0
    journey.sums = Sums()
    _stand(journey, at, (move.lat, move.lon), journey.sums)


def _stand(journey: Journey, since: int, here: tuple[float, float], sums: Sums) -> None:
    journey.still, journey.lat, journey.lon, journey.mark = since, *here, sums
