"""The bench of HTTP intake: posts over connections that are kept, each answered after its commit.

Hub and embedded PostgreSQL run with their defaults; the posters are a process of their own (:mod:`hub.bench.http.load`)
and share the machine. As many requests may wait as the hub's limits allow (200, of one key 50), so none is turned away.
"""

from __future__ import annotations

import asyncio
import os
import sys
from time import time_ns

import msgspec
import psutil
import psycopg

from devices.access import Role
from hub.bench.api.load import percentile
from hub.bench.http.load import Job, Posted
from hub.bench.ingest import cpu_of, machine, started
from hub.bootstrap import Hub
from hub.installation import Installation
from ingest.adapters.http_json import HttpSection
from store.access.api_keys import ApiKeys
from store.writing import WriteSession

LIMIT = HttpSection()
_BACK_US = 86_400 * 1_000_000  #: how long ago the posts' times begin
_APART_US = 7_200 * 1_000_000  #: between the beginnings of two cases


class Case(msgspec.Struct, frozen=True):
    """So many connections, with so many messages in a post."""

    connections: int
    batch: int


CASES = (Case(1, 1), Case(50, 1), Case(200, 1), Case(8, 100), Case(8, 500))


class Rate(msgspec.Struct):
    """What a case measured. Times to the answer in ms, CPU in µs a message by process."""

    connections: int
    batch: int
    requests_per_s: float
    messages_per_s: float
    p50_ms: float
    p99_ms: float
    failed: int
    answered: int  #: messages
    stored: int  #: of them, at the end
    cpu_us: dict[str, float]


class Figures(msgspec.Struct):
    """What a run measured; memory of the hub in MiB at the end."""

    seconds: float
    rates: list[Rate]
    rss_mib: float
    load: list[float]
    machine: dict[str, str]


async def measure(seconds: float, cases: tuple[Case, ...] = CASES) -> Figures:
    """Run the whole bench in a temporary data folder of its own; each case for so many seconds."""
    load = [round(one, 1) for one in os.getloadavg()]
    async with started(http={"max_posts_per_s": 0}) as (installation, hub):
        await hub.listening()
        await hub.prepared()
        keys = await _keys(hub, max(one.connections for one in cases))
        rates = []
        start_us = time_ns() // 1_000 - _BACK_US
        for case in cases:
            await _posted(hub, keys, Case(case.connections, case.batch), 0.2, start_us)  # its devices are known then
            rates.append(await _case(installation, hub, keys, case, seconds, start_us + _APART_US // 2))
            start_us += _APART_US
        return Figures(seconds, rates, round(psutil.Process().memory_info().rss / 2**20, 1), load, machine())


async def _keys(hub: Hub, connections: int) -> tuple[str, ...]:
    """Keys of integrations, as many as it takes for all to be heard at once."""
    store = ApiKeys(WriteSession(hub._pool))
    wanted = -(-connections // LIMIT.max_waiting_per_key)
    return tuple(
        [
            (await store.create(f"bench {number}", Role.INTEGRATION, device=None, expires_at=None, actor="bench"))[0]
            for number in range(wanted)
        ]
    )


async def _case(
    installation: Installation, hub: Hub, keys: tuple[str, ...], case: Case, seconds: float, start_us: int
) -> Rate:
    cpu = cpu_of(installation)
    before = await asyncio.to_thread(_fixes, installation.dsn())
    posted = await _posted(hub, keys, case, seconds, start_us)
    stored = await asyncio.to_thread(_fixes, installation.dsn()) - before
    answered = (len(posted.times_ms) - posted.failed) * case.batch
    used = cpu.a_message(max(1, answered)) | {"load": posted.cpu_s * 1e6 / max(1, answered)}
    return Rate(
        case.connections,
        case.batch,
        round(len(posted.times_ms) / posted.seconds, 1),
        round(answered / posted.seconds, 1),
        round(percentile(posted.times_ms, 0.5), 2),
        round(percentile(posted.times_ms, 0.99), 2),
        posted.failed + posted.ended,
        answered,
        stored,
        {name: round(value, 1) for name, value in used.items()},
    )


async def _posted(hub: Hub, keys: tuple[str, ...], case: Case, seconds: float, start_us: int) -> Posted:
    """Let the other process do a job."""
    assert hub.web is not None
    job = Job(hub.web.port, keys, case.connections, case.batch, seconds, start_us)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub.bench.http.load", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate(msgspec.json.encode(job) + b"\n")
    return msgspec.json.decode(told, type=Posted)


def _fixes(dsn: str) -> int:
    """Every message has one fix, and no two have the same."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM fixes").fetchone()
    assert row is not None
    found: int = row[0]
    return found
