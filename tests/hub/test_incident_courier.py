"""Letters to other departments: real rows, a real receiver, and what fails in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool
from pydantic import SecretStr

from devices.metrics import Catalogue
from fleet.incidents.incident import Report, Reporter
from hub.incidents.courier import Courier
from hub.incidents.settings import Department, IncidentsSection
from hub.notify.channel import Surroundings
from hub.notify.targets import Targets
from ingest.runner import Backoff
from store.incidents.letters import IncidentLetters
from store.incidents.records import Incidents
from store.reading import ReadSession
from store.schema import Mode, enter_catalogue, migrate
from store.writing import WriteSession
from tests.receiver import Answer, Receiver, Request, receiver

NOW = 1_793_600_000_000_000
AROUND = Surroundings(Targets([ip_network("127.0.0.0/8")]), {}, ZoneInfo("Asia/Shanghai"))


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[AsyncConnectionPool]:
    async with await psycopg.AsyncConnection.connect(postgres_dsn, autocommit=True) as connection:
        await migrate(connection, Mode.PLAIN, 7)
        await enter_catalogue(connection, Catalogue())
    async with AsyncConnectionPool(postgres_dsn, min_size=1, max_size=4, open=False) as opened:
        yield opened


def section(there: Receiver, give_up_after_h: float = 72.0) -> IncidentsSection:
    department = Department(
        name="roads", url=SecretStr(there.url), secrets=(SecretStr("s" * 32),), allow_http=True, timeout_s=5
    )
    return IncidentsSection(departments=(department,), give_up_after_h=give_up_after_h)


@asynccontextmanager
async def courier(pool: AsyncConnectionPool, settings: IncidentsSection) -> AsyncIterator[Courier]:
    made = Courier(IncidentLetters(WriteSession(pool)), settings, AROUND, between=Backoff(first=0.01, most=0.02))
    stop = asyncio.Event()
    task = asyncio.create_task(made.run(stop))
    yield made
    stop.set()
    await task


async def hand_on(pool: AsyncConnectionPool) -> None:
    store = Incidents(ReadSession(pool), WriteSession(pool))
    number, _ = await store.enter(Report("phone-0001", "spill", 30.5, 114.3), Reporter("key:x", "x"), None, NOW)
    assert await store.act(number, "key:x", "handed_on", "Mind the oil.", letter=("roads", b'{"incident": 1}'))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait on a condition, giving way to the others in between."""
    async with asyncio.timeout(60):
        while not await condition():
            await asyncio.sleep(0)


async def told(pool: AsyncConnectionPool, which: str) -> tuple[int, str]:
    """Wait until the letter has ended; how often it was tried, and the last answer."""
    query = f"SELECT attempts, answer FROM incident_letters WHERE {which} IS NOT NULL"
    found: list[tuple[int, str]] = []

    async def ended() -> bool:
        async with pool.connection() as connection:
            found.extend(await (await connection.execute(query)).fetchall())
        return bool(found)

    await until(ended)
    return found[0]


def after(failures: int, then: int = 204) -> Callable[[Request], Answer]:
    seen: list[Request] = []

    def decide(request: Request) -> Answer:
        seen.append(request)
        return Answer(503 if len(seen) <= failures else then)

    return decide


async def test_a_letter_is_sent_signed_and_once(pool: AsyncConnectionPool) -> None:
    async with receiver() as there, courier(pool, section(there)) as one, courier(pool, section(there)):
        await hand_on(pool)
        one.nudge()
        assert await told(pool, "delivered_at") == (1, "HTTP 204")
    (request,) = there.requests
    assert request.document == {"incident": 1}
    assert request.headers["webhook-signature"].startswith("v1,")


async def test_a_department_that_is_down_gets_it_later_under_the_same_id(pool: AsyncConnectionPool) -> None:
    async with receiver(after(1)) as there, courier(pool, section(there)) as one:
        await hand_on(pool)
        one.nudge()
        await there.count(1)

        async def tried_again() -> bool:
            one.nudge()
            return len(there.requests) > 1

        await until(tried_again)
        attempts, _ = await told(pool, "delivered_at")
    assert attempts == 2
    assert len({request.headers["webhook-id"] for request in there.requests}) == 1


async def test_it_is_given_up_when_it_is_too_old(pool: AsyncConnectionPool) -> None:
    async with receiver(lambda _: Answer(500)) as there:
        await hand_on(pool)
        async with pool.connection() as connection:
            await connection.execute("UPDATE incident_letters SET entered_at = now() - interval '2 hours'")
        async with courier(pool, section(there, give_up_after_h=1)):
            assert await told(pool, "given_up_at") == (1, "HTTP 500")
