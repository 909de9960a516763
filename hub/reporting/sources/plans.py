"""Plans out of the store: what was planned, what was driven, and the judgement of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from fleet.bins.missed_pickups import BRIDGE, unseen
from fleet.calendar import local_date, span
from fleet.compliance.judge import metrics_of
from fleet.compliance.result import Compliance
from fleet.master.places import Place
from fleet.master.plan import Plan, Shift
from fleet.reports.compliance.planned import Planned, driven_judged, judged, tank_of
from fleet.reports.document import Name
from fleet.reports.kind import OrderError
from fleet.reports.kinds.missed_pickups import PickupPiece
from fleet.reports.revision import Order
from hub.reporting.sources.bins import SeenBins
from store.fleet.master import FleetMaster
from store.readers.driven import TIMEOUT_S, DrivenReads
from store.reading import Pool, ReadSession
from store.reports.subjects import ReportSubjects
from store.reports.vehicle_alarms import VehicleAlarms

DAY = 86_400_000_000


class Bound(NamedTuple):
    """A plan with the running of its shift."""

    plan: Plan
    shift: Shift
    start: int
    end: int


class PlannedSource:
    """Plans of vehicles whose shifts begin in the span of the order."""

    looks_on = BRIDGE
    """For how long after the shift its bins are looked at (µs)."""

    def __init__(self, pool: Pool) -> None:
        session = ReadSession(pool, statement_timeout_s=TIMEOUT_S)
        self._master = FleetMaster(session)
        self._driven = DrivenReads(session)
        self._subjects = ReportSubjects(session)
        self._alarms = VehicleAlarms(session)
        self._bins = SeenBins(session)
        self._people: dict[str, str] | None = None
        self._places: tuple[Place, ...] = ()

    async def keys(self, order: Order) -> Sequence[Bound]:
        """The plans that name a route and a vehicle, by their beginning."""
        shifts = {shift.id: shift for shift in await self._master.shifts()}
        # A shift has a zone of its own, so the dates are taken a day wider than the order's.
        first, last = local_date(order.start - DAY, order.zone), local_date(order.end + DAY, order.zone)
        chosen = {name: order.subject.get(name) for name in ("vehicle", "route")}
        found = []
        for plan in await self._master.plans(first, last, **chosen):
            shift = shifts.get(plan.shift)
            if plan.route is None or plan.vehicle is None or shift is None:
                continue
            start, end = span(shift, plan.on)
            if order.start <= start < order.end and order.subject.get("plan") in (None, plan.id):
                found.append(Bound(plan, shift, start, end))
        if not found and order.subject:
            named = ", ".join(f"{name} {value!r}" for name, value in sorted(order.subject.items()))
            there = await self._master.plans(first, last)
            few = sorted({f"{one.route} by {one.vehicle}" for one in there if one.route and one.vehicle})
            hint = (
                f"there are plans of {', '.join(few[:5])}{' ...' if len(few) > 5 else ''}" if few else "nobody has one"
            )
            raise OrderError(f"{next(iter(order.subject))}: no plan of {named} begins in this span; {hint}")
        return sorted(found, key=lambda one: (one.start, one.plan.id))

    async def piece(self, order: Order, key: Bound) -> Planned | None:
        """A plan with all that it is judged by."""
        return await self.of_plan(key)

    async def of_plan(self, key: Bound) -> Planned | None:
        """The same; None where its route or vehicle is not known (any more)."""
        plan, shift, start, end = key
        routes = await self._master.routes(start, (plan.route or "",))
        vehicles = await self._subjects.of_kind("vehicle", plan.vehicle)
        if not routes or not vehicles:
            return None
        route, vehicle = routes[0], vehicles[0]
        driven = await self._driven.driven(vehicle.id, start=start, end=end, metrics=metrics_of(route))
        bins = [stop.device for stop in route.stops if stop.device]
        emptied = await self._driven.emptied(bins, start=start, end=end) if bins else {}
        if self._people is None:
            self._people = {one.id: one.name for one in await self._master.workers()}
            self._places = await self._master.places()
        places = tuple(one for one in self._places if one.withdrawn is None or start < one.withdrawn)
        people = tuple(self._people.get(one, one) for one in plan.workers)
        alarms = await self._alarms.between(vehicle.key, start, end)
        planned = Planned(
            plan, route, (start, end), driven, places, emptied, vehicle.name, people,
            Name(shift.name or shift.id, shift.name_zh), alarms, tank_of(vehicle.attributes), shift.zone,
        )  # fmt: skip
        if not bins:
            return planned
        # Only now is it known which bins have something to say: of all others nothing need be read.
        compliance = await asyncio.to_thread(driven_judged, planned)
        late = {
            stop.device
            for stop in compliance.stops
            if stop.device and (stop.state in ("missed", "late") or unseen(compliance, stop))
        }
        seen = await self._bins.of(late, start, end + self.looks_on) if late else {}
        return planned._replace(compliance=compliance, bins=seen)

    async def of_vehicle(self, order: Order, vehicle: str) -> tuple[Planned, ...]:
        """The plans of one vehicle; none where plans cannot be judged here."""
        try:
            keys = await self.keys(Order(order.kind, order.start, order.end, order.zone, {"vehicle": vehicle}))
        except OrderError:
            return ()
        pieces = [await self.piece(order, key) for key in keys]
        return tuple(piece for piece in pieces if piece is not None)


class Pickups(PlannedSource):
    """Plans judged, with the bins of stops that were not served in time (``fleet.reports.kinds.missed_pickups``)."""

    looks_on = DAY

    async def piece(self, order: Order, key: Bound) -> PickupPiece | None:  # type: ignore[override]
        """A plan judged, and the bins of its late stops, until a day after the shift."""
        planned = await self.of_plan(key)
        if planned is None:
            return None
        return PickupPiece(await asyncio.to_thread(judged, planned), planned.bins)


class Rounds:
    """The plans of drivers judged (``hub.fleet.evaluating.RoundJudge``)."""

    def __init__(self, pool: Pool) -> None:
        self._source = PlannedSource(pool)
        self._master = FleetMaster(ReadSession(pool, statement_timeout_s=TIMEOUT_S))

    async def rounds(self, plans: Sequence[Plan]) -> tuple[Compliance, ...]:
        """The results of plans with a route and a vehicle; one after the other, each in a thread."""
        shifts = {shift.id: shift for shift in await self._master.shifts()}
        found = []
        for plan in plans:
            shift = shifts.get(plan.shift)
            if plan.route is None or plan.vehicle is None or shift is None:
                continue
            piece = await self._source.of_plan(Bound(plan, shift, *span(shift, plan.on)))
            if piece is not None:
                found.append((await asyncio.to_thread(judged, piece)).compliance)
        return tuple(found)


SOURCES = {"route_compliance": PlannedSource, "missed_pickups": Pickups}
