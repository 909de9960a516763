"""The outbox on a real PostgreSQL: routed once, claimed by one, in order, and never lost however hubs die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.fold import Alert
from alerts.kind import Cleared, Raised
from alerts.notices.notice import Content, Notice, Subject
from alerts.notices.routing import Planned
from alerts.rule import Rule
from alerts.rules.threshold import Threshold
from devices.vocabulary import Batch, Device
from store.alerts.outbox import Claimed, Outbox, Terms
from store.alerts.writes import Told, record
from store.telemetry.writer import PostgresStore
from tests.notifying import AT, notice

TERMS = Terms(slots=4, lease_s=60)


def loud(now: int) -> bool:
    return False


def to_all(*channels: str, wait_us: int = 0, urgent: bool = False) -> Callable[[Notice, int], list[Planned]]:
    def plan(one: Notice, now: int) -> list[Planned]:
        critical = urgent or one.content.severity == "critical"
        return [Planned(channel, now if critical else now + wait_us, urgent=critical) for channel in channels]

    return plan


class Desk:
    """A migrated database, and what the tests do to it."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def alert(self) -> int:
        return int(
            self.sql(
                "INSERT INTO alerts (device_key, rule, severity, rule_set, raised_at, scope)"
                " SELECT key, 'bin_full', 'warning', 0, now(), gen_random_uuid()::text FROM devices RETURNING id"
            )[0][0]
        )

    def enter(self, *actions: str, alert: int | None = None, severity: str = "warning") -> None:
        for action in actions:
            one = notice(severity=severity)
            content = {"rule": one.content.rule, "severity": severity, "device": {"id": "bin-1"}, "raised_at": 1}
            self.sql(
                "INSERT INTO outbox (key, alert_id, action, content) VALUES (gen_random_uuid()::text, %s, %s, %s)",
                alert, action, psycopg.types.json.Jsonb(content),
            )  # fmt: skip

    def leases_run_out(self) -> None:
        self.sql("UPDATE deliveries SET claimed_until = now() - interval '1 s' WHERE claimed_until IS NOT NULL")

    def wait_no_more(self) -> None:
        self.sql("UPDATE deliveries SET not_before = now() - interval '1 s'")

    def empty(self) -> None:
        self.sql("DELETE FROM outbox")
        self.sql("DELETE FROM alerts")


@contextmanager
def prepared(dsn: str) -> Iterator[Desk]:
    async def migrate() -> None:
        store = PostgresStore(dsn)
        await store.open()
        await store.close()

    asyncio.run(migrate())
    desk = Desk(dsn)
    desk.sql("INSERT INTO devices (id, kind, status) VALUES ('bin-1', 'bin', 'active')")
    yield desk


@pytest.fixture(scope="module")
def module_desk(postgres_module_dsn: str) -> Iterator[Desk]:
    with prepared(postgres_module_dsn) as desk:
        yield desk


@pytest.fixture
def desk(module_desk: Desk) -> Desk:
    module_desk.empty()
    return module_desk


@asynccontextmanager
async def opened(desk: Desk, number: int = 1) -> AsyncIterator[list[Outbox]]:
    several = [Outbox(desk.dsn) for _ in range(number)]
    for outbox in several:
        await outbox.open()
    try:
        yield several
    finally:
        for outbox in several:
            await outbox.close()


def told(claims: list[Claimed]) -> list[list[str]]:
    return [[one.action for one in claimed.message.notices] for claimed in claims]


async def test_routed_once_by_whoever_comes_first(desk: Desk) -> None:
    desk.enter(*["raised"] * 30)
    async with opened(desk, 3) as hubs:
        plan = to_all("a", "b")
        while sum(await asyncio.gather(*(hub.route(plan, 5) for hub in hubs))) or await hubs[0].route(plan, 5):
            pass
        assert desk.sql("SELECT count(*), count(DISTINCT outbox_id) FROM deliveries") == [(60, 30)]
        assert desk.sql("SELECT count(*) FROM outbox WHERE routed_at IS NULL") == [(0,)]
        assert await hubs[0].busy_channels(["a", "b", "c"]) == {"a", "b"}
        assert await hubs[0].waiting() == {"a": 30, "b": 30}


