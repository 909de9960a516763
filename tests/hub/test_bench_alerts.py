"""The bench of alerts at a small size: what must be found in a day of one seed, and that a hub finds the same."""

from __future__ import annotations

from hub.bench.alerts.hub import agree
from hub.bench.alerts.scores import measure
from hub.bench.alerts.speed import measure as measure_speed
from hub.bench.alerts.table import detection_table, hub_table, speed_table

# The goals of the whole bench (docs/alerts.md), less what one fault more or less in a single day makes.
LEAST = {
    "bin-full": 0.95,
    "bin-overflow": 0.95,
    "bin-silent": 0.97,
    "vehicle-silent": 0.9,
    "toilet-silent": 0.9,
    "worker-silent": 0.9,
    "vehicle-idle": 0.94,
    "vehicle-off-route": 0.9,
    "worker-off-post": 0.8,
    "toilet-water-leak": 0.8,
    "sos": 0.9,
}


def test_the_rules_find_what_happens_in_a_day() -> None:
    found = measure([21], 24)
    rows = {row.rule: row for row in found.rows}
    for rule, least in LEAST.items():
        row = rows[rule]
        assert row.truths > 0, rule
        assert row.precision is not None, rule
        assert row.recall is not None, rule
        assert min(row.precision, row.recall) >= least, row
    assert rows["bin-silent"].delay_p50_s == 1_800
    assert detection_table(found).row_count == len(found.rows)


async def test_a_hub_ends_in_the_same_alerts() -> None:
    found = await agree(22, 3)
    assert found.alerts > 10
    assert found.repairs > 0
    assert found.differing == []
    assert hub_table(found).row_count == 5


async def test_the_cost_is_measured() -> None:
    found = await measure_speed(1_000, 100, 1, settle_s=0, latency_s=1)
    assert min(*found.with_rules, *found.without) > 0
    assert found.rss_mib > 0
    assert speed_table(found).row_count == 9
