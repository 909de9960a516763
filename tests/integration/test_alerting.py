"""The alert engine over a real database: committed with the telemetry, the same in any order, after any crash."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from alerts.engine import Engine
from alerts.rule import Rule, Scope
from alerts.rulebook import Rulebook, RuleSet
from alerts.rules.idle import Idle
from alerts.rules.silence import Silence
from alerts.rules.threshold import Threshold
from devices.metrics import Catalogue
from devices.vocabulary import Frame
from hub.alerting.desk import AlertDesk, Ringing
from hub.alerting.repair import Repairer
from hub.alerting.settings import AlertsSection
from hub.alerting.steward import Steward
from store.alerts.actions import AlertActions
from store.alerts.history import AlertHistory
from store.writing import WriteSession
from tests.intake import NOW, clear, frame, make_store
from tests.one_process import Process

SECOND = 1_000_000
RULES = (
    Rule("full", "threshold", Threshold("fill_pct", 85, clear=70, hold_s=60), scope=Scope(kinds=("bin",))),
    Rule("overflow", "threshold", Threshold("fill_pct", 95), severity="critical"),
    Rule("silent", "silence", Silence(interval_s=50)),
    Rule("idle", "idle", Idle(after_s=120, gap_s=100)),
)
BEGIN = NOW - 3_600 * SECOND


class Hub(Process):
    """The desk of alerts."""

    def __init__(self, dsn: str, rules: tuple[Rule, ...] = RULES) -> None:
        super().__init__(dsn, make_store(dsn), BEGIN)
        engine = Engine(Rulebook((RuleSet(1, BEGIN, rules),)))
        history = AlertHistory(self.reads)
        self.desk = AlertDesk(self.store, history, engine, Catalogue(), now=lambda: self.time)
        self.repairer = Repairer(self.desk, self.device)

    async def take(self, frames: Sequence[Frame], *, repair: bool = True) -> None:
        await self.desk.write(await self.assembled(frames))
        while await self.desk.pass_time():
            pass
        if repair:
            await self.repairer.mend_all()

    async def wait_until(self, time: int) -> None:
        """Let time pass; devices that this process has not heard are brought too, as at a start."""
        self.time = time
        await self.bring(self.desk, self.desk.engine)
        await self.repairer.mend_all()
        while await self.desk.pass_time():
            pass


def day(seed: int, devices: int = 3, minutes: int = 50) -> list[tuple[str, dict[str, Any]]]:
    """What some bins and vehicles say, with gaps."""
    chance = random.Random(seed)
    said: list[tuple[str, dict[str, Any]]] = []
    for number in range(devices):
        fill, still = 60.0, False
        for minute in range(minutes):
            if chance.random() < 0.35:
                continue
            at = BEGIN + minute * 60 * SECOND + chance.randrange(0, 40) * SECOND
            fill = 20.0 if fill > 97 and chance.random() < 0.5 else min(100.0, fill + chance.uniform(-4, 6))
            said.append((f"bin-{number}", {"ts": at, "readings": {"fill_pct": round(fill, 1)}}))
            still = still if chance.random() < 0.8 else not still
            speed = 0 if still else 30
            said.append((f"vehicle-{number}", {"ts": at, "readings": {"ignition": 1, "speed_kmh": speed}}))
    return said


def frames(said: Sequence[tuple[str, dict[str, Any]]], received_at: int) -> list[Frame]:
    return [frame(message, device, at=received_at) for device, message in said]


def history(dsn: str) -> list[tuple[Any, ...]]:
    """What people see of alerts, but for when the hub learnt of it."""
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "SELECT d.id, rule, scope, severity, raised_at, cleared_at, raised_value, cleared_value, detail::text"
            "  FROM alerts JOIN devices d ON d.key = device_key WHERE NOT retracted ORDER BY 1, 2, 3, 5"
        ).fetchall()


def notices(dsn: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT key FROM outbox ORDER BY key").fetchall()


def empty(dsn: str) -> None:
    clear(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE alerts, tracks, dirty_spans, outbox, deliveries CASCADE")


END = BEGIN + 3_200 * SECOND


@pytest.fixture
async def dsn(postgres_dsn: str) -> str:
    store = make_store(postgres_dsn)
    await store.open()
    await store.close()
    return postgres_dsn


async def in_order(dsn: str, said: Sequence[tuple[str, dict[str, Any]]]) -> list[tuple[Any, ...]]:
    """The truth: everything in order, a batch at a time, undisturbed."""
    empty(dsn)
    ordered = sorted(said, key=lambda one: one[1]["ts"])
    async with Hub(dsn) as hub:
        for start in range(0, len(ordered), 7):
            batch = ordered[start : start + 7]
            hub.time = batch[-1][1]["ts"] + SECOND
            await hub.take(frames(batch, hub.time))
        await hub.wait_until(END)
    return history(dsn)


async def test_any_order_of_delivery_ends_in_the_same_alerts(dsn: str) -> None:
    for seed in range(6):
        said = day(seed)
        true = await in_order(dsn, said)
        assert {row[1] for row in true} >= {"full", "silent", "idle"}
        chance = random.Random(seed)
        deliveries = said + chance.sample(said, len(said) // 4)
        chance.shuffle(deliveries)
        empty(dsn)
        async with Hub(dsn) as hub:
            for start in range(0, len(deliveries), 23):
                batch = deliveries[start : start + 23]
                hub.time = max(hub.time, *(message["ts"] + SECOND for _, message in batch))
                await hub.take(frames(batch, hub.time), repair=chance.random() < 0.6)
            await hub.wait_until(END)
            assert hub.repairer.repairs > 0
        assert history(dsn) == true


async def test_what_comes_while_old_history_is_repaired_is_not_lost(dsn: str) -> None:
    said = day(23, devices=2, minutes=80)
    late = said[-1][1]["ts"] + 3 * 86_400 * SECOND
    async with Hub(dsn) as hub:
        await hub.take(frames(said, late))
    true = history(dsn)
    assert len(true) > 5
    empty(dsn)
    parts = [said[number::5] for number in range(5)]
    async with Hub(dsn) as hub:
        hub.time = late
        await hub.take(frames(parts[0], late), repair=False)
        await hub.take(frames(parts[1], late), repair=False)
        waiting = iter(parts[2:])
        fold_far = hub.repairer._fold_far

        async def slowly(*given: Any) -> int:
            reached = await fold_far(*given)
            if (part := next(waiting, None)) is not None:
                await hub.take(frames(part, late), repair=False)
            return reached

        hub.repairer._fold_far = slowly  # type: ignore[method-assign]
        await hub.repairer.mend_all()
        await hub.repairer.mend_all()
        assert next(waiting, None) is None
    assert history(dsn) == true


async def test_a_hub_that_dies_anywhere_goes_on_as_if_it_had_not(dsn: str) -> None:
    """Between batches, before repairs, and with an acknowledgement lost, so that devices send again."""
    for seed in range(6):
        said = sorted(day(seed), key=lambda one: one[1]["ts"])
        true = await in_order(dsn, said)
        rung = notices(dsn)
        empty(dsn)
        chance = random.Random(seed)
        start, time = 0, BEGIN
        while start < len(said):
            async with Hub(dsn) as hub:
                hub.time = time
                for _ in range(chance.randrange(1, 6)):
                    batch = said[start : start + 7]
                    if not batch:
                        break
                    time = hub.time = batch[-1][1]["ts"] + SECOND
                    await hub.take(frames(batch, hub.time), repair=chance.random() < 0.7)
                    if chance.random() < 0.8:  # else its acknowledgement was lost
                        start += len(batch)
        async with Hub(dsn) as hub:
            hub.time = time
            await hub.take(frames(said[-7:], time))
            await hub.wait_until(END)
        assert history(dsn) == true
        assert notices(dsn) == rung


async def test_two_hubs_that_see_the_same_fault_open_one_alert(dsn: str) -> None:
    empty(dsn)
    message = {"ts": BEGIN + SECOND, "readings": {"fill_pct": 99}}
    async with Hub(dsn) as one, Hub(dsn) as other:
        for hub in (one, other):
            hub.time = BEGIN + 2 * SECOND
        await asyncio.gather(*(hub.take(frames([("bin-1", message)], hub.time)) for hub in (one, other)))
        assert [(row[1], row[5]) for row in history(dsn)] == [("overflow", None)]
        assert len(notices(dsn)) == 1
        later = {"ts": BEGIN + 30 * SECOND, "readings": {"fill_pct": 20}}
        for hub in (one, other):
            hub.time = BEGIN + 31 * SECOND
        await asyncio.gather(*(hub.take(frames([("bin-1", later)], hub.time)) for hub in (one, other)))
    assert [row[5] is not None for row in history(dsn)] == [True]
    assert [key.partition(":")[0] for (key,) in notices(dsn)] == ["cleared", "raised"]


def behind(number: int) -> str:
    return f"bin-{number:03d}"


def enter_gateway(dsn: str) -> None:
    """A gateway with two hundred bins behind it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for name in ("gateway-1", *(behind(number) for number in range(200))):
            attributes = "{}" if name == "gateway-1" else '{"gateway": "gateway-1"}'
            row = connection.execute(
                "INSERT INTO devices (id, kind, status, attributes) VALUES (%s, %s, 'active', %s) RETURNING key",
                (name, name.partition("-")[0], attributes),
            ).fetchone()
            assert row is not None
            connection.execute("INSERT INTO identities VALUES ('id', %s, %s)", (name, row[0]))


