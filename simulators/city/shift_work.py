"""What a vehicle does all day: out of the depot, rounds of work with their incidents, tip, fuel, and home again."""

from __future__ import annotations

from collections.abc import Iterator

from simulators.city.bins import Bin
from simulators.city.chance import next_after
from simulators.city.driving import Driver
from simulators.city.duty import RoundWatch
from simulators.city.excursion import Excursion, SpeedWatch
from simulators.city.fleet_types import FILLING, LIFTING, WORKING
from simulators.city.local_time import MINUTE, LocalTime, Shift, shift_at
from simulators.city.motion import KMH, OFF, Phase
from simulators.city.observation import SECOND
from simulators.city.plan import VehiclePlan
from simulators.city.settings import Incidents
from simulators.city.streets import Arc, Streets
from simulators.city.vehicle import HOPPER_KG, Vehicle
from simulators.truth import Episode, TruthLog

BinsByArc = dict[tuple[int, int], list[tuple[float, Bin]]]
"""(edge, tail) of an arc to the bins at its right-hand side, in the order of driving, with metres along it."""

COLLECT_PCT = 55.0  # a crew that finds a bin emptier than about this leaves it for the next round
SAME_STOP_M = 4.0
CLEAR_M = 10.0  # no bin stands nearer to a crossing than this and a little
OFF_ROUTE_M = 50.0
WIND_DOWN_US = 25 * MINUTE  # before the end of a shift, when a round is broken off


