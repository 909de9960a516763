"""The board's bench at a small size: clicks are answered, nothing is lost, and who takes nothing is hung up on."""

from __future__ import annotations

import sys

import pytest

from devices.errors import ConfigError
from hub.bench.board.measurement import Plan, measure, report
from hub.bench.board.page import browsing
from hub.bench.board.table import clicks_table, samples_table, table


@pytest.mark.timeout(400)
async def test_it_clicks_weighs_and_loses_nothing() -> None:
    steps: list[tuple[float, float]] = []
    plan = Plan(minutes=0.25, vehicles=200, period_s=0.5, patience_s=0.5)
    figures = await measure(plan, lambda done, of: steps.append((done, of)))
    assert [one.what for one in figures.clicks] == ["vehicle on the map", "vehicle in the list"]
    assert all(one.count > 0 and one.unanswered == 0 and one.p50_ms > 0 for one in figures.clicks)
    assert figures.frames.count > 0
    assert (figures.shown, figures.astray) == (200, 0)
    assert figures.errors == []
    assert figures.slow.dropped_after_s is not None
    assert (figures.slow.resumed, figures.slow.resyncs, figures.slow.told) == (True, 0, 200)
    assert len(figures.samples) >= 3
    for sample in figures.samples:
        assert sample.page.heap_mib > 1 < sample.hub_mib
        assert sample.page.nodes > 100
        assert sample.feed["live_states"] == 200
        assert sample.feed["live_waiting"] <= 200
    assert steps[-1][1] == 15
    assert clicks_table(figures).row_count == 2
    assert table(figures).row_count == 10
    assert samples_table(figures).row_count == len(figures.samples)


def test_a_vehicle_drives_up_and_down_its_street() -> None:
    places = {report(7, turn, 2.0, 1_790_000_000_000_000).partition(b'"fix"')[2] for turn in range(30)}
    assert len(places) == 30


async def test_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="chromium"):
        async with browsing():
            pass
    monkeypatch.setitem(sys.modules, "websockets.asyncio.client", None)
    with pytest.raises(ConfigError, match="pip install websockets"):
        async with browsing():
            pass