@pytest.mark.parametrize(("interval_s", "most_bells"), [(30, 0), (50, 30)])
async def test_a_gateway_that_falls_silent_is_one_alert_with_its_devices_inside(
    dsn: str, interval_s: int, most_bells: int
) -> None:
    """Through intake, engine and store: the gateway is noticed before its bins, or amid them."""
    empty(dsn)
    enter_gateway(dsn)
    gateway = Silence(interval_s=interval_s)
    rules = (
        Rule("silent", "silence", Silence(interval_s=60), scope=Scope(kinds=("bin",))),
        Rule("gateway-silent", "silence", gateway, severity="critical", scope=Scope(kinds=("gateway",))),
    )
    chance = random.Random(4)
    heard = [(behind(number), BEGIN + chance.randrange(60) * SECOND) for number in range(200)]
    heard += [("gateway-1", BEGIN + 60 * SECOND)]
    async with Hub(dsn, rules) as hub:
        hub.time = BEGIN + 61 * SECOND
        hub.desk.ringing = Ringing(gather_s=0, storm=30)
        await hub.take(frames([(name, {"ts": at, "readings": {"fill_pct": 50}}) for name, at in heard], BEGIN))
        for second in range(70, 600, 10):
            await hub.wait_until(BEGIN + second * SECOND)
            if second in (200, 300):
                word = {"ts": hub.time, "readings": {"fill_pct": 50}}
                await hub.take(frames([("bin-elsewhere", word)], hub.time))
        actions = AlertActions(WriteSession(hub.pool))
        while await Steward(actions, AlertsSection(escalate_after_s={})).step():
            pass
    with psycopg.connect(dsn) as connection:
        heads = connection.execute(
            "SELECT d.id, (SELECT count(*) FROM alerts p WHERE p.storm = a.id) FROM alerts a"
            " JOIN devices d ON d.key = a.device_key WHERE a.storm IS NULL AND a.cleared_at IS NULL ORDER BY 1"
        ).fetchall()
        told = connection.execute(
            "SELECT action, content -> 'device' ->> 'id', content ->> 'member_count' FROM outbox ORDER BY id"
        ).fetchall()
    assert heads == [("bin-elsewhere", 0), ("gateway-1", 200)]
    bells = [row for row in told if row[1] not in ("gateway-1", "bin-elsewhere")]
    assert len(bells) <= most_bells
    assert [row for row in told if row[1] == "gateway-1"] == [
        ("raised", "gateway-1", None),
        ("storm", "gateway-1", "200"),
    ]


