"""The bench of reports in small: a report is made in a process of its own, with its files."""

from __future__ import annotations

from hub.bench.boards.measurement import Size
from hub.bench.reports.measurement import FORMATS, measure
from hub.bench.reports.table import table


async def test_a_report_is_made_with_its_files() -> None:
    wanted = ("missed_pickups", "toilet_service")
    figures = await measure(Size(vehicles=3, bins=10, toilets=2, workers=4), days=(1,), wanted=wanted)
    assert [made.kind for made in figures.reports] == list(wanted)
    for made in figures.reports:
        assert made.pieces > 0
        assert [file.format for file in made.files] == list(FORMATS)
        assert all(file.kib > 0 for file in made.files)
        assert made.rss_mib >= made.base_mib > 0
    assert table(figures).row_count == len(figures.reports)
