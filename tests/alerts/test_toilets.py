"""Rules about toilets: air, occupied stalls, meters. Examples by hand."""

from __future__ import annotations

import pytest

from alerts.hours import Hours, Window
from alerts.rule import Rule
from alerts.rules.consumption import Consumption
from alerts.rules.occupancy import Occupancy
from alerts.rules.window_mean import WindowMean
from devices.instants import parse
from devices.vocabulary import Device
from tests.alerts.live import Stored, Teller

TELLER = Teller(Device(1, "toilet-1", "toilet"), parse("2026-03-02T00:00:00+08:00"))


def says(metric: str, *values: tuple[float, float]) -> list[Stored]:
    return [one for second, value in values for one in TELLER.reads(second, **{metric: value})]


class TestWindowMean:
    RULE = Rule("air", "window_mean", WindowMean("nh3_ppm", limit=1, clear=0.8))

    def air(self, value: float, begin: int, end: int, step: int = 60) -> list[Stored]:
        return says("nh3_ppm", *((second, value) for second in range(begin, end + 1, step)))

    def test_the_mean_of_ten_minutes(self) -> None:
        assert TELLER.told(self.RULE, self.air(1, 0, 600)) == [(360, None)], "when six tenths are known"
        assert TELLER.told(self.RULE, self.air(0.99, 0, 1_200)) == []
        # Clean for ten minutes, then 2 ppm: half of the window is 2 after five minutes, and a part of it before them.
        ((raised, _),) = TELLER.told(self.RULE, [*self.air(0, 0, 600), *self.air(2, 660, 1_320)])
        assert raised == 660 + 300

    def test_over_time_not_over_samples(self) -> None:
        """A sensor that reports every second while it smells, and every minute otherwise."""
        often = says("nh3_ppm", *((900 + second, 5) for second in range(60)))
        assert TELLER.told(self.RULE, [*self.air(0.2, 0, 840), *often, *self.air(0.2, 960, 1_800)]) == []
        mean_of_samples = (14 * 0.2 + 60 * 5) / 74
        assert mean_of_samples > 4

    def test_hysteresis(self) -> None:
        foul = self.air(2, 0, 600)
        slow = [*foul, *self.air(0.9, 660, 3_000)]
        assert TELLER.told(self.RULE, slow) == [(360, None)], "0.9 lies between 0.8 and 1"
        ((_, cleared),) = TELLER.told(self.RULE, [*foul, *self.air(0.5, 660, 3_000)])
        # 2 until 660, then 0.5: at or under 0.8 when a fifth of the window is 2.
        assert cleared == 1_140

    def test_a_gap_is_no_evidence(self) -> None:
        assert TELLER.told(self.RULE, says("nh3_ppm", (0, 5), (590, 5))) == [], "three minutes of ten are known"
        assert TELLER.told(self.RULE, [*self.air(2, 0, 300), *self.air(2, 3_600, 3_660)]) == []

    def test_cleaning_ends_it_and_begins_a_new_window(self) -> None:
        foul = self.air(2, 0, 900)
        assert TELLER.told(self.RULE, [*foul, *TELLER.says(700, "cleaned")]) == [(360, 700)]
        still = [*self.air(2, 0, 1_500), *TELLER.says(700, "check_in")]
        assert TELLER.told(self.RULE, still) == [(360, 700)], "a quarter of an hour to settle"
        still += self.air(2, 1_560, 2_400)
        assert TELLER.told(self.RULE, still) == [(360, 700), (1_980, None)], "six minutes from 1,620 on"
        at_once = Rule("air", "window_mean", WindowMean("nh3_ppm", limit=1, settle_s=0))
        assert TELLER.told(at_once, still) == [(360, 700), (1_080, None)], "six minutes from 720 on"
        assert TELLER.told(self.RULE, [*foul, *TELLER.says(700, "sos")]) == [(360, None)]

    def test_the_value_is_the_mean(self) -> None:
        (alert,) = TELLER.alerts(self.RULE, [*self.air(0.5, 0, 180), *self.air(2, 240, 600)], 1_000)
        # 0.5 from 0 to 240 and 2 from there: at 360 the mean is (240 * 0.5 + 120 * 2) / 360.
        assert TELLER.second(alert.raised_at) == 360
        assert alert.raised.value == pytest.approx(1)


