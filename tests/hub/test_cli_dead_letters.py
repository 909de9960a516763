from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.errors import TransientError
from devices.metrics import Catalogue
from devices.registry import Registry, UnknownPolicy
from devices.vocabulary import Batch, Frame, Identity
from hub.access import patiently
from ingest.adapters.mqtt_json import NAME, MqttJson
from ingest.assembly import Assembler, IntakeRules
from ingest.replay import Replayer
from store.telemetry.dead_letters import DeadLetterDesk
from store.telemetry.devices_table import DeviceSpec, enter
from store.telemetry.writer import PostgresStore
from tests.hub.cli_runner import decoded, invoke

START = 1_795_392_000_000_000  # 2026-11-23T00:00:00Z
DEVICES = ("bin-1", "bin-2", "veh-1")
RULES = IntakeRules(unknown=UnknownPolicy.QUARANTINE)
DECODERS = {NAME: MqttJson("sanihub", Catalogue())}
ROWS = {
    "readings": "device_key, metric_key",
    "fixes": "device_key",
    "events": "device_key",
    "latest_readings": "device_key, metric_key",
    "device_state": "device_key",
    "receipts": "device_key",
}


def frame(number: int, device: str, payload: object, channel: str = "telemetry") -> Frame:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Frame(NAME, "test", f"sanihub/v1/{device}/{channel}", body, START + number * 10_000)


def rows(dsn: str) -> dict[str, list[str]]:
    """All telemetry, with names instead of the numbers that each database gives them."""
    found = {}
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        for table, keys in ROWS.items():
            metric = "JOIN metrics m ON m.key = metric_key" if "metric" in keys else ""
            name = "|| ' ' || m.name" if metric else ""
            query = (
                f"SELECT d.id {name}, to_jsonb(t) - 'device_key' - 'metric_key' FROM {table} t"
                f" JOIN devices d ON d.key = device_key {metric}"
            )
            found[table] = sorted(str(row) for row in connection.execute(query.encode()))
    return found


