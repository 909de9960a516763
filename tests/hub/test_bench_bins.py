"""Emptyings and forecasts against a simulated city's truth, on a small scale."""

import pytest

from devices.errors import ConfigError
from hub.bench.bins import fill as bin_fill
from hub.bench.bins import scores as bin_scores
from hub.bench.bins import table as bin_table


def test_emptyings_are_found_however_the_data_come() -> None:
    scores = bin_scores.score([3], 3, 40, 5, lambda: None)
    assert scores.late_equal
    assert scores.compactions > 20
    assert scores.outliers > 40
    assert all(row.truths > 100 for row in scores.rows)
    assert [row for row in scores.rows if row.precision < 0.98 or row.recall < 0.98] == []
    assert [row for row in scores.rows if row.vehicles_right is not None and row.vehicles_right < 0.9] == []


def test_a_day_ahead_the_model_is_better_than_both_baselines() -> None:
    found = bin_fill.measure([1], 14, 3, 30, 5, lambda: None)
    rows = {row.question: row for row in found.rows}
    assert set(rows) == set(bin_fill.QUESTIONS)
    assert all(row.forecasts > 100 for row in found.rows)
    assert [row for row in found.rows if row.mae >= min(row.last_value_mae, row.weekday_mean_mae)] == []
    assert rows["visits known"].mae < rows["visits unknown"].mae


def test_the_commands_print_a_table_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    bin_table.emptying(seeds="3", days=1, bins=10, vehicles=3)
    told = capsys.readouterr().out
    assert '"late_equal": true' in told
    assert "emptyings: seeds 3" in told
    with pytest.raises(ConfigError, match="seeds: expected numbers"):
        bin_table.fill(seeds="one")
