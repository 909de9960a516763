"""The sender with a real store and real receivers: at least once, under one id, nobody held up by another."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import psycopg
import pytest
import pytest_asyncio
from psycopg.types.json import Jsonb
from structlog.testing import capture_logs

from alerts.notices.notice import Message
from alerts.notices.routing import Habits, Route
from hub.notify.sender import Line, Pace, Sender
from hub.notify.wiring import make_sender
from ingest.runner import Backoff
from store.alerts.outbox import Outbox
from store.telemetry.writer import PostgresStore
from tests.notifying import LOOPBACK, SECRET, ZONE, settings
from tests.receiver import Answer, Receiver, Request, receiver

QUICK = Pace(poll_s=0.02, message=Backoff(0.02, 0.1), channel=Backoff(0.02, 0.1))


@pytest_asyncio.fixture
async def dsn(postgres_dsn: str) -> str:
    await migrate(postgres_dsn)
    return postgres_dsn


async def migrate(dsn: str) -> None:
    store = PostgresStore(dsn)
    await store.open()
    await store.close()


async def enter(dsn: str, count: int = 1, *, action: str = "raised", severity: str = "warning") -> list[str]:
    """Enter notices; their keys."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        content = {"rule": "bin_full", "severity": severity, "device": {"id": "bin-1"}, "raised_at": 1}
        cursor = await connection.execute(
            "INSERT INTO outbox (key, action, content) SELECT gen_random_uuid()::text, %s, %s"
            " FROM generate_series(1, %s) RETURNING key",
            (action, Jsonb(content), count),
        )
        return [row[0] for row in await cursor.fetchall()]


async def sql(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        cursor = await connection.execute(statement.encode())
        return await cursor.fetchall() if cursor.description else []


async def until(dsn: str, statement: str, wanted: Any) -> None:
    """Wait until a question to the store is answered so."""
    async with asyncio.timeout(60):
        while (found := await sql(dsn, statement))[0][0] != wanted:
            assert found is not None
            await asyncio.sleep(0.02)


DONE = "SELECT count(*) FROM deliveries WHERE delivered_at IS NOT NULL"
OVER = "SELECT count(*) FROM deliveries WHERE given_up_at IS NOT NULL"


def hook(there: Receiver | str, name: str = "a", **fields: Any) -> dict[str, Any]:
    url = there if isinstance(there, str) else there.url
    return {"name": name, "kind": "webhook", "url": url, "secrets": [SECRET], "allow_http": True, **fields}


@asynccontextmanager
async def at_work(*senders: Sender) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(sender.run()) for sender in senders]
    try:
        yield
    finally:
        for sender in senders:
            sender.stop()
        await asyncio.gather(*tasks)


def sending(dsn: str, *channels: dict[str, Any], **changes: Any) -> Sender:
    return make_sender(settings(*channels), dsn, {}, msgspec.structs.replace(QUICK, **changes))


def keys(there: Receiver) -> list[str]:
    return [one["key"] for request in there.requests for one in request.document["notifications"]]


def ids(there: Receiver) -> dict[str, set[str]]:
    """The ids under which each notice came."""
    found: dict[str, set[str]] = {}
    for request in there.requests:
        for one in request.document["notifications"]:
            found.setdefault(one["key"], set()).add(request.headers["webhook-id"])
    return found


async def test_from_the_outbox_to_the_receiver(dsn: str) -> None:
    async with receiver() as there:
        sender = sending(dsn, hook(there))
        async with at_work(sender):
            entered = await enter(dsn, 10)
            sender.nudge()
            await until(dsn, DONE, 10)
            more = await enter(dsn, 1)
            await until(dsn, DONE, 11)
        assert sorted(keys(there)) == sorted(entered + more)
    assert await sql(dsn, "SELECT DISTINCT answer, attempts FROM deliveries") == [("HTTP 204", 1)]
    (standing,) = sender.standings()
    assert (standing.title, standing.connected, standing.figures[0].value) == ("notify a", True, 11)