def letters(dsn: str) -> list[tuple[str, str | None]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT code, outcome FROM dead_letters ORDER BY id").fetchall()


@asynccontextmanager
async def opened(dsn: str, **choice: object) -> AsyncIterator[tuple[PostgresStore, DeadLetterDesk]]:
    store = PostgresStore(dsn)
    desk = DeadLetterDesk(dsn, store, **choice)  # type: ignore[arg-type]
    try:
        await store.open()
        yield store, desk
    finally:
        await desk.close()
        await store.close()


def replayer(store: PostgresStore, desk: DeadLetterDesk, batch: int = 200, rules: IntakeRules = RULES) -> Replayer:
    return Replayer(desk, store, Registry(), DECODERS, rules, batch=batch)


async def ingest(store: PostgresStore, frames: Sequence[Frame], batch: int, rules: IntakeRules = RULES) -> None:
    assembler = Assembler(store, Registry(), DECODERS, rules)
    for start in range(0, len(frames), batch):
        claims = [assembler.decode(one) for one in frames[start : start + batch]]
        await store.write(await assembler.assemble(claims))


async def ingest_into(dsn: str, frames: Sequence[Frame], batch: int = 100, known: Sequence[str] = ()) -> None:
    async with opened(dsn) as (store, _):
        if known:
            await enter(dsn, [DeviceSpec(device) for device in known])
        await ingest(store, frames, batch)


async def replay_all(dsn: str, batch: int = 200, **choice: object) -> Replayer:
    async with opened(dsn, **choice) as (store, desk):
        work = replayer(store, desk, batch)
        while await work.step():
            continue
        return work


ts = st.none() | st.integers(0, 20).map(lambda n: START / 1e6 - n) | st.just(12.0) | st.just("2027-01-01T00:00:00Z")
readings = st.dictionaries(
    st.sampled_from(["fill_pct", "battery_v", "no_such"]), st.sampled_from([1, 2, 999]), max_size=3
)
fix = st.none() | st.fixed_dictionaries({"lat": st.sampled_from([31.0, 99.0]), "lon": st.just(121.0)})
events = st.lists(st.fixed_dictionaries({"kind": st.sampled_from(["emptied", "bad kind"]), "ts": ts}), max_size=2)
message = st.fixed_dictionaries({"ts": ts, "readings": readings, "fix": fix, "events": events})
payload = message | st.lists(message, min_size=1, max_size=3) | st.just(b"{")
arrival = st.tuples(st.sampled_from(DEVICES), payload | st.sampled_from([b"online", b"offline"]))


def as_frames(arrivals: list[tuple[str, object]]) -> list[Frame]:
    return [
        frame(number, device, body, "status" if body in (b"online", b"offline") else "telemetry")
        for number, (device, body) in enumerate(arrivals)
    ]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(arrival, max_size=14),
    st.sets(st.sampled_from(DEVICES)),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_replay_makes_the_rows_that_direct_ingest_would_have_made(
    postgres_server, prepared, arrivals, known, batch, step, steps_before_the_crash
):
    frames = as_frames(arrivals)

    async def scenario(direct: str, replayed: str) -> None:
        await ingest_into(direct, frames, batch, DEVICES)
        await ingest_into(replayed, frames, batch, sorted(known))
        await enter(replayed, [DeviceSpec(device) for device in DEVICES])
        async with opened(replayed) as (store, desk):  # this one ends in the middle of its work
            work = replayer(store, desk, step)
            for _ in range(steps_before_the_crash):
                await work.step()
        await replay_all(replayed, step)
        assert rows(replayed) == rows(direct)
        # What stays open is what direct ingest would have put there too.
        still_open = [code for code, outcome in letters(replayed) if outcome is None]
        assert still_open == [code for code, _ in letters(direct)]
        after_once = rows(replayed), letters(replayed)
        await replay_all(replayed)
        assert (rows(replayed), letters(replayed)) == after_once

    with postgres_server.database(like=prepared) as direct, postgres_server.database(like=prepared) as replayed:
        asyncio.run(scenario(direct, replayed))


async def test_equal_messages_without_a_time_keep_their_places(postgres_dsn):
    """A device with a field that nobody knows says the same again and again; later the catalogue knows the field."""
    same = {"readings": {"fill_pct": 5, "no_such": 1}}
    await ingest_into(postgres_dsn, [frame(number, "bin-1", same) for number in range(5)], known=["bin-1"])
    before = rows(postgres_dsn)
    assert [code for code, _ in letters(postgres_dsn)] == ["invalid"] * 5
    from devices.metrics import CATALOGUE, Metric

    richer = Catalogue((*CATALOGUE, Metric("no_such", "", 0, 10, ("bin",), "New", "新")))
    store = PostgresStore(postgres_dsn, catalogue=richer)
    desk = DeadLetterDesk(postgres_dsn, store)
    work = Replayer(desk, store, Registry(), {NAME: MqttJson("sanihub", richer)}, RULES, batch=2)
    while await work.step():
        continue
    await desk.close()
    await store.close()
    after = rows(postgres_dsn)
    assert [row for row in after["readings"] if "no_such" not in row] == before["readings"]
    assert len([row for row in after["readings"] if "no_such" in row]) == 5
    assert {outcome for _, outcome in letters(postgres_dsn)} == {"filed 2 rows"}


async def test_a_failing_commit_leaves_both_sides_as_they_were(postgres_dsn):
    await ingest_into(postgres_dsn, [frame(number, "bin-1", {"readings": {"fill_pct": number}}) for number in range(4)])
    await enter(postgres_dsn, [DeviceSpec("bin-1")])
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the power is gone' USING ERRCODE = '57P01'; END $$"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER at_commit AFTER UPDATE ON dead_letters DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION fail()"
        )
        before = rows(postgres_dsn), letters(postgres_dsn)
        async with opened(postgres_dsn) as (store, desk):
            work = replayer(store, desk)
            with pytest.raises(TransientError, match="the power is gone"):
                await work.step()
            assert (rows(postgres_dsn), letters(postgres_dsn)) == before
            connection.execute("DROP TRIGGER at_commit ON dead_letters")
            assert await work.step()
            assert not await work.step()
    assert work.tally.closed == 4
    assert len(rows(postgres_dsn)["readings"]) == 4


async def test_what_the_store_refuses_stays_open_and_keeps_nothing_else_back(postgres_dsn):
    await ingest_into(postgres_dsn, [frame(number, "bin-1", {"readings": {"fill_pct": number}}) for number in range(9)])
    await enter(postgres_dsn, [DeviceSpec("bin-1")])
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE readings ADD CONSTRAINT no_five CHECK (value <> 5)")
    work = await replay_all(postgres_dsn)
    assert (work.tally.closed, dict(work.tally.failed), work.tally.rows) == (8, {"store": 1}, 8)
    assert [code for code, outcome in letters(postgres_dsn) if outcome is None] == ["store"]


