"""The trackers over a real database: committed with the telemetry, the same in any order and after any crash."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from fleet.master.places import Place
from fleet.trackers.ports import Task
from hub.fleet.service import Tracking
from store.fleet.tracker_writes import note
from tests.intake import contents
from tests.tracked_hub import PLACES, SECOND, Book, Hub, Said, day, empty, frames, live, told


@pytest.fixture
async def dsn(postgres_dsn: str) -> str:
    async with Hub(postgres_dsn):
        pass
    return postgres_dsn


async def in_order(dsn: str, said: Sequence[Said], portion: int = 11) -> dict[str, list[tuple[Any, ...]]]:
    """The truth: everything in order, undisturbed."""
    empty(dsn)
    async with Hub(dsn) as hub:
        for start in range(0, len(said), portion):
            await hub.take(frames(said[start : start + portion]))
        assert hub.mender.repairs == 0
    return told(dsn)


async def test_any_order_of_delivery_ends_in_the_same_records(dsn: str) -> None:
    raised: set[str] = set()
    for seed in range(3):
        said = day(seed)
        true = await in_order(dsn, said)
        raised |= {row[1] for row in true["alerts"]}
        assert {row[1] for row in true["events"]} == {"trip", "stop", "sos"}
        assert {row[1] for row in true["readings"]} >= {"work_state", "idle_s", "coverage_pct", "route_offset_m"}
        boards = live(dsn)
        chance = random.Random(seed)
        deliveries = said + chance.sample(said, len(said) // 4)
        chance.shuffle(deliveries)
        empty(dsn)
        async with Hub(dsn) as hub:
            for start in range(0, len(deliveries), 60):
                await hub.take(frames(deliveries[start : start + 60]), repair=chance.random() < 0.6)
            await hub.mend()
            assert hub.mender.repairs > 0
        assert told(dsn) == true
        assert [row[0] for row in live(dsn)] == [row[0] for row in boards]
    assert raised == {"idle-long", "worked"}


async def test_a_hub_that_dies_anywhere_goes_on_as_if_it_had_not(dsn: str) -> None:
    """Between batches, before repairs, and with an acknowledgement lost, so that devices send again."""
    for seed in (10,):
        said = day(seed)
        true = await in_order(dsn, said)
        empty(dsn)
        chance = random.Random(seed)
        start = 0
        while start < len(said):
            async with Hub(dsn) as hub:
                for _ in range(chance.randrange(1, 9)):
                    batch = said[start : start + 29]
                    if not batch:
                        break
                    await hub.take(frames(batch), repair=chance.random() < 0.7)
                    if chance.random() < 0.8:  # else its acknowledgement was lost
                        start += len(batch)
        async with Hub(dsn) as hub:
            await hub.take(frames(said[-29:]))
        assert told(dsn) == true


async def test_a_transaction_that_fails_leaves_nothing_behind_and_can_be_tried_again(dsn: str) -> None:
    said = day(20, vehicles=1)
    true = await in_order(dsn, said)
    empty(dsn)
    async with Hub(dsn) as hub:
        for start in range(0, len(said), 11):
            batch = frames(said[start : start + 11])
            hub.time = batch[0].received_at
            assembled = await hub.assembled(batch)
            if start % 3 == 0:
                with psycopg.connect(dsn, autocommit=True) as connection:
                    connection.execute("ALTER TABLE fixes ADD CONSTRAINT nothing CHECK (false) NOT VALID")
                before = told(dsn)
                with pytest.raises(Exception, match="nothing"):
                    await hub.desk.write(assembled)
                assert told(dsn) == before
                with psycopg.connect(dsn, autocommit=True) as connection:
                    connection.execute("ALTER TABLE fixes DROP CONSTRAINT nothing")
            await hub.desk.write(assembled)
        await hub.mend()
        assert hub.mender.repairs == 0
    assert told(dsn) == true


async def test_history_that_was_never_tracked_is_tracked_at_the_first_word(dsn: str) -> None:
    said = day(30, vehicles=1)
    true = await in_order(dsn, said)
    empty(dsn)
    async with Hub(dsn) as hub:
        batch = await hub.assembled(frames(said[:-1]))
        await hub.store.write(batch)  # a hub of an earlier version
    async with Hub(dsn) as hub:
        await hub.take(frames(said[-1:]))
        assert hub.mender.repairs == 1
    again = told(dsn)
    assert {name: rows for name, rows in again.items() if name != "alerts"} == {
        name: rows for name, rows in true.items() if name != "alerts"
    }


async def test_what_an_import_stores_is_tracked_by_a_hub_that_runs(dsn: str) -> None:
    said = day(35, vehicles=1)
    true = await in_order(dsn, said)
    empty(dsn)
    third = len(said) // 3
    async with Hub(dsn) as hub, Hub(dsn) as other:
        await hub.take(frames(said[:third]))
        await hub.take(frames(said[2 * third :]))
        batch = await other.assembled(frames(said[third : 2 * third]))
        await other.store.write(batch, lambda cursor: note(cursor, batch))
        await hub.desk.follow()
        await hub.mend()
    again = told(dsn)
    for name in ("trips", "stops", "readings", "fixes", "events"):
        assert again[name] == true[name], name


async def test_what_comes_while_a_device_is_repaired_is_not_lost(dsn: str) -> None:
    said = day(60, vehicles=1)
    true = await in_order(dsn, said)
    empty(dsn)
    parts = [said[number::4] for number in range(4)]
    async with Hub(dsn) as hub:
        await hub.take(frames(parts[0]), repair=False)
        hub.time = said[-1][1]["ts"] + 3_600 * SECOND
        await hub.take(frames(parts[1]), repair=False)
        waiting = iter(parts[2:])
        fold_far = hub.mender._fold_far

        async def slowly(*given: Any) -> int:
            reached = await fold_far(*given)
            if (part := next(waiting, None)) is not None:
                await hub.take(frames(part), repair=False)
            return reached

        hub.mender._fold_far = slowly  # type: ignore[method-assign]
        await hub.mend()
        assert next(waiting, None) is None
    again = told(dsn)
    for name in ("trips", "stops", "readings", "events"):
        assert again[name] == true[name], name


class Source:
    """What is planned, and changed by the test."""

    def __init__(self, *tasks: Task) -> None:
        self.tasks = tasks

    async def planned(self, start: int, end: int) -> Sequence[tuple[str, Task]]:
        return [("vehicle-70-0", one) for one in self.tasks if start <= one.start < end]

    async def planned_for(self, device: str, start: int, end: int) -> Sequence[Task]:
        return [task for one, task in await self.planned(start, end) if one == device]

    async def places(self) -> Sequence[Place]:
        return PLACES


async def test_a_plan_that_is_entered_later_is_worked_in_from_its_start(dsn: str) -> None:
    said = day(70, vehicles=1, minutes=60)
    true = await in_order(dsn, said)
    assert "coverage_pct" in {row[1] for row in true["readings"]}
    empty(dsn)
    source = Source()
    async with Hub(dsn) as hub:
        tracking = Tracking(hub.desk.alerts, hub.reads, hub.registry, source, now=lambda: hub.time)
        await tracking.open()
        hub.desk, hub.mender, hub.assembler._deriver = tracking.desk, tracking.mender, None
        await hub.take(frames(said))
        assert "coverage_pct" not in {row[1] for row in told(dsn)["readings"]}
        source.tasks = (Book().task("", 0),)
        await tracking.follow_plans()
        await hub.mend()
        assert hub.mender.repairs == 1
        await tracking.follow_plans()
        assert not hub.desk.fold.dirty
    planned = {"coverage_pct", "progress_m", "work_state"}
    again = told(dsn)
    assert [row for row in again["readings"] if row[1] in planned] == [
        row for row in true["readings"] if row[1] in planned
    ]


async def test_what_late_data_changed_says_so(dsn: str) -> None:
    said = day(40, vehicles=1)
    empty(dsn)
    middle = len(said) // 2
    async with Hub(dsn) as hub:
        await hub.take(frames([*said[: middle - 40], *said[middle:]]))
        await hub.take(frames(said[middle - 40 : middle]))
        assert hub.mender.repairs == 1
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT revised_at IS NOT NULL FROM trips").fetchall()
        dirty = connection.execute("SELECT count(*) FROM tracker_dirty").fetchall()
    assert dirty == [(0,)]
    assert {row[0] for row in rows} == {False, True}


async def test_an_event_of_the_device_by_the_same_name_is_left_alone(dsn: str) -> None:
    empty(dsn)
    said = day(50, vehicles=1)
    own = (said[9][0], {"ts": said[9][1]["ts"], "events": [{"kind": "stop", "attributes": {"at": "kiosk"}}]})
    async with Hub(dsn) as hub:
        await hub.take(frames([*said[20:], own]))
        await hub.take(frames(said[:20]))
        assert hub.mender.repairs > 0
    events = [row for row in contents(dsn, tables=("events",))["events"] if "kiosk" in row[3]]
    assert len(events) == 1
