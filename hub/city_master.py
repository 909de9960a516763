"""A simulated city's master data, as its operator would have entered it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec

from fleet.importing.geojson import from_geojson
from fleet.importing.joining import join
from fleet.master.collection import Master
from fleet.master.people import Crew, Worker
from fleet.master.plan import Plan, Shift
from simulators.city import City, registry, roster


def master_of(city: City, dates: Iterable[date] = ()) -> Master:
    """Routes, places, posts, people and shifts of a city, and the plans for these service dates.

    Routes and areas are of version 0, since ever: the store numbers them. Positions are those that the registry gives
    to a customer, read as a file of theirs.
    """
    given = (registry.routes(city), registry.places(city), registry.posts(city))
    files = [from_geojson(msgspec.json.encode(one).decode()) for one in given if one["features"]]
    joined = join(files, {})
    assert not joined.faults, joined.faults
    assert not any(file.faults for file in files), [file.faults for file in files]
    return msgspec.structs.replace(
        joined.master,
        crews=msgspec.convert(roster.crews(city), tuple[Crew, ...]),
        workers=msgspec.convert(roster.people(city), tuple[Worker, ...]),
        shifts=msgspec.convert(roster.shifts(), tuple[Shift, ...]),
        plans=tuple(plan for on in dates for plan in plans_of(city, on)),
    )


def plans_of(city: City, on: date) -> tuple[Plan, ...]:
    """The plans of a service date: a round for each vehicle and shift, a post for each worker."""
    planned: list[dict[str, Any]] = roster.duties(city, on)
    return msgspec.convert(planned, tuple[Plan, ...])
