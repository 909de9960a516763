"""docs/benchmarks.md: what stands between its markers is made from the results, all else is written by hand.

    <!-- table: ingest -->
    ...
    <!-- end -->

A table whose results are not there stays as it is. Charts (``docs/images/bench-*.svg``) are made likewise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.charts import CHARTS
from benchmarks.results import FOLDER, Result, load
from benchmarks.tables import TABLES

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/benchmarks.md"
IMAGES = ROOT / "docs/images"
_BLOCK = re.compile(r"(<!-- table: ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.S)


def results(folder: Path = FOLDER) -> dict[str, Result]:
    """All results that were kept, by name."""
    names = sorted(file.stem for file in folder.glob("*.json"))
    return {name: result for name in names if (result := load(name, folder)) is not None}


def rendered(text: str, found: Mapping[str, Result]) -> str:
    """The page's text with its tables made anew. Raises KeyError for a table that nobody knows."""

    def block(match: re.Match[str]) -> str:
        table = TABLES[match[2]]
        if not all(name in found for name in table.needs):
            return match[0]
        return f"{match[1]}{table.text(found)}{match[3]}"

    return _BLOCK.sub(block, text)


def named(text: str) -> list[str]:
    """The tables that a page has."""
    return [match[2] for match in _BLOCK.finditer(text)]


def drawn(found: Mapping[str, Result]) -> Iterator[tuple[str, str]]:
    """The charts whose results are there: file name and SVG."""
    for chart in CHARTS:
        if all(name in found for name in chart.needs):
            yield chart.file, chart.draw(found)


def write(folder: Path = FOLDER) -> None:
    """Make the page and the charts from the results."""
    found = results(folder)
    PAGE.write_text(rendered(PAGE.read_text("utf-8"), found), "utf-8")
    for file, svg in drawn(found):
        (IMAGES / file).write_text(svg, "utf-8")