async def test_a_clock_that_is_slow_rings_when_nothing_comes_and_not_before(dsn: str) -> None:
    """Its reports are an hour old when they come: each is older than its patience, and none is silence."""
    empty(dsn)
    slow = 3_600 * SECOND

    async def report(hub: Hub, second: int) -> None:
        hub.time = BEGIN + slow + second * SECOND
        message = {"ts": BEGIN + second * SECOND, "readings": {"fill_pct": 20}}
        await hub.take(frames([("bin-1", message)], hub.time))
        await hub.wait_until(hub.time + 59 * SECOND)

    async with Hub(dsn) as hub:
        for second in range(0, 600, 60):
            await report(hub, second)
        assert history(dsn) == []
    async with Hub(dsn) as hub:  # one that has just started knows it as well
        hub.time = BEGIN + slow + 600 * SECOND
        await hub.wait_until(hub.time)
        assert history(dsn) == []
        await report(hub, 600)
        await hub.wait_until(BEGIN + slow + 770 * SECOND)
        assert [row[1] for row in history(dsn)] == ["silent"]
    assert notices(dsn) != []


async def test_who_was_told_of_an_alert_is_told_that_it_was_over_however_late_that_is_known(dsn: str) -> None:
    def fill(minute: int, value: float) -> tuple[str, dict[str, Any]]:
        return "bin-0", {"ts": BEGIN + minute * 60 * SECOND, "readings": {"fill_pct": value}}

    async with Hub(dsn) as hub:
        hub.time = BEGIN + 6 * 60 * SECOND
        await hub.take(frames([fill(0, 20), fill(1, 99), fill(2, 99), fill(5, 99)], hub.time))
        (raised,) = [row for row in history(dsn) if row[1] == "full"]
        assert raised[5] is None
        await hub.take(frames([fill(3, 5), fill(4, 5)], hub.time))  # it was emptied, and is full again
        first = next(row for row in history(dsn) if row[1] == "full")
        assert first[4] == raised[4]
        assert first[5] is not None
        with psycopg.connect(dsn) as connection:
            told = connection.execute(
                "SELECT o.action FROM outbox o JOIN alerts a ON a.id = o.alert_id"
                " WHERE a.rule = 'full' AND a.raised_at = %s ORDER BY o.id",
                (first[4],),
            ).fetchall()
        assert told == [("raised",), ("cleared",)]
