"""The bench of the Grafana boards: every query of every board over a week of a city, as Grafana would ask it.

In the embedded PostgreSQL, or in an empty database that is named. Each query is asked several times over a week and
over a day, with all of everything chosen and with one area; the first answer, which finds nothing prepared, counts too.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import psycopg

from dashboards import boards
from dashboards.parts.expansion import Span, Value, expand
from dashboards.parts.questions import Question, asked_by_annotations, asked_by_panels, asked_by_variables, at_first
from hub.bench.board.city import make_city
from hub.bench.ingest import machine
from hub.installation import Installation
from hub.settings.settings import Settings
from store.connection import session_parameters

LIMIT_MS = 300.0  #: what a panel may take
TIMES = 5


class Size(msgspec.Struct, frozen=True):
    """How large the city is."""

    vehicles: int = 40
    bins: int = 400
    toilets: int = 30
    workers: int = 60

    def overrides(self) -> dict[str, Any]:
        """As a scenario takes it."""
        return {f"size.{name}": value for name, value in msgspec.structs.asdict(self).items()}


class Answer(msgspec.Struct):
    """A query, and how long its answers took, ms: the median and the worst of all that were asked."""

    board: str
    where: str
    days: float
    chosen: str
    median_ms: float
    worst_ms: float
    rows: int


class Figures(msgspec.Struct):
    """What a run measured."""

    size: Size
    rows: dict[str, int]
    answers: list[Answer]
    load: list[float]
    machine: dict[str, str]

    @property
    def over(self) -> list[Answer]:
        """Answers that took longer than they may."""
        return [one for one in self.answers if one.worst_ms >= LIMIT_MS]


async def measure(size: Size, dsn: str = "", told: Callable[[str], None] = lambda what: None) -> Figures:
    """Make the city, in the database of ``dsn`` or in one of its own that is thrown away, and ask everything."""
    async with _database(dsn) as found:
        told("making a week")
        rows = await make_city(found, size.overrides())
        told("asking")
        answers = _ask_all(found)
    return Figures(size, rows, answers, [round(one, 1) for one in os.getloadavg()], machine())


@asynccontextmanager
async def _database(dsn: str) -> AsyncIterator[str]:
    if dsn:
        yield dsn
        return
    with tempfile.TemporaryDirectory(prefix="sanihub-bench-") as name:
        Path(name).chmod(0o755)  # noqa: ASYNC240 - before anything runs
        installation = Installation(Settings(data=Path(name) / "data"), port=0)
        try:
            await installation.start()
            yield installation.dsn()
        finally:
            await installation.stop()


def _ask_all(dsn: str) -> list[Answer]:
    answers = []
    with psycopg.connect(**session_parameters(dsn), autocommit=True) as connection:  # type: ignore[arg-type]
        connection.execute("VACUUM (ANALYZE)")
        area = connection.execute("SELECT area FROM boards.device_areas ORDER BY 1 LIMIT 1").fetchone()
        for board in boards("en"):
            dashboard = board["dashboard"]
            first = at_first(dashboard)
            choices: dict[str, dict[str, Value]] = {"all": first}
            if area is not None and "area" in first:
                choices["one area"] = {**first, "area": [area[0]]}
            for chosen, values in choices.items():
                for days in (7.0, 1.0):
                    answers += [
                        _asked(connection, board["uid"], question, days, chosen, values)
                        for question in _questions(dashboard)
                    ]
    return answers


def _questions(dashboard: dict[str, Any]) -> Iterator[Question]:
    yield from asked_by_panels(dashboard)
    yield from asked_by_annotations(dashboard)
    yield from (question for _, question in asked_by_variables(dashboard))


def _asked(
    connection: psycopg.Connection, uid: str, question: Question, days: float, chosen: str, values: dict[str, Value]
) -> Answer:
    end = datetime.now(UTC)
    statement = expand(question.sql, values, Span(end - timedelta(days=days), end)).encode()
    times, rows = [], 0
    for _ in range(TIMES):
        began = perf_counter()
        rows = len(connection.execute(statement).fetchall())
        times.append(1_000 * (perf_counter() - began))
    return Answer(uid, question.where, days, chosen, sorted(times)[TIMES // 2], max(times), rows)