async def test_what_failed_is_sent_again_as_the_same_message(dsn: str) -> None:
    tries: dict[str, int] = {}

    def moody(request: Request) -> Answer:
        number = tries[request.headers["webhook-id"]] = tries.get(request.headers["webhook-id"], 0) + 1
        return Answer(204 if number > 2 else 503)

    async with receiver(moody) as there:
        entered = await enter(dsn, 3)
        with capture_logs() as lines:
            async with at_work(sending(dsn, hook(there))):
                await until(dsn, DONE, 3)
        assert {key: len(several) for key, several in ids(there).items()} == dict.fromkeys(entered, 1)
        assert sorted(tries.values()) == [3, 3, 3]
    assert [line["event"] for line in lines if line.get("peer") == "notify:a"] == ["peer_away", "peer_back"]


async def test_a_channel_that_is_down_holds_nobody_else(dsn: str) -> None:
    never = asyncio.Event()
    async with receiver() as there, receiver(lambda request: Answer(hold=never)) as hanging:
        channels = [hook("http://127.0.0.1:1/", "down"), hook(hanging, "hangs", timeout_s=0.2), hook(there, "sound")]
        sender = sending(dsn, *channels)
        async with at_work(sender):
            entered = await enter(dsn, 50)
            await until(dsn, DONE, 50)
        assert sorted(keys(there)) == sorted(entered)
        assert {standing.title: standing.connected for standing in sender.standings()} == {
            "notify down": False,
            "notify hangs": False,
            "notify sound": True,
        }
    answers = await sql(dsn, "SELECT DISTINCT answer FROM deliveries WHERE channel = 'hangs' AND answer IS NOT NULL")
    assert answers == [("no confirmation within 0.2 s",)]


async def test_a_message_that_is_refused_holds_no_other(dsn: str) -> None:
    refused = (await enter(dsn))[0]

    def picky(request: Request) -> Answer:
        return Answer(422 if request.document["notifications"][0]["key"] == refused else 204)

    async with receiver(picky) as there, at_work(sending(dsn, hook(there, parallel=1))):
        await enter(dsn, 20)
        await until(dsn, DONE, 20)
        assert await sql(dsn, OVER) == [(0,)]


async def test_what_cannot_be_read_goes_out_all_the_same(dsn: str) -> None:
    await sql(
        dsn, """INSERT INTO outbox (key, action, content) VALUES ('a', 'raised', '{"rule": 5}'), ('b', '?', '[]')"""
    )
    async with receiver() as there:
        async with at_work(sending(dsn, hook(there))):
            await until(dsn, DONE, 2)
        told = [one["alert"] for request in there.requests for one in request.document["notifications"]]
    assert [(alert["severity"], alert["device"]["id"]) for alert in told] == [("critical", "?")] * 2


async def test_given_up_after_a_time_with_a_log_line(dsn: str) -> None:
    await enter(dsn, 3)
    sender = sending(dsn, hook("http://127.0.0.1:1/"), give_up_after_s=0.3)
    with capture_logs() as lines:
        async with at_work(sender):
            await until(dsn, OVER, 3)
    given_up = [line for line in lines if line["event"] == "notifications_given_up"]
    assert sum(line["count"] for line in given_up) == 3
    assert {line["channel"] for line in given_up} == {"a"}
    (standing,) = sender.standings()
    assert {figure.name: figure.value for figure in standing.figures}["sanihub_notifications_given_up_total"] == 3


async def test_what_waits_for_a_channel_that_is_gone_is_given_up(dsn: str) -> None:
    await enter(dsn, 2)
    async with at_work(sending(dsn, hook("http://127.0.0.1:1/", "old"))):
        await until(dsn, "SELECT count(*) FROM deliveries", 2)
    async with at_work(sending(dsn, hook("http://127.0.0.1:1/", "new"), give_up_after_s=0.0)):
        await until(dsn, "SELECT count(*) FROM deliveries WHERE given_up_at IS NOT NULL AND channel = 'old'", 2)


async def test_two_senders_at_once_send_everything_once(dsn: str) -> None:
    async with receiver() as there:
        async with at_work(sending(dsn, hook(there)), sending(dsn, hook(there))):
            entered = await enter(dsn, 200)
            await until(dsn, DONE, 200)
        assert sorted(keys(there)) == sorted(entered)