async def test_what_nobody_is_to_be_told_is_routed_too(desk: Desk) -> None:
    desk.enter("raised")
    async with opened(desk) as (hub,):
        assert await hub.route(to_all()) == 1
        assert await hub.route(to_all("a")) == 0
        assert await hub.busy_channels(["a"]) == set()


async def test_a_claim_is_one_hubs_until_it_runs_out(desk: Desk) -> None:
    desk.enter("raised")
    async with opened(desk, 2) as (one, other):
        await one.route(to_all("a"))
        claims = await asyncio.gather(one.claim("a", TERMS, loud), other.claim("a", TERMS, loud))
        (first,) = [claimed for several in claims for claimed in several]
        assert first.attempts == 1
        assert await other.claim("a", TERMS, loud) == []
        desk.leases_run_out()
        (again,) = await other.claim("a", TERMS, loud)
        assert (again.message, again.attempts) == (first.message, 2)
        await one.failed(first, "too late to matter", 3_600)  # the claim is another's by now
        await other.delivered(again, "fine")
        assert desk.sql("SELECT answer, attempts, delivered_at IS NOT NULL FROM deliveries") == [("fine", 2, True)]
        await one.failed(first, "nor now", 0)
        assert await one.claim("a", TERMS, loud) == []


async def test_a_hub_that_finds_out_late_that_it_has_delivered_is_believed(desk: Desk) -> None:
    desk.enter("raised")
    async with opened(desk) as (hub,):
        await hub.route(to_all("a"))
        (first,) = await hub.claim("a", TERMS, loud)
        desk.leases_run_out()
        (again,) = await hub.claim("a", TERMS, loud)
        await hub.delivered(first, "fine")
        await hub.failed(again, "not", 0)
        assert await hub.claim("a", TERMS, loud) == []


async def test_what_failed_waits_and_keeps_its_id(desk: Desk) -> None:
    desk.enter("raised")
    async with opened(desk) as (hub,):
        await hub.route(to_all("a"))
        (first,) = await hub.claim("a", TERMS, loud)
        await hub.failed(first, "HTTP 503", 3_600)
        assert await hub.claim("a", TERMS, loud) == []
        assert await hub.busy_channels(["a"]) == set()
        desk.wait_no_more()
        (again,) = await hub.claim("a", TERMS, loud)
        assert again.message == first.message
        await hub.let_go(again)
        (once_more,) = await hub.claim("a", TERMS, loud)
        assert (once_more.message.id, once_more.attempts) == (first.message.id, 3)


async def test_the_notices_of_an_alert_keep_their_order_on_each_channel(desk: Desk) -> None:
    desk.enter("raised", "escalated", "cleared", alert=desk.alert())
    desk.enter("raised", alert=desk.alert())
    async with opened(desk) as (hub,):
        await hub.route(to_all("a", "b"))
        first, other = await hub.claim("a", TERMS, loud)
        assert told([first, other]) == [["raised"], ["raised"]]
        await hub.failed(first, "down", 3_600)
        await hub.delivered(other, "fine")
        assert await hub.claim("a", TERMS, loud) == []  # the raising is not told yet
        desk.wait_no_more()
        await hub.delivered(*await hub.claim("a", TERMS, loud), "fine")
        assert told(await hub.claim("a", TERMS, loud)) == [["escalated"]]
        assert told(await hub.claim("b", TERMS, loud)) == [["raised"], ["raised"]]


async def test_what_is_critical_takes_along_what_was_told_before(desk: Desk) -> None:
    alert = desk.alert()
    hour = to_all("a", wait_us=3_600_000_000)
    desk.enter("raised", alert=alert)
    desk.enter("raised", alert=desk.alert())
    async with opened(desk) as (hub,):
        await hub.route(hour)
        assert await hub.claim("a", TERMS, loud) == []
        desk.enter("escalated", alert=alert, severity="critical")
        await hub.route(hour)
        (first,) = await hub.claim("a", TERMS, lambda now: True)  # even in quiet hours
        assert told([first]) == [["raised"]]
        await hub.delivered(first, "fine")
        assert told(await hub.claim("a", TERMS, lambda now: True)) == [["escalated"]]


