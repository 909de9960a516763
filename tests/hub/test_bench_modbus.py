"""The Modbus bench at a small size: every living unit keeps up, whatever the machine does."""

from __future__ import annotations

import pytest

from hub.bench.modbus.measurement import Load, measure
from hub.commands.bench import modbus_table


@pytest.mark.parametrize(("kind", "line_ms"), [("tcp", 0.0), ("tcp", 5.0), ("rtu-over-tcp", 0.0)])
async def test_it_polls_every_living_unit_and_no_dead_one(kind: str, line_ms: float) -> None:
    load = Load(units=12, dead=2, buses=2, kind=kind, period_s=0.5, seconds=3.0, timeout_s=0.5, line_ms=line_ms)
    figures = await measure(load)
    assert figures.seen == figures.living == 10
    assert figures.polls >= 10
    assert figures.timeouts >= 0
    assert modbus_table(figures).row_count == 10
