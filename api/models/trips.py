"""Bodies of trips, stops and boards of the fleet."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.instants import SECOND, Instant
from fleet.trackers.records import LiveEntry, StopEntry, TripEntry
from fleet.trackers.work_state import GAP

StateName = Literal["no_data", "off", "idle", "transit", "working"]


class PlaceBody(BaseModel):
    """A point (WGS-84), and what is there: the id of a depot, tip, fuel station or stop of the route."""

    lat: float = Field(examples=[30.5698102])
    lon: float = Field(examples=[114.2861582])
    place: str | None = Field(examples=["depot-1"])


class TripBody(BaseModel):
    """A trip, in the device's time. It lasts while `ended_at` is null; its sums are told when it is over."""

    model_config = ConfigDict(from_attributes=True)

    started_at: Instant
    ended_at: Instant | None
    told_at: Instant | None = Field(description="The moment that decided the end.")
    ended: str | None = Field(
        description="standing, off (with the engine off), or gap: it was lost sight of.", examples=["off"]
    )
    origin: PlaceBody
    goal: PlaceBody | None
    driven_m: float = Field(examples=[13_835.6])
    work_m: float = Field(examples=[10_770.2])
    work_s: float
    transit_s: float
    idle_s: float
    off_s: float
    no_data_s: float = Field(description="Gaps of data, in which nobody knows what was done.")
    revised_at: Instant | None = Field(description="When data that came late changed it last, in the hub's time.")

    @classmethod
    def of(cls, entry: TripEntry) -> TripBody:
        """The body of an entry."""
        goal = None if entry.goal is None else _place(*entry.goal, entry.goal_place)
        own = {name: getattr(entry, name) for name in cls.model_fields if name not in ("origin", "goal")}
        return cls(origin=_place(*entry.origin, entry.origin_place), goal=goal, **own)


class StopBody(BaseModel):
    """A stop between two trips, in the device's time. It lasts while `ended_at` is null."""

    started_at: Instant
    ended_at: Instant | None
    told_at: Instant | None = Field(description="The moment that decided the end.")
    where: PlaceBody
    role: str | None = Field(description="depot, tip, fuel, water, rest, station; stop: one of the route.")
    idle_s: float = Field(description="Of it with the engine on and without work.")
    revised_at: Instant | None = Field(description="When data that came late changed it last, in the hub's time.")

    @classmethod
    def of(cls, entry: StopEntry) -> StopBody:
        """The body of an entry."""
        return cls(
            started_at=entry.started_at,
            ended_at=entry.ended_at,
            told_at=entry.told_at,
            where=_place(entry.lat, entry.lon, entry.place),
            role=entry.role or None,
            idle_s=entry.idle_s,
            revised_at=entry.revised_at,
        )


class NextStopBody(BaseModel):
    """The next stop of the route, how far it is along the route, and when it will be reached at the present pace."""

    stop: str = Field(examples=["bin-0042"])
    distance_m: float = Field(examples=[420.0])
    eta: Instant


class ProgressBody(BaseModel):
    """How far a plan has come, moment by moment: an approximation, which the report settles."""

    plan: str = Field(examples=["2026-11-24/r-12/vehicle-0001"])
    route: str = Field(examples=["r-12"])
    coverage_pct: float = Field(examples=[41.5])
    progress_m: float | None = Field(description="Where on the route it is; null before it came there.")
    length_m: float
    next_stop: NextStopBody | None


class LiveBody(BaseModel):
    """What a vehicle or worker is doing."""

    id: str = Field(examples=["vehicle-0001"])
    kind: str = Field(examples=["vehicle"])
    name: str
    at: Instant = Field(description="The newest moment that this shows, at most a minute of its time behind.")
    state: StateName = Field(description="Now: no_data where nothing was heard for five minutes.", examples=["working"])
    last_state: StateName = Field(description="As of `at`.")
    since: Instant = Field(description="When `last_state` began.")
    idle_s: float = Field(description="How long the engine has run idle, as of `at`.")
    trip_since: Instant | None
    trip_m: float = Field(description="Driven on the present trip.")
    stop_since: Instant | None
    progress: ProgressBody | None = Field(description="null where nothing is planned now.")

    @classmethod
    def of(cls, entry: LiveEntry, now: int) -> LiveBody:
        """The body of an entry, now (µs)."""
        name = _STATES[entry.work_state]
        return cls(
            id=entry.id,
            kind=entry.kind,
            name=entry.name,
            at=entry.at,
            state=name if now - entry.at <= GAP + 60 * SECOND else "no_data",
            last_state=name,
            since=entry.since,
            idle_s=entry.idle_s,
            trip_since=entry.trip_at,
            trip_m=entry.trip_m,
            stop_since=entry.stop_at,
            progress=_progress(entry),
        )


_STATES: tuple[StateName, ...] = ("no_data", "off", "idle", "transit", "working")


def _place(lat: float, lon: float, place: str) -> PlaceBody:
    return PlaceBody(lat=lat, lon=lon, place=place or None)


def _progress(entry: LiveEntry) -> ProgressBody | None:
    if entry.plan is None or entry.route is None:
        return None
    following = None
    if entry.next_stop is not None and entry.eta is not None:
        following = NextStopBody(stop=entry.next_stop, distance_m=entry.next_m or 0.0, eta=entry.eta)
    return ProgressBody(
        plan=entry.plan,
        route=entry.route,
        coverage_pct=entry.coverage_pct or 0.0,
        progress_m=entry.progress_m,
        length_m=entry.length_m or 0.0,
        next_stop=following,
    )
