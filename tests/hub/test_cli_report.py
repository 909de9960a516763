"""``sanihub report`` over a real store: files, revisions, and what is said of wrong options."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import psycopg
import pypdfium2
import pytest

from devices.errors import ConfigError
from tests.hub.cli_runner import invoke
from tests.intake import make_store
from tests.report_documents import driven

DAY = ("--from", "2026-11-23")


@pytest.fixture(scope="module")
def dsn(postgres_module_dsn: str) -> str:
    """A truck with a morning of positions."""
    asyncio.run(_prepared(postgres_module_dsn))
    with psycopg.connect(postgres_module_dsn, autocommit=True) as connection:
        put = "INSERT INTO devices (id, kind, status, name) VALUES ('truck-12', 'vehicle', 'active', %s) RETURNING key"
        row = connection.execute(put, ("京A·12345",)).fetchone()
        assert row is not None
        at, lat, lon, _, _ = driven().track
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO fixes (device_key, variant, observed_at, received_at, quality, lat, lon, valid)"
                " VALUES (%s, 0, to_timestamp(%s), now(), 0, %s, %s, true)",
                [(row[0], int(one) / 1e6, float(y), float(x)) for one, y, x in zip(at, lat, lon, strict=True)],
            )
    return postgres_module_dsn


async def _prepared(dsn: str) -> None:
    store = make_store(dsn)
    await store.open()
    await store.close()


def test_a_pdf_and_a_sheet_and_the_same_revision(dsn: str, tmp_path: Path) -> None:
    pdf, sheet = tmp_path / "day.pdf", tmp_path / "day.xlsx"
    result = invoke("report", "vehicle-day", *DAY, "--vehicle", "truck-12", "-o", pdf, dsn=dsn)
    assert result.exception is None, result.exception
    assert "Vehicle day report, revision 1 (new), sha256" in result.stderr
    text = pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_range()
    assert "车辆日报" in text
    assert "京A·12345" in text.replace("・", "·")
    result = invoke("report", "vehicle-day", *DAY, "--vehicle", "truck-12", "--lang", "en", "-o", sheet, dsn=dsn)
    assert "revision 1 (as before)" in result.stderr
    assert openpyxl.load_workbook(sheet).sheetnames == ["Summary", "Trips", "Stands"]


def test_json_goes_to_standard_output(dsn: str) -> None:
    result = invoke("report", "fleet-summary", *DAY, "--format", "json", dsn=dsn)
    assert result.exception is None, result.exception
    assert '"kind": "fleet_summary"' in result.stdout


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("vehicle-day", "--from", "25.11."), "--from: expected today, yesterday, a date (2026-11-23) or an instant"),
        (("vehicle-day", *DAY, "-o", "x.doc"), "-o: expected a name that ends with .pdf, .xlsx"),
        (
            ("vehicle-day", *DAY, "-o", "/nowhere/x.pdf"),
            "-o: /nowhere/x.pdf: No such file or directory; make the folder",
        ),
        (
            ("vehicle-day", *DAY, "--to", "2026-11-01"),
            "--to: expected a day or an instant that is not before --from (2026-11-23), got 2026-11-01",
        ),
        (("vehicle-day", *DAY, "--zone", "Middle/Earth"), "--zone: expected an IANA time zone"),
        (("vehicle-day", *DAY, "--toilet", "t"), "--toilet: vehicle_day knows no such choice; expected vehicle"),
        (("vehicle-day", *DAY, "--vehicle", "nobody"), "--vehicle: there is no vehicle 'nobody'; there are truck-12"),
        (
            ("vehicle-day", *DAY, "--vehicle", "truck-21"),
            "--vehicle: there is no vehicle 'truck-21'; did you mean truck-12?",
        ),
        (
            ("route-compliance", *DAY, "--route", "r"),
            "--route: no plan of route 'r' begins in this span; nobody has one",
        ),
        (("toilet-service", *DAY), "--from: there is nothing to report on in this span; choose"),
        (("vehicle-day", *DAY, "--format", "csv", "--table", "nonsense"), "--table: there is no 'nonsense'"),
    ],
)
def test_what_is_wrong_is_named(dsn: str, argv: tuple[Any, ...], said: str) -> None:
    result = invoke("report", *argv, dsn=dsn)
    assert isinstance(result.exception, ConfigError), result.output
    assert str(result.exception).startswith(said)


def test_today_and_yesterday_are_days_of_the_zone(dsn: str, tmp_path: Path) -> None:
    for word, days in (("today", 0), ("yesterday", 1)):
        before = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()
        given = ("--from", word, "--zone", "Pacific/Kiritimati", "--format", "json")
        result = invoke("report", "fleet-summary", *given, dsn=dsn)
        assert result.exception is None, result.exception
        after = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()
        told = json.loads(result.stdout)
        assert any(str(on - timedelta(days=days)) in json.dumps(told) for on in (before, after)), told


def test_every_kind_has_a_command() -> None:
    shown = invoke("report", "--help").stdout
    for name in ("route-compliance", "fleet-summary", "missed-pickups", "toilet-service", "evaluation", "vehicle-day"):
        assert name in shown
