"""The bench of the parts behind the transport, at a small size: every message goes through all of them."""

from __future__ import annotations

import pytest

from hub.bench.stages.measurement import PARTS, measure
from hub.bench.stages.table import stages_table


async def test_each_part_behind_the_transport_is_told() -> None:
    found = await measure(400, 40, 100, 1, mixed=True)
    assert set(found.parts_us) == set(PARTS)
    assert min(found.parts_us.values()) >= 0
    assert found.with_us == pytest.approx(sum(found.parts_us.values()), abs=0.1)
    assert found.without_us > 0
    assert found.rules > 30
    assert stages_table(found).row_count == len(PARTS) + 4
