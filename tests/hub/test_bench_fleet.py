"""The benches of the fleet at a small size: how right judgements are, and that a month can be judged from the store."""

from __future__ import annotations

from hub.bench import compliance_month
from hub.bench.fleet.scores import LIFTS_ONLY, measure
from hub.bench.fleet.table import equal_table, month_table, scores_table


def test_judgements_agree_with_what_really_happened() -> None:
    found = measure([31], 1.5)
    rows = {row.disturbance: row for row in found.rows}
    assert found.kinds.keys() == {"collect", "sweep", "spray"}
    for name, row in rows.items():
        assert row.route_worst <= 2, name
        assert row.deviations_found >= 0.95 * row.deviations, name
        assert row.deviations_wrong == 0, name
        if name != LIFTS_ONLY:
            assert row.served_precision is not None, name
            assert row.served_recall is not None, name
            assert min(row.served_precision, row.served_recall) >= 0.98, name
        found_lengths = row.lengths
        assert abs(found_lengths.sum or 1.0) <= 0.05, name
        assert found_lengths.within_told is not None
        assert found_lengths.within_told >= 0.85, name
        if name != "irregular, no odometer":
            assert found_lengths.within_10 is not None
            assert found_lengths.within_10 >= 0.9, name
    for name in ("undisturbed", "10 % of reports lost", "displaced for 30 s, hourly"):
        assert min(rows[name].missed_precision or 0.0, rows[name].missed_recall or 0.0) >= 0.98, name
    assert rows["an hour missing"].no_data_pct > 5
    assert rows["an hour missing"].wrongly_missed_m <= 100
    assert found.gaps_told == (len(found.kinds) and sum(found.kinds.values()),) * 2
    assert all(same == every for same, every in found.equal.values())
    assert len(scores_table(found).columns) == len(found.rows) + 1
    assert equal_table(found).row_count == 3


async def test_a_month_is_judged_from_the_store() -> None:
    found = await compliance_month.measure(2, 2, 1)
    assert found.shifts == 12
    assert found.fixes > 2 * 2 * 8_000
    assert found.coverage_mean > 0.2
    assert month_table(found).row_count > 5
