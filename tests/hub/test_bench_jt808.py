"""The bench of JT/T 808 in small: what it counts must be right. Its times are measured by `sanihub bench jt808`."""

from __future__ import annotations

from hub.bench.jt808.measurement import Plan, measure
from hub.bench.jt808.table import table

SMALL = Plan(
    terminals=50,
    period_s=0.5,
    step_s=1,
    steady_s=2.0,
    away=5,
    away_s=1.0,
    backlog=60,
    silent=10,
    deaf=2,
    strangers_s=1.0,
    flooding=10,
    window=4,
    flood_s=1.0,
)


async def test_all_that_is_sent_is_answered_and_stored_once() -> None:
    figures = await measure(SMALL)
    assert (figures.terminals, figures.connections) == (50, 50)
    assert figures.sent == figures.acknowledged == figures.stored
    assert figures.sent >= 5 * 60
    assert (figures.stored_twice, figures.refused) == (0, 0)
    assert (figures.storm_terminals, figures.storm_positions) == (5, 300)
    assert figures.steady.answers > 0
    assert set(figures.rss_mib) == {"idle", "entered", "steady", "strangers", "storm", "flood"}
    assert figures.flood_terminals == 10
    assert figures.in_flood.answers >= 10 * 4
    assert table(figures).row_count
