"""A vehicle's day: trips, stands, map and timeline, out of positions and the trackers' word."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.reports.document import Document
from fleet.reports.kind import Kind
from fleet.reports.revision import Order
from fleet.reports.vehicles import of_day
from fleet.reports.vehicles.day import DayPiece, VehicleDay, day_of


def reduce(order: Order, piece: DayPiece) -> VehicleDay:
    """The day of a piece."""
    return day_of(piece)


def build(order: Order, parts: Sequence[VehicleDay]) -> Document:
    """The report over the vehicles of the order."""
    return of_day.document(order, sorted(parts, key=lambda one: (one.vehicle, one.start)))


KIND = Kind("vehicle_day", of_day.TITLE, VehicleDay, build, reduce, choices=("vehicle",))
