"""A vehicle's day: trips, stands, map and timeline, out of positions alone."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.reports.document import Document
from fleet.reports.kind import Kind
from fleet.reports.revision import Order
from fleet.reports.vehicles import of_day
from fleet.reports.vehicles.day import VehicleDay, day_of
from fleet.track import Driven


def reduce(order: Order, piece: tuple[Driven, str]) -> VehicleDay:
    """The day of a piece: what the vehicle said, and its name."""
    return day_of(*piece)


def build(order: Order, parts: Sequence[VehicleDay]) -> Document:
    """The report over the vehicles of the order."""
    return of_day.document(order, sorted(parts, key=lambda one: (one.vehicle, one.start)))


KIND = Kind("vehicle_day", of_day.TITLE, VehicleDay, build, reduce, choices=("vehicle",))
