"""The bench of HTTP intake in small: whatever is answered is stored, and nothing else."""

from __future__ import annotations

from hub.bench.http.measurement import Case, measure
from hub.bench.http.table import table


async def test_what_is_answered_is_stored() -> None:
    figures = await measure(0.3, (Case(1, 1), Case(60, 1), Case(2, 50)))
    assert [(rate.connections, rate.batch) for rate in figures.rates] == [(1, 1), (60, 1), (2, 50)]
    for rate in figures.rates:
        assert rate.failed == 0
        assert rate.answered == rate.stored >= rate.connections * rate.batch
        assert rate.p99_ms >= rate.p50_ms > 0
        assert rate.cpu_us["hub"] > 0
    assert figures.rss_mib > 0
    assert table(figures).row_count == 3
