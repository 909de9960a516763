"""The API's bench at a small size: every question is answered, every reader is told of every vehicle."""

from __future__ import annotations

from hub.bench.api.measurement import Plan, measure
from hub.bench.api.table import live_table, table


async def test_it_fills_asks_and_follows() -> None:
    steps: list[tuple[int, int]] = []
    plan = Plan(readings=90_000, vehicles=40, bins=5, period_s=0.5, readers=3, seconds=0.5, live_seconds=4.0, clients=2)
    figures = await measure(plan, lambda done, of: steps.append((done, of)))
    assert figures.rows == {"readings": 86_400 + 7_200, "fixes": 8_640}
    assert steps[-1] == (121, 121)
    assert [rate.clients for rate in figures.rates] == [1, 2] * 4
    assert all(rate.failed == 0 and rate.per_s > 0 for rate in figures.rates)
    series, track = figures.rates[4], figures.rates[6]
    assert series.bytes > 720 * 50  # a bucket an hour
    assert track.bytes > 8_640 * 20  # every fix of the day
    assert figures.live.fewest >= plan.vehicles
    assert (figures.live.gaps, figures.live.ended) == (0, 0)
    assert figures.live.p50_ms > 0
    assert table(figures).row_count == 8
    assert live_table(figures.live).row_count == 7