async def test_quiet_hours_hold_a_second_try_too(desk: Desk) -> None:
    desk.enter("raised")
    desk.enter("raised", severity="critical")
    async with opened(desk) as (hub,):
        await hub.route(to_all("a"))
        for claimed in await hub.claim("a", TERMS, loud):
            await hub.failed(claimed, "down", 0)
        (grave,) = await hub.claim("a", TERMS, lambda now: True)
        assert grave.message.severity == "critical"
        assert len(await hub.claim("a", TERMS, loud)) == 1


async def test_the_limit_of_a_minute_holds_for_all_hubs_together(desk: Desk) -> None:
    desk.enter(*["raised"] * 50)
    terms = Terms(slots=2, lease_s=60, per_minute=5)
    async with opened(desk, 2) as hubs:
        await hubs[0].route(to_all("a"))
        claims = [claimed for _ in range(4) for hub in hubs for claimed in await hub.claim("a", terms, loud)]
        assert sorted(len(claimed.message.notices) for claimed in claims) == [1, 1, 1, 1, 46]
        desk.sql("UPDATE deliveries SET tried_at = tried_at - interval '61 s'")
        desk.leases_run_out()
        assert len(await hubs[0].claim("a", terms, loud)) == 2


async def test_given_up_is_what_has_waited_long_and_as_a_whole(desk: Desk) -> None:
    desk.enter("raised", "cleared", alert=desk.alert())
    desk.enter("raised")
    async with opened(desk) as (hub,):
        await hub.route(to_all("a"))
        desk.sql("UPDATE deliveries SET due_at = now() - interval '2 h' WHERE id = (SELECT min(id) FROM deliveries)")
        claims = await hub.claim("a", TERMS, loud)
        assert await hub.give_up("a", 3_600, "down") == 0  # it is on its way
        for claimed in claims:
            await hub.failed(claimed, "HTTP 500", 0)
        assert await hub.give_up("b", 3_600, "down") == 0
        assert await hub.give_up("a", 3_600, "down") == 1
        assert desk.sql("SELECT answer FROM deliveries WHERE given_up_at IS NOT NULL") == [("HTTP 500",)]
        left = await hub.claim("a", TERMS, loud)
        assert sorted(told(left)) == [["cleared"], ["raised"]]  # what came after it goes on


async def test_forgotten_is_what_is_old_and_done_with(desk: Desk) -> None:
    lasting, over = desk.alert(), desk.alert()
    desk.sql("UPDATE alerts SET cleared_at = now() WHERE id = %s", over)
    desk.enter("raised", alert=lasting)
    desk.enter("raised", alert=over)
    async with opened(desk) as (hub,):
        await hub.route(to_all("a"))
        desk.sql("UPDATE outbox SET entered_at = now() - interval '91 days'")
        assert await hub.forget(90) == 0
        for claimed in await hub.claim("a", TERMS, loud):
            await hub.delivered(claimed, "fine")
        assert await hub.forget(92) == 0
        assert await hub.forget(90) == 1
        assert desk.sql("SELECT alert_id FROM outbox") == [(lasting,)]


async def test_what_the_engine_enters_is_read_in_full(desk: Desk) -> None:
    ((key,),) = desk.sql("SELECT key FROM devices")
    device = Device(key, "bin-1", "bin", name="North gate", attributes={"area": 7})
    rule = Rule("full", "threshold", Threshold("fill_pct", 85), severity="critical", title="Full", title_zh="满")
    alert = Alert("full", "lid", Raised(AT, 97.5, "lid", {"limit": 85}), Cleared(AT + 60_000_000, 10.0, "lid"))
    store = PostgresStore(desk.dsn)
    await store.write(Batch(), lambda cursor: record(cursor, [Told(device, alert, rule, 1, rings=True, unit="%")]))
    await store.close()
    ((number,),) = desk.sql("SELECT id FROM alerts")
    async with opened(desk) as (hub,):
        assert await hub.route(to_all("a")) == 2
        (raised,) = await hub.claim("a", TERMS, loud)
        await hub.delivered(raised, "fine")
        (cleared,) = await hub.claim("a", TERMS, loud)
    (one,) = raised.message.notices
    assert one.content == Content(
        rule="full", kind="threshold", severity="critical", title="Full", title_zh="满", scope="lid",
        device=Subject("bin-1", "North gate", "bin", "7"), raised_at=AT, cleared_at=AT + 60_000_000,
        value=97.5, unit="%", detail={"limit": 85},
    )  # fmt: skip
    assert (one.action, one.alert, told([cleared])) == ("raised", number, [["cleared"]])


