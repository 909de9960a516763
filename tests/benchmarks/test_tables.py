"""Every table takes the figures of its bench, whatever they are, and comes out whole."""

from __future__ import annotations

import types
import typing
from typing import Any

import msgspec
import pytest

from benchmarks.results import Result, load, save
from benchmarks.tables import TABLES
from hub.bench import compliance_month, ingest
from hub.bench.alerts import table as alert_table
from hub.bench.api import measurement as api
from hub.bench.board import measurement as board
from hub.bench.boards import measurement as boards
from hub.bench.http import measurement as http
from hub.bench.jt808 import measurement as jt808
from hub.bench.modbus import measurement as modbus
from hub.bench.reports import measurement as reports
from hub.bench.scaling import figures as scaling_figures
from hub.bench.stages import measurement as stages
from hub.bench.store_year import figures as store_year_figures
from hub.bench.trackers import table as tracker_table

KINDS: dict[str, Any] = {
    "ingest": ingest.Figures, "http": http.Figures, "jt808": jt808.Figures, "alerts": alert_table.Figures,
    "trackers": tracker_table.Figures, "api": api.Figures, "boards": boards.Figures, "board": board.Figures,
    "reports": reports.Figures, "compliance-month": compliance_month.Month, "store-year": store_year_figures.Figures,
    "scaling": scaling_figures.Figures, **dict.fromkeys(("stages", "stages-alike"), stages.Stages),
    **dict.fromkeys(("modbus-gateway", "modbus-serial", "modbus-lines", "modbus-line"), modbus.Figures),
}  # fmt: skip
NAMES = ("hub", "postgres", "broker", "load", "readings", "fixes", "alerts")
MACHINE = {"cores": "2", "memory_gib": "24", "kernel": "6.18.44-x", "python": "3.11.7", "psycopg": "3.3.9"}


def some(kind: Any) -> Any:
    """A value of a type, with something in everything."""
    if isinstance(kind, type) and issubclass(kind, reports.Made):
        files = [reports.File(name, 1.5, 20.0) for name in reports.FORMATS]
        return reports.Made("evaluation", 7, 12, 1.5, 1.2, files, 80.0, 120.0)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind)
        return kind(**{name: some(hints[name]) for name in kind.__struct_fields__})
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return some(inner[0])
    if origin is list:
        return [some(inner[0])] * 2
    if origin is tuple:
        return tuple(some(one) for one in inner)
    if origin is dict:
        return dict.fromkeys(NAMES, some(inner[1]))
    return {int: 7, float: 1.5, str: "told", bool: True}[kind]


def result(name: str) -> Result:
    return Result(
        name=name, command=f"bench {name}", date="2026-11-24", quick=False, load=(0.2, 0.3, 0.4), seconds=61.0,
        machine=MACHINE, figures=msgspec.to_builtins(some(KINDS[name])),
    )  # fmt: skip


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if "compare" not in table.needs])
def test_a_table_is_whole(name: str) -> None:
    table = TABLES[name]
    text = table.text({one: result(one) for one in table.needs})
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) > 2
    assert len({line.count("|") for line in lines}) == 1
    assert f"`bench {table.needs[0]}` on 2026-11-24, 61 s; 2 cores, 24 GiB, Linux 6.18.44, Python 3.11.7" in text
    assert "Others were at work" not in text


def test_a_busy_machine_and_a_small_run_are_told() -> None:
    busy = msgspec.structs.replace(result("http"), load=(7.5, 3.0, 1.0), quick=True)
    text = TABLES["http"].text({"http": busy})
    assert "load 7.5 before. Others were at work on the machine" in text
    assert "the figures say nothing" in text


def test_figures_of_another_version_are_refused() -> None:
    old = msgspec.structs.replace(result("http"), figures={"seconds": 10})
    with pytest.raises(msgspec.ValidationError):
        TABLES["http"].text({"http": old})


def test_what_is_kept_comes_back(tmp_path: Any) -> None:
    kept = result("ingest")
    save(kept, tmp_path)
    assert load("ingest", tmp_path) == kept
