"""Workers with badges: they walk their posts on shift, sometimes leave them, and are not tracked off shift.

Some come late, leave early or stay away; the badge then says off duty, as it does outside of shifts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simulators.city.agenda import Agenda
from simulators.city.chance import next_after, stream
from simulators.city.excursion import Excursion
from simulators.city.local_time import HOUR, MINUTE, LocalTime, Shift, shift_at
from simulators.city.motion import Drive, Phase
from simulators.city.observation import Observation
from simulators.city.receiver import Receiver
from simulators.city.route import Corridor
from simulators.city.settings import Incidents, Intervals
from simulators.city.streets import Arc, Streets
from simulators.truth import Episode, TruthLog

SHIFTS = ((5 * 60, 480), (13 * 60, 480), (21 * 60, 480))
SHIFT_WEIGHTS = (48, 42, 10)
PACE_MPS = (0.7, 1.15)
STEP_M = 0.62
OFF_POST_M = 80.0
FARTHEST_POST_TRIP_M = 700.0
LATE_MIN = (6.0, 60.0)
EARLY_MIN = (10.0, 90.0)


class Worker:
    """One worker with a badge, who holds ``post``: streets in a row, walked up and down."""

    def __init__(
        self,
        device_id: str,
        post: tuple[Arc, ...],
        streets: Streets,
        seed: int,
        start: int,
        intervals: Intervals,
        incidents: Incidents,
        clock: LocalTime,
        agenda: Agenda,
        truth: TruthLog,
    ) -> None:
        self.id, self.post = device_id, post
        self._rng = rng = stream(seed, device_id)
        self._streets, self._clock, self._agenda, self._truth = streets, clock, agenda, truth
        self._incidents = incidents
        self.window = rng.choices(SHIFTS, SHIFT_WEIGHTS)[0]
        self._corridor = Corridor(post)
        self._absences = self._places_to_go()
        self._interval = int(intervals.worker_s * 1_000) * 1_000
        self._off_interval = int(intervals.worker_off_duty_s * 1_000) * 1_000
        self._receiver = Receiver(stream(seed, device_id, "receiver"), 3.0)
        self._next_absence = next_after(rng, start, incidents.off_post)
        self._next_standing = next_after(rng, start, incidents.standing)
        self._next_sos = next_after(rng, start, incidents.sos)
        self._seed = seed
        self._shift = shift_at(clock, start, (self.window,))
        self._duty = self._attended(self._shift)
        self._attendance: Episode | None = None
        self._walked_m = max(0, start - self._shift.begin) / HOUR * 1_900
        self._seq = 0
        self._now = start
        self._script = self._walk()
        self._phase = next(self._script)
        self._phase.enter(start)
        agenda.put(start + rng.randrange(int(self._interval / 1_000)) * 1_000, device_id, self._wake)

    def _places_to_go(self) -> tuple[int, ...]:
        away = [
            (distance, node)
            for node, (x, y) in enumerate(self._streets.nodes)
            if self._streets.leaving[node]
            and 2.5 * OFF_POST_M < (distance := self._corridor.distance(x, y)) < FARTHEST_POST_TRIP_M
        ]
        return tuple(node for _, node in sorted(away)[:6])

    def _wake(self, at: int) -> Observation:
        if at >= self._shift.end:
            self._next_shift(at)
        if at >= self._shift.begin and self._attendance is None:
            self._attendance = self._truth.begin("attendance", self.id, self._shift.begin, **self._kept())
        if not self._duty.begin <= at < self._duty.end:
            ahead = [one for one in (self._shift.begin, self._duty.begin, self._shift.end) if one > at]
            self._agenda.put(min(at + self._off_interval, *ahead), self.id, self._wake)
            self._hold(at)
            return self._off_duty(at)
        self._catch_up(at)
        events = self._sos(at)
        due = at + self._interval
        self._agenda.put(min(due, max(self._next_sos, at + 1_000)), self.id, self._wake)
        return self._on_duty(at, self._shift, events)

    def _next_shift(self, at: int) -> None:
        if self._attendance is not None:
            self._truth.end(self._attendance, self._shift.end)
            self._attendance = None
        self._shift = shift_at(self._clock, at, (self.window,))
        self._duty = self._attended(self._shift)
        self._walked_m = 0.0

    def _attended(self, shift: Shift) -> Shift:
        """When the worker is really there; chance of its own, so that one shift changes nothing in the others."""
        rng, incidents = stream(self._seed, self.id, "attendance", shift.begin), self._incidents
        fate, late, early = rng.random(), rng.uniform(*LATE_MIN), rng.uniform(*EARLY_MIN)
        if fate < incidents.absent:
            return Shift(shift.end, shift.end)
        begin, end = shift.begin, shift.end
        if fate < incidents.absent + incidents.late:
            begin += int(late * 60_000) * 1_000
        elif fate < incidents.absent + incidents.late + incidents.early:
            end -= int(early * 60_000) * 1_000
        return Shift(begin, end)

    def _kept(self) -> dict[str, Any]:
        if self._duty.begin == self._duty.end:
            return {"absent": True}
        return {"arrived_us": self._duty.begin, "left_us": self._duty.end}

    def _hold(self, at: int) -> None:
        """Off duty the walk stands still: what would have happened is put off to the next duty."""
        begin = self._duty.begin if at < self._duty.begin else self._shift.end
        self._next_sos = max(self._next_sos, begin + int(self._rng.random() * HOUR / 1_000) * 1_000)
        self._phase.begin, self._phase.end = begin, begin + (self._phase.end - self._phase.begin)
        self._now = at

    def _catch_up(self, at: int) -> None:
        while self._phase.end <= at:
            if self._phase.drive is not None:
                self._walked_m += self._phase.drive.length
            self._now = self._phase.end
            self._phase = next(self._script)
            self._phase.enter(self._now)

    def _walk(self) -> Iterator[Phase]:
        """Up the post and down again, sweeping a stretch, standing a moment; and what else there is."""
        rng, place = self._rng, 0.0
        way = [*self.post, *(self._streets.reverse(arc) for arc in reversed(self.post))]
        while True:
            for arc in way:
                place = 0.0
                while place < arc.length:
                    ahead = min(rng.uniform(15, 70), arc.length - place)
                    yield self._stretch(arc, place, ahead)
                    place += ahead
                    yield Phase(arc, place, seconds=rng.uniform(8, 140))
                yield from self._at_corner(arc)

    def _at_corner(self, arc: Arc) -> Iterator[Phase]:
        if self._now >= self._next_absence and self._absences and self._time_left(90):
            self._next_absence = next_after(self._rng, self._now, self._incidents.off_post)
            yield from self._absent(arc.head)
        elif self._now >= self._next_standing and self._time_left(40):
            self._next_standing = next_after(self._rng, self._now, self._incidents.standing)
            episode = self._truth.begin("standing", self.id, self._now)
            phase = Phase(arc, arc.length, seconds=self._rng.uniform(21, 35) * 60)
            yield phase
            self._truth.end(episode, phase.end)

    def _time_left(self, minutes: int) -> bool:
        return self._now + minutes * MINUTE < self._duty.end

    def _absent(self, here: int) -> Iterator[Phase]:
        goal = self._rng.choice(self._absences)
        there, back = self._streets.path(here, goal), self._streets.path(goal, here)
        excursion = Excursion(self._truth, "off_post", self.id, self._corridor, OFF_POST_M)
        stay = Phase(there[-1], there[-1].length, seconds=self._rng.uniform(8, 25) * 60)
        walk = [self._stretch(arc, 0.0, arc.length) for arc in there]
        for phase in (*walk, stay, *(self._stretch(arc, 0.0, arc.length) for arc in back)):
            yield phase
            excursion.see(phase)
        excursion.close()

    def _stretch(self, arc: Arc, begin: float, length: float) -> Phase:
        pace = self._rng.uniform(*PACE_MPS)
        return Phase(arc, begin, drive=Drive(length, pace, pace, pace, 1.0, 1.0))

    def _sos(self, at: int) -> tuple[dict[str, Any], ...]:
        if at < self._next_sos:
            return ()
        self._next_sos = next_after(self._rng, at, self._incidents.sos)
        self._truth.point("sos", self.id, at)
        return ({"kind": "sos"},)

    def _on_duty(self, at: int, shift: Shift, events: tuple[dict[str, Any], ...]) -> Observation:
        along, speed = self._phase.at(at)
        arc = self._phase.arc
        walked = self._walked_m + (along - self._phase.s)
        self._seq += 1
        readings: dict[str, float] = {
            "steps": int(walked / STEP_M),
            "heart_rate_bpm": round(78 + 22 * speed + self._rng.gauss(0, 3)),
            "on_duty": 1,
            "sos": 1 if events else 0,
            "battery_pct": round(max(5.0, 99 - (at - shift.begin) / HOUR * 6.5), 1),
        }
        fix = self._receiver.fix(*arc.point(along, 6.0), speed * 3.6, arc.heading)
        return Observation(self.id, "worker", self._seq, at, readings, fix, events)

    def _off_duty(self, at: int) -> Observation:
        """No position, no pulse: off shift the badge only says that it is charging."""
        self._seq += 1
        charged = min(100.0, 100 - max(0.0, (self._shift.begin - at) / HOUR - 12) * 8)
        return Observation(self.id, "worker", self._seq, at, {"on_duty": 0, "battery_pct": round(charged, 1)})