# What may happen, in any order: something is entered, a hub routes, claims, sends, records, or dies amid it.
steps = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.integers(0, 2), st.sampled_from(["warning", "critical"])),
        st.tuples(st.sampled_from(["route", "claim", "send", "record", "fail", "die"]), st.integers(0, 1), st.none()),
        st.tuples(st.just("time"), st.none(), st.none()),
    ),
    max_size=40,
)


class World:
    """Two hubs with two channels; ``received`` is what the receivers saw, in order: channel, message id, keys."""

    def __init__(self, desk: Desk, hubs: list[Outbox], bundles: bool) -> None:
        self.desk, self.hubs = desk, hubs
        self.terms = Terms(slots=2, lease_s=60, per_minute=1_000 if not bundles else 3, bundles=bundles)
        self.alerts = [desk.alert() for _ in range(2)]
        self.claimed: list[list[Claimed]] = [[], []]
        self.sent: list[list[Claimed]] = [[], []]
        self.received: list[Claimed] = []

    async def step(self, what: str, who: Any, severity: Any) -> None:
        if what == "enter":
            self.desk.enter("raised", alert=self.alerts[who] if who < 2 else None, severity=severity)
        elif what == "time":
            self.desk.leases_run_out()
            self.desk.wait_no_more()
            self.desk.sql("UPDATE deliveries SET tried_at = tried_at - interval '61 s'")
        elif what == "route":
            await self.hubs[who].route(to_all("a", "b"), 3)
        elif what == "claim":
            for channel in ("a", "b"):
                self.claimed[who] += await self.hubs[who].claim(channel, self.terms, loud)
        elif what == "send":
            self.received += self.claimed[who]
            self.sent[who] += self.claimed[who]
            self.claimed[who] = []
        elif what == "record":
            for claimed in self.sent[who]:
                await self.hubs[who].delivered(claimed, "fine")
            self.sent[who] = []
        elif what == "fail":
            for claimed in self.claimed[who]:
                await self.hubs[who].failed(claimed, "down", 10)
            self.claimed[who] = []
        else:
            self.claimed[who], self.sent[who] = [], []

    async def to_the_end(self) -> None:
        for hub in (0, 1):
            await self.step("die", hub, None)
        for _ in range(1_000):
            await self.step("time", None, None)
            for what in ("route", "claim", "send", "record"):
                await self.step(what, 0, None)
            open_ = self.desk.sql(
                "SELECT (SELECT count(*) FROM outbox WHERE routed_at IS NULL)"
                " + (SELECT count(*) FROM deliveries WHERE delivered_at IS NULL)"
            )
            if open_ == [(0,)]:
                return
        pytest.fail("it does not come to an end")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=steps, bundles=st.booleans())
def test_whoever_dies_when_everything_arrives_under_one_id_and_in_order(
    module_desk: Desk, story: list[tuple[str, Any, Any]], bundles: bool
) -> None:
    async def live() -> World:
        async with opened(module_desk, 2) as hubs:
            world = World(module_desk, hubs, bundles)
            for step in story:
                await world.step(*step)
            await world.to_the_end()
            return world

    module_desk.empty()
    world = asyncio.run(live())
    entered = module_desk.sql("SELECT key, coalesce(alert_id, -id) FROM outbox ORDER BY id")
    for channel in ("a", "b"):
        messages = [claimed.message for claimed in world.received if claimed.message.channel == channel]
        ids: dict[str, set[str]] = {key: set() for key, _ in entered}
        contents: dict[str, set[tuple[str, ...]]] = {}
        order: dict[str, int] = {}
        for message in messages:
            contents.setdefault(message.id, set()).add(tuple(one.key for one in message.notices))
            for one in message.notices:
                ids[one.key].add(message.id)
                order.setdefault(one.key, len(order))
        assert all(len(found) == 1 for found in ids.values())  # never lost, and one key for all its copies
        assert all(len(found) == 1 for found in contents.values())  # a copy is the same message
        for alert in {alert for _, alert in entered}:
            arrived = [order[key] for key, of in entered if of == alert]
            assert arrived == sorted(arrived)
