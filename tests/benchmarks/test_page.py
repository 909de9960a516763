"""docs/benchmarks.md is what the kept results say, and every table and bench has its place there."""

from __future__ import annotations

import re

from benchmarks import page
from benchmarks.catalogue import SET
from benchmarks.results import FOLDER
from benchmarks.tables import TABLES

TEXT = page.PAGE.read_text("utf-8")


def test_the_page_is_up_to_date() -> None:
    assert page.rendered(TEXT, page.results()) == TEXT, "run: python -m benchmarks render"


def test_the_charts_are_up_to_date() -> None:
    for file, svg in page.drawn(page.results()):
        assert (page.IMAGES / file).read_text("utf-8") == svg, "run: python -m benchmarks render"


def test_every_table_is_on_the_page_once() -> None:
    assert sorted(page.named(TEXT)) == sorted(TABLES)


def test_every_bench_of_the_set_is_shown() -> None:
    names = {one.name for one in SET}
    assert {name for table in TABLES.values() for name in table.needs} == names
    assert {file.stem for file in FOLDER.glob("*.json")} <= names


def test_what_is_kept_was_measured_in_full() -> None:
    assert [name for name, result in page.results().items() if result.quick] == []


def test_a_table_without_its_result_stays_as_it_is() -> None:
    text = "before\n<!-- table: http -->\nby hand\n<!-- end -->\nafter"
    assert page.rendered(text, {}) == text


def test_markers_are_in_pairs() -> None:
    marks = re.findall(r"<!-- (table: [a-z0-9-]+|end) -->", TEXT)
    assert [mark == "end" for mark in marks] == [False, True] * (len(marks) // 2)
