"""The bench of reports in small: every kind is made, of a day and of a week, with its files."""

from __future__ import annotations

from fleet.reports.kind import kinds
from hub.bench.boards import Size
from hub.bench.reports import FORMATS, measure
from hub.bench.reports_table import table


async def test_every_kind_is_made() -> None:
    figures = await measure(Size(vehicles=3, bins=10, toilets=2, workers=4), days=(1,))
    assert [made.kind for made in figures.reports] == sorted(kinds())
    for made in figures.reports:
        assert made.pieces > 0
        assert [file.format for file in made.files] == list(FORMATS)
        assert all(file.kib > 0 for file in made.files)
        assert made.rss_mib >= made.base_mib > 0
    assert table(figures).row_count == len(figures.reports)
