"""Both languages have every word that reports use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

import msgspec
import pytest

from fleet.reports.document import Document
from fleet.reports.kind import kinds
from fleet.reports.words import LANGUAGES, blanks, catalogue
from tests.report_documents import documents

SOURCES = [
    file
    for folder in ("fleet/reports", "fleet/toilets")
    for file in files("fleet").joinpath("..", folder).rglob("*.py")
]
WORD = re.compile(
    r'"((?:report|subject|section|fact|figure|note|map|chart|table|empty|column|lane|label|evidence|stamp|sheet|unit|duration|change|reason|direction|proof|gas)\.[a-z0-9_.]*[a-z0-9])"'
)


def test_every_word_stands_in_both_languages_with_the_same_blanks() -> None:
    assert len(catalogue()) > 200
    for word, texts in catalogue().items():
        assert set(texts) == set(LANGUAGES), word
        assert blanks(texts["zh"]) == blanks(texts["en"]), word
        assert texts["zh"].strip(), word


def test_every_word_that_the_code_says_is_in_the_catalogue() -> None:
    said = {word for file in SOURCES for word in WORD.findall(file.read_text("utf-8"))}
    assert len(said) > 150
    assert said - set(catalogue()) - {"report.html", "report.typ"} == set()


def said_by(document: Document) -> Iterator[str]:
    """The words of a document, wherever they stand."""

    def walk(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            if value.get("is") == "said":
                yield value["word"]
            for one in value.values():
                yield from walk(one)
        elif isinstance(value, (list, tuple)):
            for one in value:
                yield from walk(one)

    yield from walk(msgspec.to_builtins(document))
    for table in document.tables():
        for column, cells in zip(table.columns, zip(*table.rows, strict=True) if table.rows else (), strict=False):
            if column.form.kind == "state":
                yield from (f"state.{cell}" for cell in cells if isinstance(cell, str))


@pytest.mark.parametrize("document", documents(), ids=lambda document: document.kind)
def test_a_report_says_no_word_that_is_not_there(document: Document) -> None:
    missing = {word for word in said_by(document) if word not in catalogue() and word != "moment"}
    assert missing == set()


def test_every_kind_is_among_the_samples() -> None:
    assert {document.kind for document in documents()} == set(kinds())
