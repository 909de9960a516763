"""Vehicles out of the store: what each said over the span."""

from __future__ import annotations

from collections.abc import Sequence

from devices.vocabulary import Device
from fleet.reports.kind import no_such
from fleet.reports.kinds.fleet_summary import FleetPiece
from fleet.reports.revision import Order
from fleet.reports.vehicles.day import DayPiece
from hub.reporting.sources.plans import PlannedSource
from hub.reporting.travels import TravelReads
from store.readers.driven import TIMEOUT_S, DrivenReads
from store.reading import Pool, ReadSession
from store.reports.subjects import ReportSubjects, Subject
from store.reports.vehicle_alarms import VehicleAlarms


class VehicleDays:
    """Positions, trips and stops of vehicles (``fleet.reports.kinds.vehicle_day``)."""

    def __init__(self, pool: Pool) -> None:
        session = ReadSession(pool, statement_timeout_s=TIMEOUT_S)
        self._driven = DrivenReads(session)
        self._subjects = ReportSubjects(session)
        self._travels = TravelReads(session)

    async def keys(self, order: Order) -> Sequence[Subject]:
        """The vehicles."""
        wanted = order.subject.get("vehicle")
        found = await self._subjects.of_kind("vehicle", wanted)
        if wanted and not found:
            raise no_such("vehicle", wanted, (one.id for one in await self._subjects.of_kind("vehicle")))
        return found

    async def piece(self, order: Order, key: Subject) -> DayPiece | None:
        """What a vehicle said and did; None for one that said nothing, unless it was asked for."""
        day = await self._day(order, key)
        return day if len(day.driven.track.at) or order.subject.get("vehicle") else None

    async def _day(self, order: Order, key: Subject) -> DayPiece:
        driven = await self._driven.driven(key.id, start=order.start, end=order.end, metrics=())
        device = Device(key.key, key.id, "vehicle")
        return DayPiece(driven, await self._travels.between(device, order.start, order.end), key.name)


class FleetDays(VehicleDays):
    """Vehicles with their plans and alarms (``fleet.reports.kinds.fleet_summary``)."""

    def __init__(self, pool: Pool) -> None:
        session = ReadSession(pool, statement_timeout_s=TIMEOUT_S)
        super().__init__(pool)
        self._plans = PlannedSource(pool)
        self._alarms = VehicleAlarms(session)

    async def piece(self, order: Order, key: Subject) -> FleetPiece:  # type: ignore[override]
        """A vehicle's day, with the plans of its that begin in the span."""
        alarms = await self._alarms.between(key.key, order.start, order.end)
        return FleetPiece(await self._day(order, key), await self._plans.of_vehicle(order, key.id), alarms)


SOURCES = {"vehicle_day": VehicleDays, "fleet_summary": FleetDays}
