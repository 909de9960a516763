"""docs/benchmarks.md: what stands between its markers is made from the results, all else is written by hand.

    <!-- table: ingest -->
    ...
    <!-- end -->

A table whose results are not there stays as it is. Charts (``docs/images/bench-*.svg``) are made likewise, and stand in
the READMEs too: ``<!-- chart: bench-rates.svg -->``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.charts import CHARTS, Chart
from benchmarks.results import FOLDER, Result, load
from benchmarks.tables import TABLES
from benchmarks.tables.table import Table

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/benchmarks.md"
IMAGES = ROOT / "docs/images"
PAGES = (PAGE, ROOT / "README.md", ROOT / "README.zh-CN.md")
_BLOCK = re.compile(r"(<!-- (table|chart): ([a-z0-9.-]+) -->\n).*?(<!-- end -->)", re.S)
_CHARTS = {chart.file: chart for chart in CHARTS}


def results(folder: Path = FOLDER) -> dict[str, Result]:
    """All results that were kept, by name."""
    names = sorted(file.stem for file in folder.glob("*.json"))
    return {name: result for name in names if (result := load(name, folder)) is not None}


def rendered(page: Path, found: Mapping[str, Result]) -> str:
    """The page's text with its tables and charts made anew. Raises KeyError for one that nobody knows."""
    folder = "images" if page == PAGE else "docs/images"
    chinese = ".zh" in page.name

    def block(match: re.Match[str]) -> str:
        begin, kind, name, end = match.groups()
        one: Table | Chart = TABLES[name] if kind == "table" else _CHARTS[name]
        if not all(needed in found for needed in one.needs):
            return match[0]
        if isinstance(one, Chart):
            return f"{begin}\n![{one.zh if chinese else one.en}]({folder}/{name})\n\n{end}"
        return f"{begin}{one.text(found)}{end}"

    return _BLOCK.sub(block, page.read_text("utf-8"))


def named(page: Path, kind: str) -> list[str]:
    """The tables or the charts that a page has."""
    return [match[3] for match in _BLOCK.finditer(page.read_text("utf-8")) if match[2] == kind]


def drawn(found: Mapping[str, Result]) -> Iterator[tuple[str, str]]:
    """The charts whose results are there: file name and SVG."""
    for chart in CHARTS:
        if all(name in found for name in chart.needs):
            yield chart.file, chart.draw(found)


def write(folder: Path = FOLDER) -> None:
    """Make the pages and the charts from the results."""
    found = results(folder)
    for file, svg in drawn(found):
        (IMAGES / file).write_text(svg, "utf-8")
    for page in PAGES:
        page.write_text(rendered(page, found), "utf-8")
