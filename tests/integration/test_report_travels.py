"""Trips and stops of reports: what the trackers stored, and the same where they owe it."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from msgspec import structs

from devices.instants import to_datetime
from devices.vocabulary import Device
from fleet.master.collection import Master
from fleet.master.plan import Plan, Shift
from fleet.reports.kind import kinds
from fleet.reports.revision import Order
from fleet.reports.vehicles.day import VehicleDay
from fleet.trackers.travels import Travels
from hub.reporting.sources.vehicles import VehicleDays
from hub.reporting.travels import TravelReads
from store.fleet.entry import FleetEntry
from store.reading import ReadSession
from store.writing import WriteSession
from tests.tracked_hub import BEGIN, PLACES, ROUTE, SECOND, Hub, day, empty, frames

HOUR = 3_600 * SECOND
STORED = """
SELECT d.id, extract(epoch FROM started_at), extract(epoch FROM ended_at), driven_m
  FROM trips JOIN devices d ON d.key = device_key ORDER BY 1, 2
"""


@pytest.fixture
async def dsn(postgres_dsn: str) -> str:
    async with Hub(postgres_dsn):
        pass
    empty(postgres_dsn)
    return postgres_dsn


async def filled(hub: Hub, seed: int) -> dict[str, Device]:
    """A hub that has tracked two vehicles for a hundred minutes, by plans that stand in the store too."""
    said = day(seed)
    for start in range(0, len(said), 23):
        await hub.take(frames(said[start : start + 23]))
    found = {one.id: one for one in hub.assembler._registry.devices() if one.id.startswith(f"vehicle-{seed}-")}
    first = to_datetime(BEGIN).date() - timedelta(days=1)
    plans = tuple(
        Plan(f"{id_}-{days}", first + timedelta(days=days), "all", ROUTE.id, vehicle=id_)
        for id_ in found
        for days in range(3)
    )
    route = structs.replace(ROUTE, stops=tuple(structs.replace(one, device=None) for one in ROUTE.stops))
    master = Master(routes=(route,), places=PLACES, shifts=(Shift("all", 0, 1_440, "UTC"),), plans=plans)
    await FleetEntry(WriteSession(hub.pool)).enter(master, "test", valid_from=BEGIN - 3 * 24 * HOUR)
    return found


def plain(travels: Travels) -> Travels:
    """Without when what was told was revised."""
    return Travels(
        tuple(structs.replace(one, revised_at=None) for one in travels.trips),
        tuple(structs.replace(one, revised_at=None) for one in travels.stops),
    )


def _way(ended_at: int | None, driven_m: float) -> float | None:
    """The trackers tell the way of a trip that lasts when it is over."""
    return None if ended_at is None else driven_m


async def test_the_trips_of_the_report_are_those_of_the_trackers(dsn: str) -> None:
    async with Hub(dsn) as hub:
        devices = await filled(hub, 41)
        source = VehicleDays(hub.pool)
        told = []
        for id_ in sorted(devices):
            order = Order("vehicle_day", BEGIN - HOUR, BEGIN + 3 * HOUR, "Asia/Shanghai", {"vehicle": id_})
            (key,) = await source.keys(order)
            one = kinds()["vehicle_day"].reduce(order, await source.piece(order, key))
            assert isinstance(one, VehicleDay)
            told += [(id_, trip.started_at, trip.ended_at, _way(trip.ended_at, trip.driven_m)) for trip in one.trips]
    with psycopg.connect(dsn) as connection:
        stored = [
            (id_, round(start * SECOND), None if end is None else round(end * SECOND), _way(end, driven))
            for id_, start, end, driven in connection.execute(STORED).fetchall()
        ]
    assert len(stored) > 3
    assert told == stored


@pytest.mark.parametrize("seed", [41, 42, 43])
async def test_what_the_trackers_owe_is_folded_to_the_same(dsn: str, seed: int) -> None:
    """Never tracked, as after an import without a hub; and dirty from the middle on, before it is repaired."""
    async with Hub(dsn) as hub:
        devices = await filled(hub, seed)
        reads = TravelReads(ReadSession(hub.pool))
        span = BEGIN + HOUR // 3, BEGIN + HOUR
        true = {id_: plain(await reads.between(one, *span)) for id_, one in devices.items()}
        assert all(one.trips for one in true.values())
        with psycopg.connect(dsn, autocommit=True) as connection:
            for one in devices.values():
                connection.execute(
                    "INSERT INTO tracker_dirty (device_key, since) VALUES (%s, to_timestamp(%s))",
                    (one.key, (BEGIN + HOUR // 2) / SECOND),
                )
            connection.execute("DELETE FROM trips")
            connection.execute("DELETE FROM vehicle_stops")
        assert {id_: plain(await reads.between(one, *span)) for id_, one in devices.items()} == true
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("TRUNCATE tracker_states, tracker_dirty")
        assert {id_: plain(await reads.between(one, *span)) for id_, one in devices.items()} == true


async def test_what_is_owed_after_the_span_changes_nothing(dsn: str) -> None:
    async with Hub(dsn) as hub:
        devices = await filled(hub, 45)
        reads = TravelReads(ReadSession(hub.pool))
        span = BEGIN, BEGIN + HOUR
        one = next(iter(devices.values()))
        true = plain(await reads.between(one, *span))
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO tracker_dirty (device_key, since) VALUES (%s, to_timestamp(%s))",
                (one.key, (BEGIN + HOUR) / SECOND),
            )
        assert plain(await reads.between(one, *span)) == true
