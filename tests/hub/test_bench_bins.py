"""Emptyings and forecasts against a simulated city's truth, on a small scale."""

from hub.bench import bin_scores


def test_emptyings_are_found_however_the_data_come() -> None:
    scores = bin_scores.score([3], 3, 40, 5, lambda: None)
    assert scores.late_equal
    assert scores.compactions > 20
    assert scores.outliers > 40
    assert all(row.truths > 100 for row in scores.rows)
    assert [row for row in scores.rows if row.precision < 0.98 or row.recall < 0.98] == []
    assert [row for row in scores.rows if row.vehicles_right is not None and row.vehicles_right < 0.9] == []
