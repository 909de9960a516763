"""The page of the Grafana boards says what there is."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

from devices.metrics import Catalogue
from store.schema import Mode, enter_catalogue, migrate
from tests.programs import program

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "dashboards.md").read_text("utf-8")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return program("docs/generate_dashboards")


def test_the_table_of_boards_is_up_to_date(generator: ModuleType) -> None:
    assert generator.with_tables(TEXT) == TEXT, "run python docs/generate_dashboards.py"


async def test_the_views_are_those_that_there_are_and_the_role_reads_them(postgres_dsn: str) -> None:
    section = TEXT.partition("## What they may read")[2].partition("## The boards")[0]
    named = {name for row in re.findall(r"^\| (`[^|]+) \|", section, re.M) for name in re.findall(r"`(\w+)`", row)}
    role = "sanihub_boards_of_the_page"
    statements = re.search(r"```sql\n(.+?)```", TEXT, re.S)[1].replace("sanihub_boards", role)  # type: ignore[index]
    async with await psycopg.AsyncConnection.connect(postgres_dsn, autocommit=True) as connection:
        await migrate(connection, Mode.PLAIN, 7)
        await enter_catalogue(connection, Catalogue())
        cursor = await connection.execute(
            "SELECT table_name FROM information_schema.views WHERE table_schema = 'boards'"
        )
        assert {row[0] for row in await cursor.fetchall()} == named
        try:
            await connection.execute(statements.encode())
            await connection.execute(f"SET ROLE {role}".encode())
            for name in named:
                await connection.execute(f"SELECT * FROM boards.{name} LIMIT 1".encode())
        finally:
            await connection.execute("RESET ROLE")
            await connection.execute(f"DROP OWNED BY {role}".encode())
            await connection.execute(f"DROP ROLE {role}".encode())
