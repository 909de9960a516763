"""The bench of a year at a small size: six days in plain mode, and the same in TimescaleDB's own code."""

from __future__ import annotations

from io import StringIO

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from rich.console import Console

from devices.errors import ConfigError, TransientError
from hub.bench.store_year.figures import Figures, Measured, Plan
from hub.bench.store_year.measurement import measure_plain
from hub.bench.store_year.table import parts
from hub.bench.store_year.timescale import measure_on_server, measure_timescale
from store.benches.scratch_database import scratch_database
from tests.hub.cli_runner import invoke
from tests.servers import PostgresServer

PLAN = Plan(bins=1, vehicles=1, toilets=1, days=6, times=1, retention_days=2, month_days=1, partition_days=1)
A_DAY = 3 * 96 + 2 * 480 + 8_640


def check_year(made: Measured, hours: int) -> None:
    """Everything is there, both ways give a day by hours, and retention takes whole days that are too old."""
    assert made.year.rows == 6 * A_DAY
    assert made.year.hour_rows == 6 * hours  # of six metrics
    assert made.year.bytes > made.year.hour_bytes > 0 < made.year.day_bytes
    assert [(one.readings, one.buckets) for one in made.series] == [(96, 24), (480, 24), (8_640, 24)]
    left = made.retention
    assert (left.rows_before, left.rows_after) == (6 * A_DAY, 2 * A_DAY)
    assert 2 * A_DAY >= left.young_before == left.young_after > 0
    assert 2 <= left.oldest_days <= 3
    assert (left.sums_same, left.old_month_buckets) == (True, 24)


def printed(figures: Figures) -> str:
    console = Console(file=StringIO(), width=160)
    for part in parts(figures):
        console.print(part)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


async def test_a_year_in_both_kinds_of_store(postgres_dsn: str, timescale_dsn: str) -> None:
    figures = await measure_plain(postgres_dsn, PLAN)
    check_year(figures, 6 * 24 - 1)  # the last hour is not summed up yet
    assert figures.retention.partitions == 4 * 3  # of three tables
    text = printed(figures)
    assert "TimescaleDB was not measured" in text
    assert "--timescale postgresql://" in text

    steps: list[tuple[int, int]] = []
    figures.timescale = made = await measure_timescale(timescale_dsn, PLAN, lambda done, of: steps.append((done, of)))
    check_year(made, 6 * 24)
    assert made.retention.partitions == 4
    assert steps[-1] == (25, 25)
    found = made.conversion
    assert (found.chunks, found.converted, found.rows_after) == (6, 6, 6 * A_DAY)
    assert found.bytes_before == made.year.bytes > found.bytes_after > 0
    assert found.ratio == round(found.bytes_before / found.bytes_after, 2)
    text = printed(figures)
    assert "not measured" not in text
    assert f"TimescaleDB {made.version}" in text
    assert "times smaller" in text


async def test_the_database_of_the_bench_is_made_and_dropped(postgres_server: PostgresServer) -> None:
    def databases() -> list[tuple[str]]:
        with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
            return connection.execute("SELECT datname FROM pg_database ORDER BY 1").fetchall()

    async with scratch_database(postgres_server.dsn()) as dsn:
        with psycopg.connect(dsn) as connection:
            row = connection.execute("SELECT current_database()").fetchone()
            assert row is not None
            name = row[0]
            assert (name,) in databases()
            # Still connected: it is dropped none the less.
            opened = psycopg.connect(dsn)
    opened.close()
    assert (name,) not in databases()

    before = [one for one in databases() if one[0].startswith("sanihub_bench_")]
    with pytest.raises(ConfigError, match="the server does not offer the timescaledb extension"):
        await measure_on_server(postgres_server.dsn(), PLAN)
    assert [one for one in databases() if one[0].startswith("sanihub_bench_")] == before


async def test_a_server_that_cannot_be_used_is_refused_by_name(postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE ROLE bench_reader LOGIN PASSWORD 'secret'")
        try:
            reader = make_conninfo(postgres_server.dsn(), user="bench_reader", password="secret")
            with pytest.raises(ConfigError, match="timescale: expected a user who may create databases"):
                await measure_on_server(reader, PLAN)
        finally:
            connection.execute("DROP ROLE bench_reader")
    with pytest.raises(ConfigError, match="timescale: expected postgresql://") as refused:
        await measure_on_server("postgresql://bench:secret@[::1", PLAN)
    assert "secret" not in str(refused.value)
    with pytest.raises(TransientError):
        await measure_on_server("postgresql://bench@127.0.0.1:1/none", PLAN)


def test_the_command_looks_at_the_server_before_it_makes_a_year(postgres_server: PostgresServer) -> None:
    found = invoke("bench", "store-year", "--timescale", postgres_server.dsn())
    assert isinstance(found.exception, ConfigError)
    assert "the server does not offer the timescaledb extension" in str(found.exception)
    assert "days, TimescaleDB" in found.stderr
    assert found.stdout == ""
