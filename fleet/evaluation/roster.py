"""The roster: from plans, shifts, areas and people to the duties of each worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

import msgspec

from fleet import calendar
from fleet.evaluation.duty import Duty
from fleet.master.people import Worker
from fleet.master.places import Area
from fleet.master.plan import Plan, Shift


class Roster(msgspec.Struct, frozen=True):
    """What is planned, as far as it concerns a period. ``areas`` are all versions in force at some time of it."""

    plans: tuple[Plan, ...]
    shifts: Mapping[str, Shift]
    areas: tuple[Area, ...]
    workers: Mapping[str, Worker]

    def duties(self, people: Iterable[str], start: int, end: int) -> tuple[Duty, ...]:
        """The duties of these workers that begin within ``[start, end)``, in order.

        A plan without workers is for all active ones of its crew. The area counts in the version in force when the
        shift begins, and so do the rest zones. A plan whose shift is not known any more gives none.
        """
        wanted, found = set(people), []
        for plan in self.plans:
            shift = self.shifts.get(plan.shift)
            if shift is None:
                continue
            span = calendar.span(shift, plan.on)
            if start <= span[0] < end:
                found += [self._duty(plan, shift, name, span) for name in self.planned(plan) if name in wanted]
        return tuple(sorted(found, key=lambda duty: (duty.start, duty.plan, duty.worker)))

    def together(self, duties: Iterable[Duty]) -> list[tuple[tuple[Duty, ...], tuple[Duty, ...]]]:
        """Duties by plan, each with those of everybody who holds the same post by it (themselves among them)."""
        plans = {plan.id: plan for plan in self.plans}
        found = []
        for name, own in groupby(
            sorted(duties, key=lambda one: (one.start, one.plan, one.worker)), lambda one: one.plan
        ):
            mine, plan = tuple(own), plans[name]
            shift, span = self.shifts[plan.shift], (mine[0].start, mine[0].end)
            if mine[0].area is None:
                found.append((mine, mine))
            else:
                known = {duty.worker: duty for duty in mine}
                everybody = (known.get(one) or self._duty(plan, shift, one, span) for one in self.planned(plan))
                found.append((mine, tuple(everybody)))
        return found

    def planned(self, plan: Plan) -> tuple[str, ...]:
        """The workers of a plan; of a crew those who are not withdrawn as the shift begins."""
        if plan.workers or plan.crew is None:
            return plan.workers
        start = calendar.span(self.shifts[plan.shift], plan.on)[0]
        members = [one for one in self.workers.values() if one.active and one.crew == plan.crew]
        return tuple(one.id for one in members if one.withdrawn is None or start < one.withdrawn)

    def _duty(self, plan: Plan, shift: Shift, name: str, span: tuple[int, int]) -> Duty:
        worker = self.workers.get(name)
        in_force = [
            area
            for area in self.areas
            if area.valid_from <= span[0] and (area.valid_until is None or area.valid_until > span[0])
        ]
        post = next((area for area in in_force if area.id == plan.area), None)
        return Duty(
            *(plan.id, name, *span),
            device=None if worker is None else worker.device,
            area=post if post is not None and (post.lines or post.polygons) else None,
            rest=tuple(area for area in in_force if area.kind == "rest" and (area.lines or area.polygons)),
            breaks=calendar.breaks(shift, plan.on),
            vehicle=plan.vehicle,
        )
