"""The timetable of one truck: what it can still do, and when. Every planner lets its tours be timed by this.

A truck goes to the tip when the next bin would not go in, and at the end. A stop is taken on only if afterwards the
truck can still tip, take the breaks that fall due, and be back before its shift ends.
"""

from __future__ import annotations

import copy

from fleet.master.places import Place
from fleet.planning.problem import Break, Problem, Tip, Tour, Travel, Truck, Visit, VisitKind, site_of

SECOND = 1_000_000
_SLACK = 1e-6


class Timetable:
    """A truck on its way. ``now`` is when it is free, ``here`` the number of the site where it stands."""

    def __init__(self, problem: Problem, travel: Travel, truck: Truck) -> None:
        self.truck = truck
        self._problem, self._travel = problem, travel
        self._places = site_of(problem)
        self._tips = tuple((self._places[tip.place.id], tip) for tip in problem.tips)
        self._finish = self._places[truck.finish.id]
        self.here = self._places[truck.start.id]
        self.now = truck.begin
        self.litres = self.kg = 0.0
        self.served = 0
        self._along = self._driven = 0.0
        self._breaks: tuple[Break, ...] = tuple(sorted(truck.breaks, key=lambda one: (one.earliest, one.latest)))
        self._visits: list[Visit] = []
        self._spot: tuple[str, float, float] = _spot(truck.start)
        self._stand("start", self.now, self.now)

    @property
    def breaks(self) -> tuple[Break, ...]:
        """Breaks that are still to be taken."""
        return self._breaks

    def room(self, litres: float, kg: float) -> bool:
        """Whether so much still goes in."""
        truck = self.truck
        return self.litres + litres <= truck.loose_l + _SLACK and self.kg + kg <= truck.capacity_kg + _SLACK

    def take(self, number: int) -> bool:
        """Serve the bin of that number, with a visit to the tip before it where it would not go in; False: cannot be.

        Nothing changes where it cannot be.
        """
        attempt = self.fork()
        if not attempt._serve(number) or not attempt._returns():
            return False
        self.adopt(attempt)
        return True

    def reaches(self, number: int) -> int | None:
        """When the service of that bin would begin; None where it cannot be served."""
        attempt = self.fork()
        if not attempt._serve(number) or not attempt._returns():
            return None
        return attempt._visits[-1].begin

    def unload(self) -> bool:
        """Go to the tip now; False: there is none, or no time for it."""
        attempt = self.fork()
        if not attempt._tip(None) or not attempt._returns():
            return False
        self.adopt(attempt)
        return True

    def tour(self) -> Tour | None:
        """The whole tour, back at its end; None for a truck that serves nothing."""
        if not self.served:
            return None
        ended = self.fork()
        ended._end()
        return Tour(self.truck.id, tuple(ended._visits), round(ended._driven, 3))

    def fork(self) -> Timetable:
        """The same truck at the same moment, to try things with."""
        other = copy.copy(self)
        other._visits = list(self._visits)
        return other

    def adopt(self, attempt: Timetable) -> None:
        """Do what was tried with a fork."""
        self.__dict__.update(attempt.__dict__)

    def _serve(self, number: int) -> bool:
        demand = self._problem.demands[number]
        if not set(demand.skills) <= set(self.truck.skills):
            return False
        if not self.room(demand.litres, demand.kg) and not (self.litres + self.kg > 0 and self._tip(number)):
            return False
        if not self.room(demand.litres, demand.kg):
            return False
        service = round(demand.service_s * SECOND)
        if not self._go(number, (demand.bin, demand.lon, demand.lat), service, demand.windows):
            return False
        arrive = self.now
        begin = _opening(arrive, demand.windows)
        if begin is None:
            return False
        self.now = begin + service
        self.litres += demand.litres
        self.kg += demand.kg
        self.served += 1
        self._stand("bin", arrive, begin, number)
        return True

    def _tip(self, onward: int | None) -> bool:
        """To the tip that costs the least way on the way to ``onward`` (None: to the finish)."""
        goal = self._finish if onward is None else onward
        ways = self._travel.metres
        open_ = [(float(ways[self.here, at] + ways[at, goal]), at, tip) for at, tip in self._tips]
        if not open_:
            return False
        _, at, tip = min(open_, key=lambda one: one[:2])
        return self._unload_at(at, tip)

    def _unload_at(self, at: int, tip: Tip) -> bool:
        service = round(tip.service_s * SECOND)
        if not self._go(at, _spot(tip.place), service, ()):
            return False
        arrive = self.now
        self.now += service
        self.litres = self.kg = 0.0
        self._stand("tip", arrive, arrive)
        return True

    def _go(self, to: int, spot: tuple[str, float, float], service: int, windows: tuple[tuple[int, int], ...]) -> bool:
        """Drive there, with the breaks that are due before; False: there is no way, or a break comes too late."""
        seconds = float(self._travel.seconds[self.here, to]) / self.truck.speed_factor
        if seconds == float("inf"):
            return False
        drive = round(seconds * SECOND)
        while self._breaks:
            due = self._breaks[0]
            opens = _opening(self.now + drive, windows)
            over = self.now + drive + service if opens is None else opens + service
            if self.now < due.earliest and over <= due.latest:
                break
            begin = max(self.now, due.earliest)
            if begin > due.latest:
                return False
            arrive, self.now = self.now, begin + round(due.length_s * SECOND)
            self._breaks = self._breaks[1:]
            self._stand("break", arrive, begin)
        self.now += drive
        self._driven += seconds
        self._along += float(self._travel.metres[self.here, to])
        self.here, self._spot = to, spot
        return True

    def _end(self) -> bool:
        if self.litres + self.kg > 0 and self._tips and not self._tip(None):
            return False
        if not self._go(self._finish, _spot(self.truck.finish), 0, ()):
            return False
        self._stand("end", self.now, self.now)
        return True

    def _returns(self) -> bool:
        attempt = self.fork()
        return attempt._end() and attempt.now <= self.truck.end

    def _stand(self, kind: VisitKind, arrive: int, begin: int, number: int | None = None) -> None:
        place, lon, lat = self._spot
        demand = None if number is None else self._problem.demands[number]
        told = (None, None) if demand is None else (demand.reason, demand.source)
        litres, kg, along = round(self.litres, 3), round(self.kg, 3), round(self._along, 3)
        self._visits.append(Visit(kind, place, lon, lat, arrive, begin, self.now, litres, kg, along, *told))


def _opening(at: int, windows: tuple[tuple[int, int], ...]) -> int | None:
    """When service may begin for one who is there at ``at``."""
    if not windows:
        return at
    later = [max(at, first) for first, last in windows if at <= last]
    return min(later, default=None)


def _spot(place: Place) -> tuple[str, float, float]:
    return place.id, place.lon, place.lat