async def test_the_last_message_of_the_minute_says_how_many_more(dsn: str) -> None:
    await enter(dsn, 40)
    async with receiver() as there:
        async with at_work(sending(dsn, hook(there, per_minute=3))):
            await until(dsn, DONE, 40)
        assert sorted(len(request.document["notifications"]) for request in there.requests) == [1, 1, 38]


async def test_stopped_amid_a_message_it_is_sent_again_at_the_next_start(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.notify.sender.GRACE_S", 0.05)
    never = asyncio.Event()
    hold: list[asyncio.Event | None] = [never]
    async with receiver(lambda request: Answer(hold=hold[0])) as there:
        entered = await enter(dsn)
        async with at_work(sending(dsn, hook(there))):
            await there.count(1)
        hold[0] = None
        async with at_work(sending(dsn, hook(there))):
            await until(dsn, DONE, 1)
        assert len(there.requests) == 2
        assert {key: len(several) for key, several in ids(there).items()} == dict.fromkeys(entered, 1)


class Faulty:
    """A channel with a fault of its own."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, message: Message) -> str:
        self.sent.append(message)
        if len(self.sent) < 3:
            raise KeyError("a fault")
        return "fine\n\x00" + "x" * 10_000

    async def close(self) -> None:
        pass


async def test_a_fault_of_a_channels_own_costs_a_try(dsn: str) -> None:
    await enter(dsn)
    line = Line("a", Faulty(), Habits(), parallel=1, timeout_s=5)
    with capture_logs() as lines:
        async with at_work(Sender(Outbox(dsn), [line], [Route(("a",))], ZONE, QUICK)):
            await until(dsn, DONE, 1)
    assert [one["event"] for one in lines].count("channel_failed") == 2
    ((said, attempts),) = await sql(dsn, "SELECT answer, attempts FROM deliveries")
    assert (said[:6], len(said), attempts) == ("fine x", 300, 3)


async def test_a_store_that_goes_and_comes(private_postgres: Any) -> None:
    with private_postgres.database() as dsn:
        await migrate(dsn)
        async with receiver() as there:
            async with at_work(sending(dsn, hook(there))):
                first = await enter(dsn, 5)
                await until(dsn, DONE, 5)
                private_postgres.kill()
                private_postgres.start()
                second = await enter(dsn, 5)
                await sql(dsn, "UPDATE deliveries SET claimed_until = NULL")
                await until(dsn, DONE, 10)
            assert set(keys(there)) == set(first + second)
            assert all(len(several) == 1 for several in ids(there).values())


PROGRAM = """
import asyncio, json, sys
from hub.notify.wiring import make_sender
from hub.notify.settings import NotifySection
asyncio.run(make_sender(NotifySection.model_validate(json.loads(sys.argv[2])), sys.argv[1], {}).run())
"""


@asynccontextmanager
async def process(dsn: str, section: dict[str, Any]) -> AsyncIterator[asyncio.subprocess.Process]:
    """A sender in a process of its own, killed at the end."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, dsn, json.dumps(section), env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    try:
        yield child
    finally:
        child.send_signal(signal.SIGKILL)
        await child.wait()


async def test_killed_again_and_again_nothing_is_lost(dsn: str, eventually: Callable[..., None]) -> None:
    """Killed when so many requests have come, half of them unanswered; what was claimed then is sent by the next."""
    never = asyncio.Event()
    asked = [0]

    def reluctant(request: Request) -> Answer:
        asked[0] += 1
        return Answer(hold=never if asked[0] % 2 and asked[0] < 40 else None)

    async with receiver(reluctant) as there:
        section = {"channels": [hook(there, parallel=4)], "routes": [{"channels": ["a"]}], "allowed_networks": LOOPBACK}
        entered = await enter(dsn, 60)
        for crash in range(1, 4):
            async with process(dsn, section):
                await there.count(crash * 4)
            await sql(dsn, "UPDATE deliveries SET claimed_until = now() WHERE claimed_until IS NOT NULL")
        asked[0] = 1_000
        async with process(dsn, section):
            await until(dsn, DONE, 60)
        assert set(keys(there)) == set(entered)
        assert len(keys(there)) > 60  # some came twice
        assert all(len(several) == 1 for several in ids(there).values())
