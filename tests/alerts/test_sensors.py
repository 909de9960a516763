"""Rules about what sensors say: fire, stuck values, bins that will be full. Examples by hand."""

from __future__ import annotations

import random

import pytest

from alerts.rule import Rule
from alerts.rules.predicted_full import PredictedFull
from alerts.rules.rise import Rise
from alerts.rules.stuck import Stuck
from alerts.rules.threshold import Threshold
from devices.instants import parse
from devices.vocabulary import Device
from tests.alerts.live import Stored, Teller

TELLER = Teller(Device(1, "bin-1", "bin"), parse("2026-03-02T00:00:00Z"))
HOUR = 3_600


def says(metric: str, *values: tuple[float, float]) -> list[Stored]:
    return [one for second, value in values for one in TELLER.reads(second, **{metric: value})]


class TestRise:
    RULE = Rule("fire", "rise", Rise("temperature_c", rise=10, window_s=600, limit=60, clear=50))

    def heat(self, *values: tuple[float, float]) -> list[Stored]:
        return says("temperature_c", *values)

    def test_ten_degrees_in_ten_minutes(self) -> None:
        assert TELLER.told(self.RULE, self.heat((0, 20), (600, 30))) == [(600, None)], "both ends count"
        assert TELLER.told(self.RULE, self.heat((0, 20), (601, 30))) == [], "older than the window is no evidence"
        assert TELLER.told(self.RULE, self.heat((0, 20), (300, 29.9), (600, 29.9))) == []
        assert TELLER.told(self.RULE, self.heat((0, 25), (300, 20), (600, 30))) == [(600, None)], "from the least"

    def test_a_limit_at_once(self) -> None:
        assert TELLER.told(self.RULE, self.heat((0, 59.9))) == []
        (alert,) = TELLER.alerts(self.RULE, self.heat((0, 60)), 100)
        assert (TELLER.second(alert.raised_at), alert.raised.detail["cause"]) == (0, "limit")

    def test_over_when_it_is_neither_hot_nor_rising(self) -> None:
        begun = ((0, 20.0), (300, 31.0))
        assert TELLER.told(self.RULE, self.heat(*begun, (600, 31))) == [(300, None)], "11 above the least of the window"
        assert TELLER.told(self.RULE, self.heat(*begun, (901, 31))) == [(300, 901)], "steady for ten minutes"
        assert TELLER.told(self.RULE, self.heat(*begun, (600, 24))) == [(300, 600)]
        assert TELLER.told(self.RULE, self.heat((0, 61), (700, 55), (1_400, 50), (2_100, 49))) == [(0, 2_100)]

    def test_a_single_spike_where_two_readings_are_asked_for(self) -> None:
        rule = Rule("fire", "rise", Rise("temperature_c", readings=2))
        assert TELLER.told(rule, self.heat((0, 20), (60, 45), (120, 20), (180, 45), (240, 21))) == []
        assert TELLER.told(rule, self.heat((0, 20), (60, 31), (120, 33))) == [(120, None)]


class TestStuck:
    RULE = Rule(
        "stuck", "stuck", Stuck(("fill_pct", "temperature_c"), after_s=3_600, samples=5, except_values=(0, 100))
    )

    def test_the_same_for_an_hour_and_five_readings(self) -> None:
        same = [(minute * 60, 41.5) for minute in (0, 15, 30, 45, 60)]
        assert TELLER.told(self.RULE, says("fill_pct", *same)) == [(3_600, None)]
        assert TELLER.told(self.RULE, says("fill_pct", *same[:-1], (3_599, 41.5))) == []
        assert TELLER.told(self.RULE, says("fill_pct", (0, 41.5), (3_600, 41.5))) == [], "two readings"
        assert TELLER.told(self.RULE, says("fill_pct", *same, (4_500, 41.6))) == [(3_600, 4_500)]

    def test_each_metric_by_itself(self) -> None:
        both = [*says("fill_pct", *((minute * 60, 41.5) for minute in (0, 15, 30, 45, 60)))]
        both += says("temperature_c", *((minute * 60, 20 + minute) for minute in (0, 15, 30, 45, 60)))
        (alert,) = TELLER.alerts(self.RULE, both, 5_000)
        assert alert.scope == "fill_pct"

    def test_where_it_may_rest_and_where_nobody_looked(self) -> None:
        assert TELLER.told(self.RULE, says("fill_pct", *((minute * 60, 0) for minute in range(0, 240, 15)))) == []
        gap = [(minute * 60, 41.5) for minute in (0, 15, 30, 45, 166, 180)]
        assert TELLER.told(self.RULE, says("fill_pct", *gap)) == [], "121 minutes without a word"
        assert TELLER.told(self.RULE, says("fill_pct", *gap[:4], (165 * 60, 41.5))) == [(9_900, None)]

    def test_within_eps_of_the_first_and_only_while_on(self) -> None:
        slow = [(minute * 60, 41.5 + minute / 100) for minute in range(0, 121, 15)]
        rule = Rule("stuck", "stuck", Stuck(("fill_pct",), after_s=3_600, samples=5, eps=0.65))
        assert TELLER.told(rule, says("fill_pct", *slow)) == [(3_600, 4_500)], "41.5 to 42.1 is the same, 42.25 is not"
        running = Rule("stuck", "stuck", Stuck(("fill_pct",), after_s=3_600, samples=5, while_on="ignition"))
        same = says("fill_pct", *((minute * 60, 41.5) for minute in range(0, 61, 15)))
        assert TELLER.told(running, same) == []
        assert TELLER.told(running, [*same, *TELLER.reads(0, ignition=1)]) == [(3_600, None)]
        assert TELLER.told(running, [*same, *TELLER.reads(0, ignition=1), *TELLER.reads(1_800, ignition=0)]) == []