class TestOccupancy:
    RULE = Rule("stall", "occupancy", Occupancy())

    def occupied(self, *minutes: float, value: float = 1) -> list[Stored]:
        return says("stall_occupied", *((minute * 60, value) for minute in minutes))

    def test_half_an_hour_without_a_break(self) -> None:
        assert TELLER.told(self.RULE, self.occupied(*range(30))) == []
        assert TELLER.told(self.RULE, self.occupied(*range(31))) == [(1_800, None)]
        left = [*self.occupied(*range(35)), *self.occupied(36, value=0)]
        assert TELLER.told(self.RULE, left) == [(1_800, 2_160)]

    def test_any_change_or_door_begins_anew(self) -> None:
        change = [*self.occupied(*range(20)), *self.occupied(20, value=0), *self.occupied(*range(21, 51))]
        assert TELLER.told(self.RULE, change) == []
        door = [*self.occupied(*range(45)), *TELLER.says(20 * 60 + 5, "door_opened")]
        assert TELLER.told(self.RULE, door) == []
        after = [*self.occupied(*range(60)), *TELLER.says(20 * 60 + 5, "door_opened")]
        assert TELLER.told(self.RULE, after) == [(51 * 60, None)], "from 21 on"
        open_door = [*self.occupied(*range(40)), *TELLER.says(35 * 60 + 5, "door_opened")]
        assert TELLER.told(self.RULE, open_door) == [(1_800, 2_105)]

    def test_of_several_stalls_the_number(self) -> None:
        rule = Rule("stall", "occupancy", Occupancy("stalls_occupied"))
        same = says("stalls_occupied", *((minute * 60, 2) for minute in range(31)))
        assert TELLER.told(rule, same) == [(1_800, None)]
        assert TELLER.told(rule, [*same, *says("stalls_occupied", (905, 1), (906, 2))]) == []

    def test_a_gap_is_no_evidence(self) -> None:
        assert TELLER.told(self.RULE, self.occupied(0, 5, 10, 15, 20.1, 25, 30)) == []
        assert TELLER.told(self.RULE, self.occupied(0, 5, 10, 15, 20, 25, 30)) == [(1_800, None)]

    def test_a_sensor_that_reports_changes_only(self) -> None:
        rule = Rule("stall", "occupancy", Occupancy(gap_s=None))
        assert TELLER.told(rule, self.occupied(0)) == [(1_800, None)], "told without new data"
        assert TELLER.told(rule, [*self.occupied(0), *self.occupied(29, value=0)]) == []
        assert TELLER.told(rule, [*self.occupied(0), *self.occupied(30, value=0)]) == [], "left at that moment"
        assert TELLER.told(rule, self.occupied(0, 30)) == [(1_800, None)]


class TestConsumption:
    LEAK = Rule("leak", "consumption", Consumption("water_m3", 0.3, of="least", window_s=1_800, most_per_h=60))
    MUCH = Rule("much", "consumption", Consumption("water_m3", 0.3, window_s=1_800))

    def meter(self, rate_per_h: float, begin: int, end: int, start: float = 100, step: int = 60) -> list[Stored]:
        return says(
            "water_m3",
            *((second, start + rate_per_h * (second - begin) / 3_600) for second in range(begin, end + 1, step)),
        )

    def flushes(self, begin: int, end: int, litres: float = 60) -> list[Stored]:
        """Sixty litres every third minute: 1.2 m³ an hour, with pauses."""
        return says(
            "water_m3",
            *((second, 100 + (second - begin) // 180 * litres / 1_000) for second in range(begin, end + 1, 60)),
        )

    def test_a_leak_never_rests(self) -> None:
        assert TELLER.told(self.LEAK, self.meter(0.54, 0, 1_740)) == []
        assert TELLER.told(self.LEAK, self.meter(0.54, 0, 1_800)) == [(1_800, None)]
        assert TELLER.told(self.LEAK, self.meter(0.29, 0, 7_200)) == []
        assert TELLER.told(self.LEAK, self.flushes(0, 7_200)) == []
        assert TELLER.told(self.MUCH, self.flushes(0, 7_200)) == [(1_800, None)], "much, but no leak"

    def test_over_when_it_rests(self) -> None:
        stopped = [*self.meter(0.54, 0, 2_400), *self.meter(0, 2_460, 4_000, start=100.36)]
        assert TELLER.told(self.LEAK, stopped) == [(1_800, 2_460)]
        ((raised, cleared),) = TELLER.told(self.MUCH, stopped)
        # Half the rate, 0.15 m³/h: when 0.075 m³ are left in the half hour, 500 s of the leak.
        assert (raised, cleared) == (1_800, 3_720)

    def test_resets_jumps_and_gaps_are_no_evidence(self) -> None:
        replaced = [*self.meter(0.1, 0, 900), *self.meter(0.1, 960, 3_000, start=0)]
        assert TELLER.told(self.MUCH, replaced) == []
        bounded = Rule("much", "consumption", Consumption("water_m3", 0.3, window_s=1_800, most_per_h=60))
        jumped = [*self.meter(0.1, 0, 900), *self.meter(0.1, 960, 3_600, start=5_000)]
        assert TELLER.told(bounded, jumped) == []
        assert TELLER.told(self.MUCH, jumped) != []
        away = [*self.meter(0.5, 0, 900), *self.meter(0.5, 1_560, 3_300, start=100.2)]
        assert TELLER.told(self.MUCH, away) == [], "eleven minutes without a word"

    def test_only_at_night(self) -> None:
        """Midnight is 0 and five o'clock 18,000."""
        night = Hours((Window("00:00", "05:00"),))
        rule = Rule("night", "consumption", Consumption("water_m3", 0.3, window_s=1_800, hours=night))
        assert TELLER.told(rule, self.meter(0.5, 0, 20_000)) == [(1_800, 18_000)]
        assert TELLER.told(rule, self.meter(0.5, 18_000, 40_000)) == []
        assert TELLER.told(rule, self.meter(0.5, 16_260, 20_000)) == [], "less than half an hour of the night"

    def test_power(self) -> None:
        rule = Rule("power", "consumption", Consumption("energy_kwh", 5, clear_per_h=4, window_s=1_800))
        heater = says("energy_kwh", *((second, 6 * second / 3_600) for second in range(0, 1_801, 60)))
        (alert,) = TELLER.alerts(rule, heater, 2_000)
        assert alert.raised.value == pytest.approx(6)
