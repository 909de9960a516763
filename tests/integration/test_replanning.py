"""Plans that change behind the trackers: whenever a hub learns of them, it tells what one tells that had them always.

Everything is real: the database, what `sanihub import` enters by, and the source of plans of a hub.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from devices.instants import to_datetime
from fleet.master.collection import Master
from fleet.master.people import Worker
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route
from store.fleet.entry import FleetEntry
from store.writing import WriteSession
from tests.tracked_hub import BEGIN, PLACES, ROUTE, SECOND, Hub, Said, day, empty, frames, told

HOUR = 3_600 * SECOND
VEHICLE = "vehicle-70-0"
ON = to_datetime(BEGIN).date()
SHIFT = Shift("day", 0, 1_440, zone="UTC")
SOME_ROUTE = msgspec.structs.replace(ROUTE, version=0)
WHOLE = Master(
    routes=(SOME_ROUTE,), places=PLACES, shifts=(SHIFT,), plans=(Plan("p", ON, "day", route="r", vehicle=VEHICLE),)
)
PLANNED = ("coverage_pct", "progress_m", "route_offset_m")
TABLES = ("readings", "events", "latest", "trips", "stops", "alerts")


class RealHub(Hub):
    """A hub that goes by the plans of its database."""

    def __init__(self, dsn: str, time: int = BEGIN + 2 * HOUR) -> None:
        super().__init__(dsn, stored=True)
        self._started_at = time

    async def __aenter__(self) -> RealHub:
        self.time = self._started_at
        await super().__aenter__()
        assert self.tracking is not None
        await self.tracking.open()
        return self

    async def look(self) -> None:
        """The look at the plans that a hub takes each minute, and what follows from it."""
        assert self.tracking is not None
        await self.tracking.follow_plans()
        await self.mend()


async def enter(dsn: str, master: Master, **how: Any) -> None:
    """As `sanihub import` does it, with no hub in sight."""
    async with Hub(dsn) as process:
        await FleetEntry(WriteSession(process.pool)).enter(master, "test", **how)


def unplan(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE routes, areas, places, crews, workers, shifts, plans")


async def drive(dsn: str, said: Sequence[Said], portion: int = 40) -> None:
    async with RealHub(dsn, BEGIN) as hub:
        for start in range(0, len(said), portion):
            await hub.take(frames(said[start : start + portion]))


def derived(dsn: str) -> dict[str, list[tuple[Any, ...]]]:
    everything = told(dsn)
    return {name: everything[name] for name in TABLES}


@pytest.fixture
async def dsn(postgres_dsn: str) -> str:
    async with Hub(postgres_dsn):
        pass
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        insert = "INSERT INTO devices (id, kind, status) VALUES (%s, 'vehicle', 'active')"
        connection.execute(insert, (VEHICLE,))
        connection.execute("INSERT INTO identities (scheme, value, device_key) SELECT 'id', id, key FROM devices")
    return postgres_dsn


async def with_plan(dsn: str, master: Master, said: Sequence[Said], **how: Any) -> dict[str, list[tuple[Any, ...]]]:
    """The truth: a hub that had the plan from the start."""
    empty(dsn)
    unplan(dsn)
    await enter(dsn, master, **how)
    await drive(dsn, said)
    return derived(dsn)


async def test_a_plan_imported_while_no_hub_ran_counts_for_what_was_driven(dsn: str) -> None:
    said = day(70, vehicles=1)
    true = await with_plan(dsn, WHOLE, said)
    assert {row[1] for row in true["readings"]} >= set(PLANNED)
    assert "worked" in {row[1] for row in true["alerts"]}
    empty(dsn)
    unplan(dsn)
    await drive(dsn, said)
    assert not {row[1] for row in told(dsn)["readings"]} & set(PLANNED)
    await enter(dsn, WHOLE)
    async with RealHub(dsn) as hub:
        await hub.mend()
        assert hub.mender.repairs == 1
    assert derived(dsn) == true
    async with RealHub(dsn) as hub:
        await hub.mend()
        assert hub.mender.repairs == 0


async def test_a_plan_entered_by_another_process_counts_for_what_was_driven(dsn: str) -> None:
    said = day(70, vehicles=1)
    true = await with_plan(dsn, WHOLE, said)
    empty(dsn)
    unplan(dsn)
    async with RealHub(dsn, BEGIN) as hub:
        await hub.take(frames(said[:100]))
        await enter(dsn, WHOLE)
        await hub.take(frames(said[100:180]))
        await hub.look()
        await hub.take(frames(said[180:]))
    assert derived(dsn) == true


async def test_a_route_that_changed_while_no_hub_ran(dsn: str) -> None:
    said = day(70, vehicles=1)
    aside = ((ROUTE.lines[0][0], ROUTE.lines[0][7]),)
    moved: Route = msgspec.structs.replace(SOME_ROUTE, lines=aside, valid_from=BEGIN - 48 * HOUR)
    both = Master(places=PLACES, shifts=(SHIFT,), plans=WHOLE.plans, routes=(moved,))
    true = await with_plan(dsn, both, said)
    empty(dsn)
    unplan(dsn)
    await enter(dsn, WHOLE)
    await drive(dsn, said)
    assert derived(dsn) != true
    await enter(dsn, Master(routes=(moved,)))
    async with RealHub(dsn) as hub:
        await hub.mend()
    assert derived(dsn) == true


async def test_a_plan_that_was_withdrawn_while_no_hub_ran_counts_no_more(dsn: str) -> None:
    said = day(70, vehicles=1)
    true = await with_plan(dsn, msgspec.structs.replace(WHOLE, plans=()), said)
    empty(dsn)
    unplan(dsn)
    await enter(dsn, WHOLE)
    await drive(dsn, said)
    assert {row[1] for row in told(dsn)["readings"]} >= set(PLANNED)
    async with Hub(dsn) as process:
        await FleetEntry(WriteSession(process.pool)).withdraw("plans", ["p"], "test")
    async with RealHub(dsn) as hub:
        await hub.mend()
        assert hub.mender.repairs == 1
    assert derived(dsn) == true


async def test_a_hub_that_dies_before_it_has_tracked_again_does_so_after(dsn: str) -> None:
    said = day(70, vehicles=1)
    true = await with_plan(dsn, WHOLE, said)
    empty(dsn)
    unplan(dsn)
    await drive(dsn, said)
    await enter(dsn, WHOLE)
    async with RealHub(dsn) as hub:
        assert hub.desk.fold.dirty
    async with RealHub(dsn) as hub:
        await hub.mend()
        assert hub.mender.repairs == 1
    assert derived(dsn) == true


async def test_what_a_worker_does_follows_the_badge_that_they_carry(dsn: str) -> None:
    said = day(70, vehicles=1)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE devices SET kind = 'worker'")
    plans = (Plan("p", ON, "day", route="r", workers=("w",)),)
    people = msgspec.structs.replace(WHOLE, plans=plans, workers=(Worker("w", "Li", device=VEHICLE),))
    true = await with_plan(dsn, people, said)
    assert {row[1] for row in true["readings"]} >= {"coverage_pct", "route_offset_m"}
    empty(dsn)
    unplan(dsn)
    await enter(dsn, msgspec.structs.replace(people, workers=(Worker("w", "Li"),)))
    await drive(dsn, said)
    assert not {row[1] for row in told(dsn)["readings"]} & set(PLANNED)
    await enter(dsn, Master(workers=people.workers))
    async with RealHub(dsn) as hub:
        await hub.mend()
    assert derived(dsn) == true


async def test_a_plan_for_a_time_of_which_nothing_was_told_makes_no_repair(dsn: str) -> None:
    said = day(70, vehicles=1)
    empty(dsn)
    unplan(dsn)
    await enter(dsn, WHOLE)
    await drive(dsn, said)
    later = tuple(Plan(f"p{days}", ON + timedelta(days=days), "day", route="r", vehicle=VEHICLE) for days in (1, 2))
    await enter(dsn, Master(plans=later))
    async with RealHub(dsn, BEGIN + 30 * HOUR) as hub:
        await hub.look()
        assert hub.mender.repairs == 0


async def test_what_comes_weeks_late_is_tracked_with_the_plan_of_its_day(dsn: str) -> None:
    """Longer ago than the hub holds plans in memory."""
    said = day(70, vehicles=1)
    true = await with_plan(dsn, WHOLE, said)
    empty(dsn)
    late = said[len(said) // 3 : len(said) // 2]
    await drive(dsn, [one for one in said if one not in late])
    async with RealHub(dsn, BEGIN + 20 * 24 * HOUR) as hub:
        await hub.look()
        assert hub.desk.fold.tracker.book.task(VEHICLE, BEGIN + HOUR) is None
        await hub.take(frames(late))
        assert hub.mender.repairs == 1
    again = derived(dsn)
    assert [row for row in again["readings"] if row[1] in PLANNED[:2]] == [
        row for row in true["readings"] if row[1] in PLANNED[:2]
    ]
    assert again["trips"] == true["trips"]
