"""Rules about driving: too fast for the work, work at the wrong hours. Examples by hand."""

from __future__ import annotations

from alerts.areas import Area
from alerts.hours import Hours, Window
from alerts.rule import Rule
from alerts.rules.forbidden_hours import ForbiddenHours
from alerts.rules.speeding import Speeding
from devices.instants import parse
from devices.vocabulary import Device
from tests.alerts.live import Stored, Teller

SWEEPER = Device(1, "sweeper-1", "vehicle", attributes={"type": "sweeper"})
TELLER = Teller(SWEEPER, parse("2026-03-02T06:50:00+08:00"))


def drive(*speeds: tuple[float, float], **on: float) -> list[Stored]:
    return [one for second, speed in speeds for one in TELLER.reads(second, speed_kmh=speed, **on)]


class TestSpeeding:
    RULE = Rule("fast", "speeding", Speeding(working_kmh=12, transit_kmh=60))

    def test_one_limit_at_work_and_another_in_transit(self) -> None:
        assert TELLER.told(self.RULE, drive((0, 20), (10, 20), (20, 20), brush=1)) == [(20, None)]
        assert TELLER.told(self.RULE, drive((0, 20), (10, 20), (20, 20), brush=0)) == []
        assert TELLER.told(self.RULE, drive((0, 61), (10, 61), (20, 61))) == [(20, None)], "nothing known of work"
        assert TELLER.told(self.RULE, drive((0, 60), (10, 60), (20, 60))) == [], "faster than, not as fast as"

    def test_twenty_seconds_count_from_the_first_moment(self) -> None:
        assert TELLER.told(self.RULE, drive((0, 20), (19, 20), brush=1)) == []
        assert TELLER.told(self.RULE, drive((0, 20), (10, 12), (20, 20), (39, 20), brush=1)) == []

    def test_over_when_slower_by_the_margin_for_ten_seconds(self) -> None:
        fast = drive((0, 20), (20, 20), brush=1)
        assert TELLER.told(self.RULE, [*fast, *drive((30, 11), (50, 11), brush=1)]) == [(20, None)]
        assert TELLER.told(self.RULE, [*fast, *drive((30, 10), (40, 10), brush=1)]) == [(20, 40)]

    def test_lifting_the_brush_changes_the_limit(self) -> None:
        fast = drive((0, 20), (20, 20), brush=1)
        assert TELLER.told(self.RULE, [*fast, *drive((30, 20), (40, 20), brush=0)]) == [(20, 40)]

    def test_old_word_of_work_and_a_gap_are_no_evidence(self) -> None:
        assert TELLER.told(self.RULE, [*drive((0, 5), brush=1), *drive((121, 20), (141, 20), (161, 20))]) == []
        assert TELLER.told(self.RULE, [*drive((0, 5), brush=1), *drive((80, 20), (100, 20))]) == [(100, None)]
        assert TELLER.told(self.RULE, drive((0, 70), (121, 70))) == []
        assert TELLER.told(self.RULE, drive((0, 70), (120, 70))) == [(120, None)]

    def test_the_speed_of_a_position_and_the_limit_of_a_type(self) -> None:
        fixes = [one for second in (0, 10) for one in TELLER.stands(second, 30.0, 114.0, speed_kmh=9)]
        rule = Rule("fast", "speeding", Speeding(60, working_by_type={"sweeper": 8}, hold_s=None, fixes=2))
        (alert,) = TELLER.alerts(rule, [*TELLER.reads(0, pto=1), *fixes], 100)
        assert alert.raised.detail == {"since": TELLER.at(0), "limit_kmh": 8, "working": ["pto"]}
        assert alert.raised.value == 9


class TestForbiddenHours:
    """The beginning is 06:50, so that 07:00 is 600 and 10:00 is 11,400."""

    HOURS = Hours((Window("07:00", "10:00"), Window("22:00", "06:55")))
    RULE = Rule("rush", "forbidden_hours", ForbiddenHours(HOURS))

    def work(self, *seconds: float, spray: float = 1) -> list[Stored]:
        return [one for second in seconds for one in TELLER.reads(second, spray=spray)]

    def test_only_time_within_the_hours_counts(self) -> None:
        assert TELLER.told(self.RULE, self.work(310, 400, 500, 599)) == []
        assert TELLER.told(self.RULE, self.work(310, 590, 600, 659)) == []
        assert TELLER.told(self.RULE, self.work(310, 590, 600, 660), horizon=11_399) == [(660, None)]

    def test_over_with_the_work_or_with_the_hours(self) -> None:
        begun = self.work(600, 660)
        assert TELLER.told(self.RULE, begun) == [(660, 11_400)], "told at ten without new data"
        assert TELLER.told(self.RULE, [*begun, *self.work(700, 760, spray=0)]) == [(660, 760)]
        assert TELLER.told(self.RULE, [*begun, *self.work(700, 759, spray=0)]) == [(660, 11_400)]
        assert TELLER.told(self.RULE, [*begun, *self.work(11_400)]) == [(660, 11_400)]

    def test_over_midnight(self) -> None:
        """22:00 is 54,600 after the beginning; the window goes on until 06:55, 86,700."""
        rule = Rule("night", "forbidden_hours", ForbiddenHours(Hours((Window("22:00", "06:55"),)), hold_s=0))
        assert TELLER.told(rule, self.work(54_599, 54_600), horizon=90_000) == [(54_600, 86_700)]
        assert TELLER.told(rule, self.work(0), horizon=90_000) == [(0, 300)], "the window of the evening before"

    def test_a_gap_is_no_evidence(self) -> None:
        assert TELLER.told(self.RULE, self.work(600, 901)) == []

    def test_only_in_a_zone(self) -> None:
        school = Area("school", lat=30.0, lon=114.0, radius_m=200)
        rule = Rule("zone", "forbidden_hours", ForbiddenHours(self.HOURS, "moving", (school,), hold_s=0, leave_s=0))
        near = TELLER.stands(600, 30.0, 114.0, speed_kmh=20)
        assert TELLER.told(rule, near, horizon=700) == [(600, None)]
        assert TELLER.told(rule, TELLER.stands(600, 30.0, 114.0, speed_kmh=5)) == [], "standing"
        assert TELLER.told(rule, TELLER.stands(600, 30.1, 114.0, speed_kmh=20)) == [], "elsewhere"
        assert TELLER.told(rule, TELLER.reads(600, speed_kmh=20)) == [], "nobody knows where"
        assert TELLER.told(rule, [*near, *TELLER.stands(700, 30.1, 114.0, speed_kmh=20)]) == [(600, 700)]
        present = Rule("zone", "forbidden_hours", ForbiddenHours(self.HOURS, "present", (school,), hold_s=0))
        assert TELLER.told(present, TELLER.stands(600, 30.0, 114.0), horizon=700) == [(600, None)]
