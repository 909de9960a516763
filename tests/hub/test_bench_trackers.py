"""The bench of the trackers at a small size: both measurements run, and all messages are tracked."""

from __future__ import annotations

import pytest

from hub.bench.trackers.cost import PARTS
from hub.bench.trackers.cost import measure as measure_cost
from hub.bench.trackers.speed import measure as measure_speed
from hub.bench.trackers.table import cost_table, speed_table


def test_each_part_of_the_cost_is_told() -> None:
    found = measure_cost(3, 6.5, 2, 1, 1)
    assert found.devices == 3
    assert found.messages > 1_000
    assert found.derived > 100
    assert tuple(found.parts_us) == PARTS
    assert found.with_us == pytest.approx(sum(found.parts_us.values()), abs=0.1)
    assert found.ratio > 1
    assert cost_table(found).row_count == len(PARTS) + 2


async def test_a_hub_is_flooded_with_and_without_them() -> None:
    found = await measure_speed(1_000, 20, 1, settle_s=0)
    assert len(found.with_trackers) == len(found.without) == 1
    assert found.cpu_ratio > 0
    assert speed_table(found).row_count == 7