async def test_two_replays_at_once_close_each_letter_once(postgres_dsn):
    await ingest_into(postgres_dsn, [frame(number, "bin-1", {"readings": {"fill_pct": 3}}) for number in range(60)])
    await enter(postgres_dsn, [DeviceSpec("bin-1")])

    async def persistent(batch: int) -> Replayer:
        async with opened(postgres_dsn) as (store, desk):
            work = replayer(store, desk, batch)
            while True:
                try:
                    if not await work.step():
                        return work
                except TransientError:  # the server chose this one to end a deadlock
                    continue

    one, other = await asyncio.gather(persistent(7), persistent(5))
    assert one.tally.closed + other.tally.closed == 60
    assert len(rows(postgres_dsn)["readings"]) == 60


async def test_a_server_that_dies_in_between(private_postgres, open_folder):
    dsn = private_postgres.dsn()
    await ingest_into(dsn, [frame(number, "bin-1", {"readings": {"fill_pct": number}}) for number in range(6)])
    await enter(dsn, [DeviceSpec("bin-1")])
    async with opened(dsn) as (store, desk):
        work = replayer(store, desk, 2)
        assert await work.step()
        private_postgres.kill()
        with pytest.raises(TransientError):
            await work.step()
        private_postgres.start()
        while await patiently(work.step):
            continue
    assert work.tally.closed + work.tally.taken == 6
    assert len(rows(dsn)["readings"]) == 6


def test_the_commands(postgres_dsn):
    frames = [
        frame(number, "bin-1", {"ts": START // 1_000_000, "readings": {"fill_pct": number}}) for number in range(3)
    ]
    frames += [frame(5, "bin-2", {"readings": {"fill_pct": 1}}), frame(6, "bin-1", b"[oops")]
    asyncio.run(ingest_into(postgres_dsn, frames))
    run = lambda *argv: invoke("dead-letters", *argv, dsn=postgres_dsn)  # noqa: E731

    listed = decoded(run("list", "--json"))
    assert [entry["code"] for entry in listed] == ["malformed", *["unknown_device"] * 4]
    assert listed[0]["received_at"] == "2026-11-23T00:00:00.060Z"
    assert len(decoded(run("list", "--json", "--device", "bin-1"))) == 4
    assert len(decoded(run("list", "--json", "--code", "malformed", "--code", "oversized"))) == 1
    assert len(decoded(run("list", "--json", "--limit", "2"))) == 2
    table = run("list").stdout
    assert "bin-2" in table
    assert "[oops" not in table

    asyncio.run(enter(postgres_dsn, [DeviceSpec("bin-1")]))
    before = rows(postgres_dsn), letters(postgres_dsn)
    dry = run("replay", "--device", "bin-1", "--dry-run")
    assert dry.exit_code == 0
    assert "nothing was written" in dry.stdout
    assert (rows(postgres_dsn), letters(postgres_dsn)) == before

    only = run("replay", "--id", str(listed[-1]["id"]))
    assert only.exit_code == 0
    assert len(rows(postgres_dsn)["readings"]) == 1
    assert "malformed" in run("replay", "--device", "bin-1").stdout
    assert len(rows(postgres_dsn)["readings"]) == 3
    assert [entry["code"] for entry in decoded(run("list", "--json"))] == ["malformed", "unknown_device"]
    closed = [entry for entry in decoded(run("list", "--json", "--all")) if entry["replayed_at"]]
    assert [entry["outcome"] for entry in closed] == ["filed 1 row"] * 3


async def test_a_letter_is_found_by_an_identity_that_is_registered_since(postgres_dsn):
    await ingest_into(postgres_dsn, [frame(0, "861234567890123", {"readings": {"fill_pct": 1}})])
    await enter(postgres_dsn, [DeviceSpec("veh-1", identities=(Identity("id", "861234567890123"),))])
    work = await replay_all(postgres_dsn, device="veh-1")
    assert work.tally.closed == 1
    assert (await replay_all(postgres_dsn, device="veh-2")).tally.letters == 0


async def test_what_runs_in_the_transaction_of_a_batch_can_undo_it(postgres_dsn):
    async with opened(postgres_dsn) as (store, _):

        async def refuse(cursor: psycopg.AsyncCursor) -> None:
            await cursor.execute("INSERT INTO metrics (name, unit, title, title_zh) VALUES ('never', '', '', '')")
            raise LookupError

        with pytest.raises(LookupError):
            await store.write(Batch(), refuse)
        await store.write(Batch())
    with psycopg.connect(postgres_dsn) as connection:
        assert connection.execute("SELECT count(*) FROM metrics WHERE name = 'never'").fetchone() == (0,)
