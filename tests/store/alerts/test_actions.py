"""What people do with alerts, over a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg import AsyncCursor
from psycopg_pool import AsyncConnectionPool

from alerts.fold import Alert
from alerts.kind import Cleared, Raised
from alerts.records import AlertCount, AlertFilter, AlertStateError
from alerts.rule import Rule
from alerts.rules.threshold import Threshold
from devices.vocabulary import Batch, Device
from store.alerts.actions import AlertActions
from store.alerts.bells import Bells
from store.alerts.writes import Told, record
from store.connection import session_parameters
from store.readers.alerts import AlertReads
from store.reading import ReadSession
from store.writing import WriteSession
from tests.intake import NOW, make_store
from tests.posting import until

SECOND = 1_000_000
RULES = {name: Rule(name, "threshold", Threshold("fill_pct", 85), severity="critical") for name in ("full", "fire")}


class Desk:
    """A store with two bins, and the reads and actions over it."""

    def __init__(self, dsn: str, pool: AsyncConnectionPool[Any], devices: dict[str, Device]) -> None:
        self.dsn = dsn
        self.devices = devices
        self.store = make_store(dsn)
        self.reads = AlertReads(ReadSession(pool))
        self.actions = AlertActions(WriteSession(pool))

    def told(self, device: str, rule: str, at: int, cleared: int | None = None, rings: bool = True) -> Told:
        end = None if cleared is None else Cleared(cleared, 10.0)
        alert = Alert(rule, "", Raised(at, 90.0, detail={"since": at}), end)
        return Told(self.devices[device], alert, RULES[rule], 1, rings, unit="%")

    async def enter(self, *told: Told, bells: Bells | None = None) -> None:
        await self.store.write(Batch(), lambda cursor: record(cursor, told, bells))

    async def raised(self, device: str, rule: str, at: int, cleared: int | None = None, rings: bool = True) -> int:
        await self.enter(self.told(device, rule, at, cleared, rings))
        page = await self.reads.alerts(AlertFilter(devices=(device,), rules=(rule,)), cursor=None, limit=1)
        return page.items[0].id

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def outbox(self) -> list[tuple[str, int]]:
        return self.sql("SELECT action, alert_id FROM outbox ORDER BY id")

    async def stage(self, alert: int) -> str:
        found = await self.reads.alert(alert)
        assert found is not None
        return found[0].stage


@pytest.fixture
async def desk(postgres_dsn: str) -> AsyncIterator[Desk]:
    store = make_store(postgres_dsn)
    await store.open()
    await store.close()
    devices = {}
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        for name, area in (("bin-1", "north"), ("bin-2", "south")):
            insert = "INSERT INTO devices (id, kind, status, attributes) VALUES (%s, 'bin', 'active', %s) RETURNING key"
            row = connection.execute(insert, (name, f'{{"area": "{area}"}}')).fetchone()
            assert row is not None
            devices[name] = Device(row[0], name, "bin", attributes={"area": area})
    async with AsyncConnectionPool(kwargs=session_parameters(postgres_dsn), min_size=0, max_size=3, open=False) as pool:
        yield (made := Desk(postgres_dsn, pool, devices))
        await made.store.close()


async def test_an_alert_from_its_raising_to_its_close(desk: Desk) -> None:
    alert = await desk.raised("bin-1", "full", NOW)
    assert await desk.stage(alert) == "raised"
    assert await desk.actions.acknowledge(alert, "wang", "on my way")
    assert await desk.actions.acknowledge(alert, "li")  # too late: it stays wang's
    assert await desk.actions.comment(alert, "wang", "emptied")
    await desk.raised("bin-1", "full", NOW, cleared=NOW + 60 * SECOND)
    assert await desk.stage(alert) == "cleared"
    assert await desk.actions.close(alert, "chen")
    found = await desk.reads.alert(alert)
    assert found is not None
    entry, log = found
    assert (entry.stage, entry.acknowledged_by, entry.closed_by) == ("closed", "wang", "chen")
    assert (entry.raised_at, entry.cleared_at, entry.raised_value) == (NOW, NOW + 60 * SECOND, 90.0)
    assert [(one.actor, one.action) for one in log] == [
        ("hub", "raised"), ("wang", "acknowledged"), ("wang", "commented"), ("hub", "cleared"), ("chen", "closed"),
    ]  # fmt: skip
    assert log[1].detail == {"comment": "on my way"}
    assert desk.outbox() == [("raised", alert), ("cleared", alert)]
    for action in (desk.actions.acknowledge, desk.actions.close):
        with pytest.raises(AlertStateError, match="closed already"):
            await action(alert, "li")
    assert not await desk.actions.acknowledge(alert + 1_000, "li")


async def test_the_list_is_filtered_and_paged(desk: Desk) -> None:
    for number in range(5):
        await desk.raised("bin-1", "full", NOW + number * SECOND, cleared=NOW + number * SECOND + 1)
    fire = await desk.raised("bin-2", "fire", NOW)
    seen: list[int] = []
    cursor = None
    while True:
        page = await desk.reads.alerts(AlertFilter(), cursor=cursor, limit=2)
        seen += [one.raised_at for one in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == sorted(seen, reverse=True) and len(seen) == 6

    async def ids(**wanted: Any) -> list[int]:
        return [one.id for one in (await desk.reads.alerts(AlertFilter(**wanted), cursor=None, limit=100)).items]

    assert await ids(open=True) == await ids(areas=("south",)) == await ids(rules=("fire",)) == [fire]
    assert len(await ids(open=False)) == len(await ids(stages=("cleared",))) == 5
    assert await ids(since=NOW + 4 * SECOND, devices=("bin-1",)) != []
    assert await ids(until=NOW) == await ids(kinds=("toilet",)) == []
    assert await desk.reads.counts() == {"critical": AlertCount(1, 1, 0)}


async def test_what_is_shelved_rings_no_bell(desk: Desk) -> None:
    far = NOW + 400 * 86_400 * SECOND
    shelf = await desk.actions.shelve("full", "bin-1", far, "the sensor is being changed", "wang")
    assert shelf is not None
    one = await desk.raised("bin-1", "full", NOW)
    other = await desk.raised("bin-2", "full", NOW)
    assert desk.outbox() == [("raised", other)]
    shelved = await desk.reads.alert(one)
    assert shelved is not None and shelved[0].shelved
    assert await desk.actions.unshelve(shelf, "wang")
    assert not await desk.actions.unshelve(shelf, "wang")
    fire = await desk.raised("bin-1", "fire", NOW)
    assert desk.outbox()[-1] == ("raised", fire)
    assert await desk.actions.shelve(None, "bin-99", far, "", "wang") is None


async def test_what_nobody_acknowledges_escalates_a_step_at_a_time_and_once(desk: Desk) -> None:
    seen = await desk.raised("bin-1", "full", NOW)
    unseen = await desk.raised("bin-2", "full", NOW)
    await desk.actions.acknowledge(seen, "wang")
    assert await desk.actions.escalate([0, 0], ["critical"]) == 1
    assert await desk.actions.escalate([0, 0], ["critical"]) == 1
    assert await desk.actions.escalate([0, 0], ["critical"]) == 0
    assert await desk.actions.escalate([0, 0, 3600], ["critical"]) == 0
    assert desk.outbox()[2:] == [("escalated", unseen)] * 2


async def test_what_is_snoozed_rings_again_if_it_is_still_there(desk: Desk) -> None:
    alert = await desk.raised("bin-1", "full", NOW)
    await desk.actions.snooze(alert, "wang", NOW + 400 * 86_400 * SECOND)
    assert await desk.actions.wake() == 0
    assert await desk.actions.escalate([0], ["critical"]) == 0
    desk.sql("UPDATE alerts SET quiet_until = now() - interval '1 second'")
    assert await desk.actions.wake() == 1
    assert await desk.actions.wake() == 0
    assert [action for action, _ in desk.outbox()] == ["raised", "raised_again"]
    await desk.raised("bin-1", "full", NOW, cleared=NOW + 5)
    with pytest.raises(AlertStateError, match="nothing to snooze"):
        await desk.actions.snooze(alert, "wang", NOW + 400 * 86_400 * SECOND)


@pytest.mark.parametrize("step", ["tell_storms", "release", "wake", "escalate"])
async def test_the_steward_waits_while_a_batch_changes_alerts(desk: Desk, step: str) -> None:
    """Each would lock alerts in an order of its own, and a storm would end in a deadlock."""
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold(cursor: AsyncCursor) -> None:
        await record(cursor, [desk.told("bin-1", "full", NOW)])
        entered.set()
        await leave.wait()

    batch = asyncio.create_task(desk.store.write(Batch(), hold))
    await entered.wait()
    values: dict[str, tuple[Any, ...]] = {"release": (600, 60), "escalate": ([0.0], ["critical"])}
    work = asyncio.create_task(getattr(desk.actions, step)(*values.get(step, ())))
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
    await until(lambda: len(desk.sql(waiting)) == 1, "the steward waits")
    leave.set()
    await batch
    assert await work == (1 if step == "escalate" else 0)
