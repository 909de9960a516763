"""What boards and the API read of the trackers' work."""

from __future__ import annotations

import msgspec

from fleet.trackers.work_state import Doing


class TripEntry(msgspec.Struct, frozen=True):
    """A trip as it is known now; instants in µs, metres, seconds. It lasts while ``ended_at`` is None.

    ``told_at`` is the moment that decided the end, ``ended`` why: standing, off (with the engine off), gap (it was
    lost sight of). ``origin`` and ``goal`` are places (latitude, longitude) with the id of what is there, if anything.
    """

    started_at: int
    ended_at: int | None
    told_at: int | None
    ended: str | None
    origin: tuple[float, float]
    origin_place: str
    goal: tuple[float, float] | None
    goal_place: str
    driven_m: float
    work_m: float
    work_s: float
    transit_s: float
    idle_s: float
    off_s: float
    no_data_s: float
    revised_at: int | None


class StopEntry(msgspec.Struct, frozen=True):
    """A stop as it is known now. ``place`` and ``role`` name what is there; ``idle_s`` with the engine on."""

    started_at: int
    ended_at: int | None
    told_at: int | None
    lat: float
    lon: float
    place: str
    role: str
    idle_s: float
    revised_at: int | None


class LiveEntry(msgspec.Struct, frozen=True):
    """What a device is doing, as of its newest moment ``at`` that was shown (µs); ``since`` when it does so.

    ``trip_at`` and ``stop_at`` are when the trip or stop that lasts began. Plan, route, coverage, progress along the
    route and its length, the next stop, how far it is and when it will be reached are None where nothing is planned.
    """

    id: str
    kind: str
    name: str
    at: int
    work_state: Doing
    since: int
    idle_s: float
    trip_at: int | None = None
    trip_m: float = 0.0
    stop_at: int | None = None
    plan: str | None = None
    route: str | None = None
    coverage_pct: float | None = None
    progress_m: float | None = None
    length_m: float | None = None
    next_stop: str | None = None
    next_m: float | None = None
    eta: int | None = None
