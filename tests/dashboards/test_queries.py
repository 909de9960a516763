"""Every query of every board, expanded as Grafana does it, over a week of a city, as a role that reads only boards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from psycopg import sql

from dashboards import boards
from dashboards.parts.expansion import Span, Value, expand
from dashboards.parts.questions import Question, asked_by_annotations, asked_by_panels, asked_by_variables, at_first
from hub.bench.board.city import SMALL, make_city

BOARDS = {board["uid"]: board["dashboard"] for lang in ("zh", "en") for board in boards(lang, "https://hub.example")}
ROLE = "boards_reader_of_tests"
HIDDEN = (
    "people", "sessions", "api_keys", "audit", "workers", "incidents", "incident_photos", "incident_log", "fixes",
    "readings", "dead_letters", "device_state", "alert_log", "outbox", "deliveries", "reports", "board_hours",
)  # fmt: skip


class Reader:
    """What the role sees. ``timescale``: the data source's switch for TimescaleDB is on."""

    def __init__(self, connection: psycopg.Connection, timescale: bool) -> None:
        self._connection, self.timescale = connection, timescale

    def rows(self, statement: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The names of the columns, and the rows."""
        cursor = self._connection.execute(statement.encode())
        assert cursor.description is not None
        return [column.name for column in cursor.description], cursor.fetchall()

    def ask(self, query: str, values: Mapping[str, Value], days: float = 7) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The answer to a query of a board that shows so many days up to now."""
        end = datetime.now(UTC)
        return self.rows(expand(query, values, Span(end - timedelta(days=days), end), timescale=self.timescale))


@pytest.fixture(scope="module", params=["plain", "timescale"])
def reader(request: pytest.FixtureRequest) -> Iterator[Reader]:
    """A week of a small city, and somebody who may read the schema ``boards`` and nothing else."""
    timescale = request.param == "timescale"
    dsn = request.getfixturevalue("timescale_module_dsn" if timescale else "postgres_module_dsn")
    asyncio.run(make_city(dsn, SMALL))
    role = sql.Identifier(ROLE)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {}").format(role))
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA boards TO {}").format(role))
        connection.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA boards TO {}").format(role))
        connection.execute(sql.SQL("SET ROLE {}").format(role))
        connection.execute("SET default_transaction_read_only = on")
        yield Reader(connection, timescale)
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("RESET ROLE")
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


def _choices(reader: Reader, dashboard: Mapping[str, Any]) -> dict[str, list[str]]:
    """The values that each variable offers when nothing is chosen."""
    found = {}
    for name, question in asked_by_variables(dashboard):
        columns, rows = reader.ask(question.sql, at_first(dashboard))
        at = columns.index("__value") if "__value" in columns else 0
        found[name] = [row[at] for row in rows]
    return found


@pytest.mark.parametrize("uid", BOARDS)
def test_every_variable_offers_something_and_narrows_what_follows(reader: Reader, uid: str) -> None:
    dashboard = BOARDS[uid]
    values, choices = at_first(dashboard), _choices(reader, dashboard)
    for name, question in asked_by_variables(dashboard):
        columns, rows = reader.ask(question.sql, values)
        assert rows, f"{name} offers nothing"
        assert columns in (["__text", "__value"], [columns[0]]), columns
        assert all(isinstance(cell, str) and cell for row in rows for cell in row)
    if {"area", "device"} <= choices.keys():
        narrowed = dict(asked_by_variables(dashboard))["device"].sql
        counts = [len(reader.ask(narrowed, {**values, "area": [one]})[1]) for one in choices["area"]]
        assert 0 < max(counts) < len(choices["device"]) and min(counts) == 0


@pytest.mark.parametrize("uid", BOARDS)
def test_every_panel_gets_what_it_shows_of_everything(reader: Reader, uid: str) -> None:
    for question in asked_by_panels(BOARDS[uid]):
        columns, rows = reader.ask(question.sql, at_first(BOARDS[uid]))
        assert rows, f"{question.where}: no rows"
        _fits(question, columns, rows)


@pytest.mark.parametrize("days", [0.2, 1, 90], ids=["hours", "day", "quarter"])
@pytest.mark.parametrize("uid", [uid for uid in BOARDS if uid.endswith("-en")])
def test_every_panel_answers_over_other_spans(reader: Reader, uid: str, days: float) -> None:
    for question in asked_by_panels(BOARDS[uid]):
        columns, rows = reader.ask(question.sql, at_first(BOARDS[uid]), days)
        _fits(question, columns, rows)


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("uid", [uid for uid in BOARDS if uid.endswith("-en")])
def test_every_panel_answers_for_what_is_chosen(reader: Reader, uid: str, most: int) -> None:
    dashboard = BOARDS[uid]
    chosen = {**at_first(dashboard), **{name: found[:most] for name, found in _choices(reader, dashboard).items()}}
    for question in (*asked_by_panels(dashboard), *asked_by_annotations(dashboard)):
        columns, rows = reader.ask(question.sql, chosen)
        _fits(question, columns, rows)


@pytest.mark.parametrize("uid", [uid for uid in BOARDS if uid.endswith("-en") and "device" in at_first(BOARDS[uid])])
def test_a_device_that_is_chosen_is_the_only_one(reader: Reader, uid: str) -> None:
    dashboard = BOARDS[uid]
    one = _choices(reader, dashboard)["device"][0]
    values = {**at_first(dashboard), "device": [one]}
    told = set()
    for question in asked_by_panels(dashboard):
        columns, rows = reader.ask(question.sql, values)
        if "device" in columns:
            told |= {row[columns.index("device")] for row in rows}
    assert told == {one}


@pytest.mark.parametrize("uid", BOARDS)
def test_annotations_mark_what_was_raised(reader: Reader, uid: str) -> None:
    found = []
    for question in asked_by_annotations(BOARDS[uid]):
        columns, rows = reader.ask(question.sql, at_first(BOARDS[uid]))
        assert columns == ["time", "timeend", "text", "tags"]
        found += rows
    assert all(isinstance(row[0], datetime) and (row[1] is None or row[1] >= row[0]) for row in found)
    assert found or uid.startswith("sanihub-health")


def test_the_role_sees_nothing_but_boards(reader: Reader) -> None:
    for table in HIDDEN:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.rows(f"SELECT * FROM {table} LIMIT 1")


def test_no_view_tells_how_a_worker_is_or_where(reader: Reader) -> None:
    for view in ("latest", "readings", "readings_hourly", "readings_daily"):
        _, rows = reader.rows(f"SELECT DISTINCT metric FROM boards.{view} WHERE kind = 'worker'")
        assert [row[0] for row in rows] == ["battery_pct"], view
    assert reader.rows("SELECT 1 FROM boards.fixes WHERE kind = 'worker'")[1] == []
    assert (
        reader.rows("SELECT 1 FROM boards.devices WHERE kind = 'worker' AND (lat, lon) IS DISTINCT FROM (NULL, NULL)")[
            1
        ]
        == []
    )


def test_no_view_tells_what_came_in_a_dead_letter_or_a_report(reader: Reader) -> None:
    _, views = reader.rows(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'boards'"
    )
    columns = {row[1] for row in views}
    assert not columns & {
        "payload",
        "reason_text",
        "channel",
        "digest",
        "text",
        "note",
        "reporter",
        "entered_by",
        "hash",
    }
    for view in sorted({row[0] for row in views}):
        _, rows = reader.rows(f"SELECT to_jsonb(v)::text FROM boards.{view} AS v")
        told = " ".join(row[0] for row in rows)
        assert "secret" not in told and "旧沙发" not in told, view


def test_what_is_retracted_or_withdrawn_is_not_shown(reader: Reader) -> None:
    columns, rows = reader.rows("SELECT * FROM boards.alerts LIMIT 1")
    assert "retracted" not in columns and rows


def _fits(question: Question, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    """The answer has what its panel needs. Raises AssertionError that names the panel."""
    panel, kind = question.panel, question.panel.get("type")
    where = f"{question.where}: {columns}"
    named = {one["matcher"]["options"] for one in panel.get("fieldConfig", {}).get("overrides", ())}
    if question.shape == "time_series":
        assert columns[0] == "time", where
        assert [name for name in columns[1:] if name != "metric"], where
        assert all(isinstance(row[0], datetime | Decimal | float) for row in rows), where
        assert all(row[0] <= other[0] for row, other in pairwise(rows)), f"{where}: not in order"
        told = {row[columns.index("metric")] for row in rows} if "metric" in columns else set(columns[1:])
        assert not named or told <= named, f"{where}: {told - named} has no name"
        assert named <= set(columns) or "metric" in columns, where
    elif kind == "stat":
        assert len(columns) == 1 and len(rows) == 1 and isinstance(rows[0][0], int | float | Decimal | None), where
    elif kind == "bargauge":
        assert len(columns) == 2, where
        assert all(isinstance(row[0], str) and isinstance(row[1], int | float | Decimal) for row in rows), where
    elif kind == "table":
        assert set(columns) == named, f"{where}: {set(columns) ^ named}"
    elif kind == "geomap":
        layers = panel["options"]["layers"]
        layer = next(one for one in layers if one["filterData"]["options"] == question.ref_id)
        needed = {"lat", "lon", layer["config"]["style"]["color"]["field"]}
        assert needed <= set(columns), where
        assert set(columns) - {"lat", "lon"} <= named, f"{where}: {set(columns) - named}"
        at = columns.index("lat"), columns.index("lon")
        assert all(-90 <= row[at[0]] <= 90 and -180 <= row[at[1]] <= 180 for row in rows), where
