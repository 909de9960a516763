"""The bench of the boards at a small size: every question of every board is asked, and finds its answer."""

from __future__ import annotations

from dashboards import boards
from hub.bench.boards.measurement import Size, measure
from hub.bench.boards.table import slowest_table, table


async def test_every_question_is_asked_over_a_week_and_a_day(postgres_dsn: str) -> None:
    figures = await measure(Size(vehicles=3, bins=8, toilets=2, workers=3), postgres_dsn)
    assert {one.board for one in figures.answers} == {board["uid"] for board in boards("en")}
    assert {one.days for one in figures.answers} == {7.0, 1.0}
    assert {one.chosen for one in figures.answers} == {"all", "one area"}
    assert all(0 < one.median_ms <= one.worst_ms for one in figures.answers)
    assert sum(one.rows for one in figures.answers) > 1_000
    assert table(figures).row_count == 7
    assert slowest_table(figures, most=5).row_count == 5
