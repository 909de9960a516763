"""docs/benchmarks.md is what the kept results say, and every table and bench has its place there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.catalogue import SET
from benchmarks.charts import CHARTS
from benchmarks.results import FOLDER
from benchmarks.tables import TABLES


@pytest.mark.parametrize("one", page.PAGES, ids=lambda one: one.name)
def test_a_page_is_up_to_date(one: Path) -> None:
    assert page.rendered(one, page.results()) == one.read_text("utf-8"), "run: python -m benchmarks render"


def test_the_charts_are_up_to_date() -> None:
    for file, svg in page.drawn(page.results()):
        assert (page.IMAGES / file).read_text("utf-8") == svg, "run: python -m benchmarks render"


def test_every_table_is_on_the_page_once() -> None:
    assert sorted(page.named(page.PAGE, "table")) == sorted(TABLES)


def test_every_chart_is_on_the_page() -> None:
    known = {chart.file for chart in CHARTS}
    assert set(page.named(page.PAGE, "chart")) == known
    for one in page.PAGES:
        assert set(page.named(one, "chart")) <= known


def test_every_bench_of_the_set_is_shown() -> None:
    names = {one.name for one in SET}
    assert {name for table in TABLES.values() for name in table.needs} == names
    assert {file.stem for file in FOLDER.glob("*.json")} <= names


def test_what_is_kept_was_measured_in_full() -> None:
    assert [name for name, result in page.results().items() if result.quick] == []


def test_a_table_without_its_result_stays_as_it_is() -> None:
    assert page.rendered(page.PAGE, {}) == page.PAGE.read_text("utf-8")


def test_markers_are_in_pairs() -> None:
    text = page.PAGE.read_text("utf-8")
    marks = re.findall(r"<!-- ((?:table|chart): [a-z0-9.-]+|end) -->", text)
    assert [mark == "end" for mark in marks] == [False, True] * (len(marks) // 2)
