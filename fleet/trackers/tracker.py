"""The tracker: all steps of a device joined, from one moment to the next.

The derived records of a device are a function of its moments and of what is planned for it. Each is made at the moment
that decides it and bears that moment's instant, so that it is never older than what was told before, however long
ago the trip began that it tells of.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fleet.master.route import Route
from fleet.trackers.arrival import Arrival, next_stop
from fleet.trackers.course import Courses
from fleet.trackers.movement import Move, Place, move
from fleet.trackers.ports import Moment, PlanBook, Task
from fleet.trackers.progress import Progress, begin, coverage_pct, go_on
from fleet.trackers.spots import Spot, halt_attributes, spot, trip_attributes
from fleet.trackers.trips import Halt, Journey, Limits, Told, Trip, step
from fleet.trackers.work_state import SECOND, Doing, Signals, engine, hold, note, of_vehicle, of_worker

LONG_AGO = -(2**63)
KINDS = frozenset(("vehicle", "worker"))
METRICS = ("work_state", "idle_s", "data_gap_s", "coverage_pct", "progress_m")
EVENTS = ("trip", "stop")


class State(msgspec.Struct, gc=False):
    """How far a device has been tracked: up to ``at`` (µs).

    ``origin`` is what is where the present trip began, ``where`` what is where the present stop is: named once.
    """

    at: int = LONG_AGO
    signals: Signals = msgspec.field(default_factory=Signals)
    place: Place = msgspec.field(default_factory=Place)
    journey: Journey = msgspec.field(default_factory=Journey)
    progress: Progress | None = None
    origin: Spot = Spot()
    where: Spot = Spot()

    def copy(self) -> State:
        """One that can be advanced without touching this one."""
        progress = None if self.progress is None else self.progress.copy()
        return State(
            *(self.at, self.signals.copy(), self.place.copy(), self.journey.copy(), progress, self.origin, self.where)
        )


class Derived(msgspec.Struct, gc=False):
    """What a moment ``at`` (µs) decided: readings by metric, trips and stops in their new form with their places."""

    at: int
    readings: dict[str, float]
    trips: list[tuple[Trip, Spot, Spot]] = []
    halts: list[tuple[Halt, Spot]] = []

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """The events: each trip and each stop that ended."""
        trips = [("trip", trip_attributes(*one)) for one in self.trips if one[0].end is not None]
        return trips + [("stop", halt_attributes(*one)) for one in self.halts if one[0].end is not None]


class Live(msgspec.Struct, frozen=True):
    """What a board shows of a device, as of its newest moment ``at`` (µs)."""

    at: int
    doing: int
    since: int
    idle_s: float
    trip: int | None
    trip_m: float
    halt: int | None
    plan: str | None = None
    route: str | None = None
    coverage_pct: float | None = None
    progress_m: float | None = None
    length_m: float | None = None
    arrival: Arrival | None = None


class Tracker:
    """The steps, over a book of plans. Keeps no device: their states are handed in."""

    def __init__(self, book: PlanBook, limits: Limits | None = None) -> None:
        self.book = book
        self._limits = limits or Limits()
        self._courses = Courses()

    def advance(self, state: State, device: str, kind: str, moment: Moment) -> Derived | None:
        """Take ``state`` on to a moment newer than it; what that decided, if anything."""
        at = moment.at
        gap = at - state.at if state.at > LONG_AGO else 0
        task = self.book.task(device, at)
        route = None if task is None else task.route
        signals = state.signals
        did = signals.doing
        told_kmh = hold(signals, moment, gap)
        moved = move(state.place, at, moment.position, told_kmh)
        if moved is not None and moved.kmh is not None:
            signals.kmh = moved.kmh
        elif told_kmh is not None:
            signals.kmh = told_kmh
        derived = Derived(at, {})
        if kind == "vehicle":
            doing = of_vehicle(signals, signals.kmh, route)
            told = step(state.journey, at, gap, did, moved, engine(signals), self._limits)
            self._name(state, derived, told, route)
        else:
            doing = of_worker(signals, task)
        note(signals, doing, at, gap, kind == "vehicle", derived.readings)
        self._progress(state, at, task, moved, did, derived.readings)
        state.at = at
        return derived if derived.readings or derived.trips or derived.halts else None

    def lasting(self, state: State) -> Derived:
        """The trip or stop that lasts, in the form in which it was told when it began."""
        journey = state.journey
        trips = [(Trip(journey.trip, journey.origin), state.origin, Spot())] if journey.trip >= 0 else []
        halts = [(Halt(journey.halt, *journey.at), state.where)] if journey.halt >= 0 else []
        return Derived(state.at, {}, trips, halts)

    def live(self, state: State, device: str) -> Live:
        """What a board shows of a device."""
        signals, journey, progress = state.signals, state.journey, state.progress
        idle_s = (state.at - signals.since) / SECOND if signals.doing == Doing.IDLE else 0.0
        shown = Live(
            *(state.at, max(0, signals.doing), signals.since, idle_s),
            trip=journey.trip if journey.trip >= 0 else None,
            trip_m=round(journey.sums.driven_m, 1) if journey.trip >= 0 else 0.0,
            halt=journey.halt if journey.halt >= 0 else None,
        )
        task = self.book.task(device, state.at)
        if progress is None or task is None or task.route is None or progress.plan != task.plan:
            return shown
        course = self._courses.of(task.route)
        return msgspec.structs.replace(
            shown,
            plan=progress.plan,
            route=task.route.id,
            coverage_pct=coverage_pct(progress, course),
            progress_m=round(progress.along_m, 1) if progress.along_m >= 0 else None,
            length_m=round(course.length_m, 1),
            arrival=next_stop(course, progress, state.at),
        )

    def _name(self, state: State, derived: Derived, told: Told | None, route: Route | None) -> None:
        if told is None:
            return
        sites = self.book.places()
        for trip in told.trips:
            if trip.end is None or trip.goal is None:
                state.origin, goal = spot(*trip.origin, sites, route), Spot()
            else:
                goal = spot(*trip.goal, sites, route)
            derived.trips = [*derived.trips, (trip, state.origin, goal)]
        for halt in told.halts:
            if halt.end is None:
                state.where = spot(halt.lat, halt.lon, sites, route)
            derived.halts = [*derived.halts, (halt, state.where)]

    def _progress(
        self, state: State, at: int, task: Task | None, moved: Move | None, did: int, derived: dict[str, float]
    ) -> None:
        if task is None or task.route is None:
            state.progress = None
            return
        progress = state.progress
        if progress is None or progress.plan != task.plan:
            progress = state.progress = begin(task.plan)
        if moved is None:
            return
        course = self._courses.of(task.route)
        go_on(progress, course, at, moved, did == Doing.WORKING, derived)
