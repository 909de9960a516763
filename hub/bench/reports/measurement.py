"""The bench of reports: each kind over a made city, from the order to the file.

A week of a city (:mod:`hub.bench.board.city`) is made in the embedded PostgreSQL. Then each kind of report is made for
everything that it can tell of, in a process of its own, so that memory is that report's: the document first, then the
files.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time, time_ns

import msgspec
from psycopg_pool import AsyncConnectionPool

from fleet.calendar import local_date, wall
from fleet.reports.canonical import content_hash
from fleet.reports.format import Edition
from fleet.reports.kind import kinds
from fleet.reports.revision import Order
from fleet.reports.stamp import Stamp
from hub.bench.board.city import ZONE, make_city
from hub.bench.boards.measurement import Size
from hub.bench.ingest import machine
from hub.bench.processes import peak_mib
from hub.embedded.servers import EmbeddedServers
from hub.reporting.desk import render
from hub.reporting.making import make
from store.connection import session_parameters

FORMATS = ("pdf", "xlsx", "csv", "json")


class File(msgspec.Struct):
    """A report as a file: seconds to write it, and its size."""

    format: str
    seconds: float
    kib: float


class Made(msgspec.Struct):
    """A report: over so many days, in seconds by the wall and of CPU (of the process that makes it, not PostgreSQL's).

    ``rss_mib`` is the most memory of its process, in which are ``base_mib`` before it began.
    """

    kind: str
    days: int
    pieces: int
    seconds: float
    cpu_s: float
    files: list[File]
    base_mib: float
    rss_mib: float


class Figures(msgspec.Struct):
    """What a run measured."""

    size: Size
    rows: dict[str, int]
    reports: list[Made]
    load: list[float]
    machine: dict[str, str]


class _Job(msgspec.Struct):
    dsn: str
    order: Order
    days: int


async def measure(
    size: Size,
    days: tuple[int, ...] = (1, 7),
    wanted: Collection[str] | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Figures:
    """Make the city and the reports of the ``wanted`` kinds (else of all), in a temporary server of its own."""
    load = [round(one, 1) for one in os.getloadavg()]
    with tempfile.TemporaryDirectory(prefix="sanihub-bench-") as name:
        Path(name).chmod(0o755)  # noqa: ASYNC240 - before anything runs
        async with EmbeddedServers(Path(name) / "data", broker=False) as servers:
            told("making a week")
            rows = await make_city(servers.dsn, size.overrides())
            reports = []
            for kind in sorted(kinds() if wanted is None else wanted):
                for span in days:
                    told(f"{kind}, {span} days")
                    job = _Job(servers.dsn, _order(kind, span), span)
                    reports.append(await asyncio.to_thread(_alone, job))
    return Figures(size, rows, reports, load, machine())


def _order(kind: str, days: int) -> Order:
    """The whole days up to today's midnight."""
    end = wall(local_date(time_ns() // 1_000, ZONE), 0, ZONE)
    return Order(kind, end - days * 86_400_000_000, end, ZONE, {})


def _alone(job: _Job) -> Made:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return msgspec.msgpack.decode(pool.submit(_work, msgspec.msgpack.encode(job)).result(), type=Made)


def _work(encoded: bytes) -> bytes:
    return msgspec.msgpack.encode(asyncio.run(_made(msgspec.msgpack.decode(encoded, type=_Job))))


async def _made(job: _Job) -> Made:
    """Make one report and its files."""
    base, pieces = peak_mib(), 0

    def told(done: int, whole: int) -> None:
        nonlocal pieces
        pieces = whole

    async with AsyncConnectionPool(kwargs=session_parameters(job.dsn), min_size=1, max_size=1, open=False) as pool:
        began, cpu = perf_counter(), process_time()
        document = await make(job.order, pool, told)
        seconds, used = perf_counter() - began, process_time() - cpu
    stamp = Stamp(number=1, hash=content_hash(document), made_at=time_ns() // 1_000, made_by="bench")
    files = []
    for name in FORMATS:
        began = perf_counter()
        content = render(Edition(document, stamp, "zh"), name).content
        files.append(File(name, round(perf_counter() - began, 2), round(len(content) / 1024, 1)))
    return Made(
        job.order.kind,
        job.days,
        pieces,
        round(seconds, 2),
        round(used, 2),
        files,
        round(base, 1),
        round(peak_mib(), 1),
    )