class ShiftWork:
    """The script of one vehicle, as an endless run of phases (:meth:`phases`)."""

    def __init__(
        self,
        vehicle: Vehicle,
        plan: VehiclePlan,
        streets: Streets,
        bins: BinsByArc,
        incidents: Incidents,
        clock: LocalTime,
        truth: TruthLog,
    ) -> None:
        self._v, self._plan, self._streets, self._bins = vehicle, plan, streets, bins
        self._incidents, self._clock, self._truth = incidents, clock, truth
        self._rng = vehicle.rng
        self._driver = Driver(vehicle.type, streets, self._rng)
        self._signals = WORKING[vehicle.type.name]
        self._truck = vehicle.type.name == "refuse_truck"
        now = vehicle.now
        self._next_idle = next_after(self._rng, now, incidents.idle)
        self._next_deviation = next_after(self._rng, now, incidents.deviation)
        self._next_speeding = next_after(self._rng, now, incidents.speeding)

    def phases(self) -> Iterator[Phase]:
        """The vehicle's life from its present instant on. Mid-shift it starts somewhere on its round."""
        plan = self._plan
        fresh = True
        while True:
            shift = shift_at(self._clock, self._v.now, plan.windows)
            late = self._rng.randrange(0, 900) * SECOND
            first = 0
            if fresh and self._v.now > shift.begin:
                first = self._rng.randrange(len(plan.round))
                duty = self._begin_duty(shift)
            else:
                yield self._parked(shift.begin + late)
                yield self._warm_up()
                duty = self._begin_duty(shift)
                yield from self._leave_depot()
            fresh = False
            yield from self._shift(shift, first)
            yield from self._transit(self._streets.path(plan.start, plan.depot), end=plan.parking_m)
            self._truth.end(duty, self._v.now)
            yield self._parked(shift.end)

    def _begin_duty(self, shift: Shift) -> Episode:
        """From here on the vehicle is out, until it is back in the yard."""
        return self._truth.begin("shift", self._v.id, self._v.now, planned_us=[shift.begin, shift.end])

    def _watched(self, first: int) -> RoundWatch:
        return RoundWatch(self._truth, self._v.id, self._plan.round, first, self._v.type.work_limit_kmh)

    def _parked(self, until: int) -> Phase:
        seconds = max(1.0, (until - self._v.now) / SECOND)
        return Phase(self._plan.yard, self._plan.parking_m, seconds=seconds, signals=OFF, notify=True)

    def _warm_up(self) -> Phase:
        return Phase(self._plan.yard, self._plan.parking_m, seconds=self._rng.uniform(60, 140))

    def _leave_depot(self) -> Iterator[Phase]:
        plan = self._plan
        way = self._streets.path(plan.depot, plan.start)
        yield from self._transit(way, begin=plan.yard.length - plan.parking_m)

    def _shift(self, shift: Shift, first: int) -> Iterator[Phase]:
        """Rounds until too little of the shift is left for another; between two, the vehicle rests with engine off."""
        plan, vehicle = self._plan, self._v
        while True:
            began = vehicle.now
            self._on_round = self._watched(first)
            yield from self._round(plan.round[first:], shift)
            self._on_round.close(vehicle.now)
            first = 0
            closing = vehicle.now > shift.end - 60 * MINUTE
            if vehicle.load_kg > (0.0 if closing else 0.2 * HOPPER_KG):
                yield from self._errand(plan.tip, self._unload())
            if vehicle.fuel_l < 0.25 * vehicle.type.tank_l:
                yield from self._errand(plan.fuel, self._refuel())
            again = max(began + vehicle.type.round_minutes * MINUTE, vehicle.now + 6 * MINUTE)
            if again > shift.end - 2 * WIND_DOWN_US:
                return
            seconds = (again - vehicle.now) / SECOND
            yield Phase(plan.round[0], 0.0, seconds=seconds, signals=OFF, notify=True)

    def _round(self, arcs: tuple[Arc, ...], shift: Shift) -> Iterator[Phase]:
        """Work along ``arcs``. What happens at the far end of an arc is known before, so that it can be braked for."""
        watch: SpeedWatch | None = None
        hurried = 0
        for arc, following in zip(arcs, (*arcs[1:], None), strict=True):
            if watch is None and self._driver.speed == 0 and self._v.now >= self._next_speeding:
                self._next_speeding = next_after(self._rng, self._v.now, self._incidents.speeding)
                watch = SpeedWatch(self._truth, self._v.id, self._v.type.work_limit_kmh)
                hurried = self._rng.randint(4, 8)
                self._driver.hurry = self._rng.uniform(2.0, 2.7)
            hurried -= 1
            calming = watch is not None and hurried <= 0
            pause = None if watch is not None else self._at_end_of(arc, shift)
            after = None if calming or pause is not None else following
            self._on_round.onward(self._v.now)
            for phase in self._work(arc, after, watch is not None):
                yield phase
                self._on_round.see(phase)
                if watch is not None:
                    watch.see(phase)
            if watch is not None and (calming or after is None):
                watch.close()
                watch, self._driver.hurry = None, 1.0
            if pause is not None:
                yield from pause
            if following is not None and self._v.now >= shift.end - WIND_DOWN_US and self._driver.speed == 0:
                yield from self._transit(self._streets.path(arc.head, self._plan.start))
                break

    def _work(self, arc: Arc, after: Arc | None, hurried: bool) -> Iterator[Phase]:
        """One arc of the round with the stops at its bins; in a hurry a crew drives past them."""
        kmh = self._v.type.work_kmh * self._rng.uniform(0.88, 1.02)
        driver, place = self._driver, 0.0
        if self._truck and not hurried:
            for along, container in self._bins.get((arc.edge, arc.tail), ()):
                if not self._collects(container):
                    continue
                if along - place > SAME_STOP_M:
                    yield from driver.stretch(arc, place, along, 0.0, kmh * KMH, self._signals)
                    place = along
                yield self._lift(arc, place, container)
        clear = CLEAR_M if self._truck else after.length if after is not None else 0.0
        yield from driver.arc(arc, place, arc.length, after, kmh, self._signals, clear)

    def _collects(self, container: Bin) -> bool:
        level = container.level(self._v.now)
        if level < COLLECT_PCT + self._rng.uniform(-8, 8):
            return False
        if self._rng.random() < self._incidents.missed_stop:
            self._truth.point("missed_stop", self._v.id, self._v.now, bin=container.id, fill_pct=round(level, 1))
            self._on_round.stop("missed", container.id, self._v.now)
            return False
        return True

    def _lift(self, arc: Arc, along: float, container: Bin) -> Phase:
        def emptied(at: int) -> None:
            self._v.lifts += 1
            self._v.load_kg += container.empty(at, self._v.id)
            self._on_round.stop("served", container.id, at)

        return Phase(arc, along, seconds=self._rng.uniform(22, 45), signals=LIFTING, notify=True, on_end=emptied)

    def _at_end_of(self, arc: Arc, shift: Shift) -> Iterator[Phase] | None:
        """What happens at the far end of ``arc`` and needs a halt: a detour, an idle spell, water, a short wait."""
        now, rng = self._v.now, self._rng
        if now >= shift.end - WIND_DOWN_US:
            return iter(())
        if now >= self._next_deviation and self._plan.detours:
            self._next_deviation = next_after(rng, now, self._incidents.deviation)
            return self._deviate(arc.head)
        if now >= self._next_idle:
            self._next_idle = next_after(rng, now, self._incidents.idle)
            return self._idle(arc)
        if not self._truck and self._v.water_pct < 6:
            return self._fill_water(arc)
        if rng.random() < 0.03:
            # Well under any idling threshold: a word with the crew, people crossing.
            return iter((Phase(arc, arc.length, seconds=rng.uniform(20, 110)),))
        return None

    def _fill_water(self, arc: Arc) -> Iterator[Phase]:
        yield Phase(arc, arc.length, seconds=self._rng.uniform(240, 420), signals=FILLING, notify=True)
        self._v.water_pct = 100.0

    def _idle(self, arc: Arc) -> Iterator[Phase]:
        episode = self._truth.begin("idle", self._v.id, self._v.now, edge=arc.edge)
        phase = Phase(arc, arc.length, seconds=self._rng.uniform(6, 24) * 60, notify=True)
        yield phase
        self._truth.end(episode, phase.end)

    def _deviate(self, here: int) -> Iterator[Phase]:
        """Leave the corridor for some other crossing, stand there a little, and come back to the same place."""
        goal = self._rng.choice(self._plan.detours)
        there, back = self._streets.path(here, goal), self._streets.path(goal, here)
        excursion = Excursion(self._truth, "deviation", self._v.id, self._plan.corridor, OFF_ROUTE_M)
        for phase in self._driver.way(there):
            yield phase
            excursion.see(phase)
        stay = Phase(there[-1], there[-1].length, seconds=self._rng.uniform(40, 150))
        yield stay
        excursion.see(stay)
        for phase in self._driver.way(back):
            yield phase
            excursion.see(phase)
        excursion.close()

    def _errand(self, place: int, doing: tuple[Phase, ...]) -> Iterator[Phase]:
        yield from self._transit(self._streets.path(self._plan.start, place))
        yield from doing
        yield from self._transit(self._streets.path(place, self._plan.start))

    def _unload(self) -> tuple[Phase, ...]:
        arc = self._streets.path(self._plan.start, self._plan.tip)[-1]

        def empty(_: int) -> None:
            self._v.load_kg = 0.0

        queue = Phase(arc, arc.length, seconds=self._rng.uniform(60, 400), signals=OFF, notify=True)
        tipping = self._rng.uniform(150, 260)
        return queue, Phase(arc, arc.length, seconds=tipping, signals=self._signals, notify=True, on_end=empty)

    def _refuel(self) -> tuple[Phase, ...]:
        arc = self._streets.path(self._plan.start, self._plan.fuel)[-1]

        def fill(_: int) -> None:
            self._v.fuel_l = self._v.type.tank_l * 0.98

        return (Phase(arc, arc.length, seconds=self._rng.uniform(240, 420), signals=OFF, notify=True, on_end=fill),)

    def _transit(self, way: tuple[Arc, ...], begin: float = 0.0, end: float | None = None) -> Iterator[Phase]:
        """Drive ``way`` without work; now and then too fast."""
        if not way:
            return
        if self._v.now < self._next_speeding or len(way) < 5:
            yield from self._driver.way(way, begin, end)
            return
        self._next_speeding = next_after(self._rng, self._v.now, self._incidents.speeding)
        self._driver.hurry = self._rng.uniform(1.5, 1.9)
        watch = SpeedWatch(self._truth, self._v.id, None)
        for phase in self._driver.way(way, begin, end):
            yield phase
            watch.see(phase)
        watch.close()
        self._driver.hurry = 1.0
