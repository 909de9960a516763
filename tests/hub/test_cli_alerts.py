"""``sanihub alerts`` over a real store: lists, rules, backtests and their scores."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from alerts.engine import Engine
from alerts.records import StaleVersionError
from alerts.rule_file import RuleFileError, read_rules
from alerts.rulebook import Rulebook, RuleSet
from devices.errors import ConfigError
from devices.instants import to_iso
from devices.metrics import Catalogue
from hub.alerting.desk import AlertDesk
from hub.alerting.service import default_text
from simulators.truth import Header, TruthFile
from store.alerts.actions import AlertActions
from store.alerts.history import AlertHistory
from store.alerts.rule_sets import RuleSets
from store.connection import session_parameters
from store.reading import ReadSession
from store.writing import WriteSession
from tests.hub.cli_runner import decoded, invoke, write
from tests.intake import NOW, frame, make_assembler, make_store

MINUTE = 60_000_000
BEGIN = NOW - 3 * 24 * 60 * MINUTE
RULES = """version: 1
rules:
  - {id: bin-full, kind: threshold, params: {metric: fill_pct, limit: 85, clear: 75}}
  - {id: cold, kind: threshold, severity: info, params: {metric: temperature_c, limit: 3, when: below}}
"""


def said() -> list[tuple[str, dict[str, Any]]]:
    """Two bins over two and a half days, a word every ten minutes: one fills up twice, one is cold for an hour."""
    words: list[tuple[str, dict[str, Any]]] = []
    for step in range(360):
        at = BEGIN + step * 10 * MINUTE
        full = 90.0 if 60 <= step < 80 or 200 <= step < 220 else 20.0
        words.append(("bin-1", {"ts": at, "readings": {"fill_pct": full}}))
        words.append(("bin-2", {"ts": at, "readings": {"temperature_c": 1.0 if 100 <= step < 106 else 9.0}}))
    return words


async def live(dsn: str) -> None:
    """What a hub with the rules of that time made of it."""
    rules = read_rules(
        RULES.replace("limit: 85", "limit: 80").replace("temperature_c, limit: 3", "battery_v, limit: 3")
    )
    store = make_store(dsn)
    await store.open()
    pool = AsyncConnectionPool(kwargs=session_parameters(dsn), min_size=0, max_size=2, open=False)
    async with pool:
        engine = Engine(Rulebook((RuleSet(1, BEGIN, rules),)))
        clock = [BEGIN]
        reads = ReadSession(pool)
        desk = AlertDesk(store, AlertHistory(reads), engine, Catalogue(), now=lambda: clock[0])
        assembler = make_assembler(desk)  # type: ignore[arg-type]
        for device, message in said():
            clock[0] = message["ts"]
            claims = [assembler.decode(frame(message, device, at=clock[0]))]
            await desk.write(await assembler.assemble(claims))
        await RuleSets(reads, WriteSession(pool)).enter_first(default_text(), "hub", "those that come along")
        assert await AlertActions(WriteSession(pool)).acknowledge(1, "wang")
    await store.close()


@pytest.fixture(scope="module")
def dsn(postgres_module_dsn: str) -> str:
    asyncio.run(live(postgres_module_dsn))
    return postgres_module_dsn


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return write(tmp_path / "rules.yaml", RULES)


def test_list(dsn: str) -> None:
    entries = decoded(invoke("alerts", "list", "--json", dsn=dsn))
    assert [(one["device"], one["rule"], one["stage"]) for one in entries] == [("bin-1", "bin-full", "cleared")] * 2
    assert entries[1]["raised_at"] == to_iso(BEGIN + 600 * MINUTE)
    assert entries[1]["acknowledged_by"] == "wang"
    assert decoded(invoke("alerts", "list", "--open", "--json", dsn=dsn)) == []
    assert decoded(invoke("alerts", "list", "--severity", "critical", "--json", dsn=dsn)) == []
    assert len(decoded(invoke("alerts", "list", "--limit", 1, "--json", dsn=dsn))) == 1
    table = invoke("alerts", "list", "--severity", "warning", "--rule", "bin-full", "--device", "bin-1", dsn=dsn)
    assert "2 alerts" in table.stdout
    assert "by wang" in table.stdout
    wrong = invoke("alerts", "list", "--severity", "high", dsn=dsn)
    assert isinstance(wrong.exception, ConfigError)


def test_backtest_beside_what_was_told(dsn: str, rules: Path) -> None:
    span = ("--from", to_iso(BEGIN + 24 * 60 * MINUTE), "--to", to_iso(NOW))
    lines = decoded(invoke("alerts", "backtest", "--rules", rules, *span, "--json", dsn=dsn))
    assert [(one["outcome"], one["device"], one["rule"]) for one in lines] == [("matched", "bin-1", "bin-full")]
    whole = ("--from", to_iso(BEGIN), "--to", to_iso(NOW))
    lines = decoded(invoke("alerts", "backtest", "--rules", rules, *whole, "--json", dsn=dsn))
    assert [(one["outcome"], one["device"], one["rule"]) for one in lines] == [
        ("matched", "bin-1", "bin-full"),
        ("only in the backtest", "bin-2", "cold"),
        ("matched", "bin-1", "bin-full"),
    ]
    assert lines[0]["fired"] == lines[0]["told"]
    assert lines[0]["fired"]["raised_at"] == to_iso(BEGIN + 600 * MINUTE)
    other = write(rules.with_name("other.yaml"), RULES.replace("id: bin-full", "id: full"))
    table = invoke("alerts", "backtest", "--rules", other, *whole, "--device", "bin-1", dsn=dsn)
    assert table.exception is None
    rows = [line.split("│")[1:-1] for line in table.stdout.splitlines() if line.startswith("│")]
    counts = {name.strip(): [int(cell) for cell in cells] for name, *cells in rows}
    assert counts == {"full": [2, 0, 0, 2, 0], "cold": [0, 0, 0, 0, 0], "bin-full": [0, 2, 0, 0, 2]}


def test_a_backtest_writes_nothing(dsn: str, rules: Path) -> None:
    def everything() -> list[Any]:
        with psycopg.connect(dsn) as connection:
            tables = ("alerts", "alert_log", "outbox", "tracks", "dirty_spans")
            return [connection.execute(f"SELECT count(*) FROM {name}".encode()).fetchone() for name in tables]

    before = everything()
    assert invoke("alerts", "backtest", "--rules", rules, "--from", to_iso(BEGIN), dsn=dsn).exception is None
    assert everything() == before


def test_backtest_against_the_truth(dsn: str, rules: Path, tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    with TruthFile(file) as truth:
        truth.header(Header(1, BEGIN))
        for step, end in ((60, 80), (300, 320)):  # the second one was never seen
            at = BEGIN + step * 10 * MINUTE - MINUTE
            truth.point("bin_threshold", "bin-1", at, threshold_pct=85.0)
            truth.point("emptied", "bin-1", BEGIN + end * 10 * MINUTE)
        truth.begin("speeding", "vehicle-1", BEGIN, working=True)  # open at the end; nobody watches for it here
        truth.footer({})
    asked = ("alerts", "backtest", "--rules", rules, "--from", to_iso(BEGIN), "--to", to_iso(NOW), "--truth", file)
    *_, score = decoded(invoke(*asked, "--json", dsn=dsn))
    assert {name: score[name] for name in ("rule", "truths", "found", "missed", "wrong")} == {
        "rule": "bin-full", "truths": 2, "found": 1, "missed": 1, "wrong": 1,
    }  # fmt: skip
    assert score["delay_p50_s"] == 60
    table = invoke(*asked, dsn=dsn)
    assert "0.500" in table.stdout
    broken = write(tmp_path / "broken.jsonl", file.read_text().replace('"bin-1"', '"bin-2"', 1))
    refused = invoke(*asked[:-1], broken, dsn=dsn)
    assert isinstance(refused.exception, ConfigError)
    assert "checksum" in str(refused.exception)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--from", "yesterday"), "--from"),
        (("--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"), "--from"),
        (("--from", "2026-01-01T00:00:00Z", "--device", "bin-99"), "--device"),
        (("--from", "2026-01-01T00:00:00Z", "--truth", "/nowhere"), "--truth"),
    ],
)
def test_faults_name_the_option(dsn: str, rules: Path, options: tuple[str, ...], names: str) -> None:
    result = invoke("alerts", "backtest", "--rules", rules, *options, dsn=dsn)
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception).startswith(names)


def test_rules_are_shown_checked_and_entered(dsn: str, rules: Path) -> None:
    assert invoke("alerts", "rules", "show", dsn=dsn).stdout == default_text()
    assert "2 rules" in invoke("alerts", "rules", "check", rules).stdout
    wrong = write(rules.with_name("wrong.yaml"), RULES.replace("fill_pct", "fil_pct"))
    for command in ("check", "set"):
        refused = invoke("alerts", "rules", command, wrong, dsn=dsn)
        assert isinstance(refused.exception, RuleFileError)
        assert f"{wrong}:3: rules[0].params.metric: unknown metric 'fil_pct'" in str(refused.exception)
    entered = invoke("alerts", "rules", "set", rules, "--comment", "cold too", "--based-on", 1, "--no-wait", dsn=dsn)
    assert entered.stdout.startswith("Version 2 ")
    stale = invoke("alerts", "rules", "set", rules, "--based-on", 1, dsn=dsn)
    assert isinstance(stale.exception, StaleVersionError)
    shown = invoke("alerts", "rules", "show", dsn=dsn)
    assert (shown.stdout, "cold too" in shown.stderr) == (RULES, True)
    assert invoke("alerts", "rules", "show", "--version", 1, dsn=dsn).stdout == default_text()
    assert isinstance(invoke("alerts", "rules", "show", "--version", 9, dsn=dsn).exception, ConfigError)
    with psycopg.connect(dsn) as connection:
        (row,) = connection.execute("SELECT action, target, details FROM audit WHERE action = 'rules.enter'").fetchall()
    assert row == ("rules.enter", "rules:2", {"comment": "cold too", "before": 1})
    assert json.dumps(row[2])


def test_a_rule_is_added_to_those_in_force_and_removed(dsn: str, rules: Path) -> None:
    before = invoke("alerts", "rules", "show", dsn=dsn).stdout
    mine = (
        RULES.partition("rules:\n")[0]
        + "rules:\n- {id: mine, kind: threshold, params: {metric: fill_pct, limit: 50}}\n"
    )
    file = write(rules.with_name("mine.yaml"), mine)
    added = invoke("alerts", "rules", "add", file, "--no-wait", dsn=dsn)
    assert "in force in 5 s: added mine; all other rules stay." in added.stdout
    write(file, mine.replace("50", "60"))
    again = invoke("alerts", "rules", "add", file, "--no-wait", dsn=dsn)
    assert "replaced mine" in again.stdout
    now = read_rules(invoke("alerts", "rules", "show", dsn=dsn).stdout)
    assert now[:-1] == read_rules(before)
    assert (now[-1].id, now[-1].params.limit) == ("mine", 60)
    typo = invoke("alerts", "rules", "remove", "mien", dsn=dsn)
    assert str(typo.exception) == "there is no rule 'mien'; did you mean mine?"
    gone = invoke("alerts", "rules", "remove", "mine", dsn=dsn)  # and waits until it is so
    assert "is in force: removed mine" in gone.stdout
    assert read_rules(invoke("alerts", "rules", "show", dsn=dsn).stdout) == read_rules(before)