class TestPredictedFull:
    RULE = Rule("soon", "predicted_full", PredictedFull(full=85, lead_s=4 * HOUR, window_s=6 * HOUR))

    def fill(self, per_hour: float, begin: float, hours: float, start: float = 0, noise: float = 0) -> list[Stored]:
        """Every half hour; the parts of the window are of 22.5 minutes, so that each reading has its own."""
        chance = random.Random(5)
        steps = int(hours * 2) + 1
        return says(
            "fill_pct",
            *((start + n * 1_800, begin + per_hour * n / 2 + chance.uniform(-noise, noise)) for n in range(steps)),
        )

    def test_full_within_the_lead(self) -> None:
        """5 % an hour from 30 %: 85 % after 11 hours; four hours before that it is 7 hours, 65 %."""
        (alert,) = TELLER.alerts(self.RULE, self.fill(5, 30, 10), 11 * HOUR)
        assert TELLER.second(alert.raised_at) == 7 * HOUR
        assert alert.raised.value == pytest.approx(65)
        assert alert.raised.detail["rate_per_h"] == pytest.approx(5)
        assert TELLER.second(alert.raised.detail["full_at"]) == pytest.approx(11 * HOUR, abs=1)

    def test_noise_alone_predicts_nothing(self) -> None:
        assert TELLER.told(self.RULE, self.fill(0, 82, 72, noise=1.5)) == []
        assert TELLER.told(self.RULE, self.fill(0.7, 60, 30, noise=0.5)) == [], "4.2 points in the window are no rise"

    def test_noise_moves_it_little(self) -> None:
        ((raised, cleared),) = TELLER.told(self.RULE, self.fill(5, 30, 10, noise=1.5))
        assert abs(raised - 7 * HOUR) <= HOUR
        assert cleared is None

    def test_wild_readings_move_it_little(self) -> None:
        wild = [one for one in self.fill(5, 30, 10) if TELLER.second(one.observed_at) not in (2 * HOUR, 5 * HOUR)]
        wild += says("fill_pct", (2 * HOUR, 95), (5 * HOUR, 3))
        ((raised, _),) = TELLER.told(self.RULE, wild)
        assert abs(raised - 7 * HOUR) <= HOUR

    def test_emptying_ends_it_and_begins_anew(self) -> None:
        filled = self.fill(5, 30, 10)
        assert TELLER.told(self.RULE, [*filled, *says("fill_pct", (10.5 * HOUR, 3))]) == [(7 * HOUR, None)], (
            "one reading"
        )
        emptied = [*filled, *self.fill(5, 3, 2, start=10.5 * HOUR)]
        assert TELLER.told(self.RULE, emptied) == [(7 * HOUR, 11 * HOUR)]
        again = [*filled, *self.fill(20, 3, 3.5, start=10.5 * HOUR)]
        assert TELLER.told(self.RULE, again)[1] == (13.5 * HOUR, None), "six parts over half of the window"

    def test_too_few_readings_predict_nothing(self) -> None:
        assert TELLER.told(self.RULE, self.fill(20, 10, 2.5)) == [], "six readings, but of less than half the window"
        hourly = says("fill_pct", *((n * 1.5 * HOUR, 10 + n * 15) for n in range(5)))
        assert TELLER.told(self.RULE, hourly) == [], "over six hours, but of five readings"

    def test_it_ends_when_it_fills_no_longer(self) -> None:
        calm = [*self.fill(5, 30, 8), *says("fill_pct", *((8.5 * HOUR + n * 1_800, 70) for n in range(16)))]
        ((raised, cleared),) = TELLER.told(self.RULE, calm)
        assert raised == 7 * HOUR
        assert cleared is not None
        assert 10 * HOUR < cleared < 14 * HOUR


def test_low_battery_is_a_threshold_from_above() -> None:
    rule = Rule("battery", "threshold", Threshold("battery_pct", 20, when="below", clear=30))
    assert TELLER.told(rule, says("battery_pct", (0, 20.1), (10, 20), (20, 29), (30, 19), (40, 30))) == [(10, 40)]


def test_a_lifted_bin_is_not_tipped_over() -> None:
    rule = Rule("tilt", "threshold", Threshold("tilt", 1, hold_s=120, clear_hold_s=60))
    assert TELLER.told(rule, says("tilt", (0, 1), (90, 0))) == []
    assert TELLER.told(rule, says("tilt", (0, 1), (600, 0))) == [(120, 660)]
    assert TELLER.told(rule, says("tilt", (0, 1), (600, 0), (630, 1))) == [(120, None)]
