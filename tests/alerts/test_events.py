"""Rules about what devices report, and about devices that report nothing. Examples by hand."""

from __future__ import annotations

from alerts.hours import Hours, Window
from alerts.rule import Rule
from alerts.rules.event import MOST_OPEN, Happening
from alerts.rules.silence import Silence
from devices.instants import parse
from devices.vocabulary import Device
from ingest.wire.jt808.alarms import alarm_kinds
from tests.alerts.live import Stored, Teller

WORKER = Device(1, "worker-1", "worker", attributes={"report_interval_s": 60})
TELLER = Teller(WORKER, parse("2026-03-02T21:00:00+08:00"))


class TestEvent:
    SOS = Rule("sos", "event", Happening(("sos",), ("sos",), ("sos_cleared",), after_s=1_800))
    ALARMS = Rule("alarms", "event", Happening(("collision", "rollover"), scope_by="kind", while_reported=True))
    STOPS = Rule("stops", "event", Happening(("stop_missed",), (), ("stop_served",), "stop", 43_200))

    def test_sos_at_once_and_one_alert_however_often_it_is_pressed(self) -> None:
        pressed = [one for second in (0, 5, 600) for one in TELLER.says(second, "sos")]
        assert TELLER.told(self.SOS, pressed) == [(0, 2_400)], "half an hour after the last"
        assert TELLER.told(self.SOS, [*pressed, *TELLER.says(700, "sos_cleared")]) == [(0, 700)]
        assert TELLER.told(self.SOS, [*TELLER.says(0, "sos"), *TELLER.says(1_800, "sos")]) == [
            (0, 1_800),
            (1_800, 3_600),
        ]
        assert TELLER.told(self.SOS, [*TELLER.reads(0, sos=1), *TELLER.reads(30, sos=0)]) == [(0, 1_800)]
        assert TELLER.told(self.SOS, TELLER.reads(0, sos=0)) == []

    def test_never_over_by_itself(self) -> None:
        rule = Rule("sos", "event", Happening(("sos",), after_s=None))
        assert TELLER.told(rule, TELLER.says(0, "sos"), 1e9) == [(0, None)]

    def terminal(self, second: float, word: int) -> list[Stored]:
        """A position of a JT/T 808 terminal with its alarm word."""
        told = [one for bit, kind in alarm_kinds(word, 2019) for one in TELLER.says(second, kind, bit=bit, alarm=word)]
        return [*TELLER.stands(second, 30.0, 114.0), *told]

    def test_alarm_bits_last_while_positions_carry_them(self) -> None:
        collision, rollover = 1 << 29, 1 << 30
        history = [
            *self.terminal(0, 0),
            *self.terminal(30, collision),
            *self.terminal(60, collision | rollover),
            *self.terminal(90, rollover),
            *self.terminal(120, 1 << 4),
        ]
        found = TELLER.alerts(self.ALARMS, history, 200)
        assert [one.scope for one in found] == ["collision", "rollover"]
        assert TELLER.told(self.ALARMS, history) == [(30, 90), (60, 120)]

    def test_a_position_that_is_invalid_ends_nothing(self) -> None:
        history = [*self.terminal(30, 1 << 29), *TELLER.stands(60, 30.0, 114.0, valid=False)]
        assert TELLER.told(self.ALARMS, history, 100) == [(30, None)]

    def test_each_missed_stop_until_it_is_served(self) -> None:
        history = [
            *TELLER.says(0, "stop_missed", stop="bin-7"),
            *TELLER.says(60, "stop_missed", stop="bin-8"),
            *TELLER.says(600, "stop_served", stop="bin-7"),
            *TELLER.says(700, "stop_served", stop="bin-9"),
        ]
        found = TELLER.alerts(self.STOPS, history, 50_000)
        assert [one.scope for one in found] == ["bin-7", "bin-8"]
        assert TELLER.told(self.STOPS, history) == [(0, 600), (60, 43_260)]
        assert TELLER.told(self.STOPS, [*history, *TELLER.says(800, "stop_served")]) == [(0, 600), (60, 800)], "all"

    def test_no_more_than_the_newest_are_kept_open(self) -> None:
        many = [one for n in range(MOST_OPEN + 2) for one in TELLER.says(n, "stop_missed", stop=f"bin-{n}")]
        told = TELLER.told(self.STOPS, many, 100)
        assert told[:3] == [(0, 64), (1, 65), (2, None)]
        assert len(told) == MOST_OPEN + 2


class TestSilence:
    def test_three_intervals_of_the_device(self) -> None:
        rule = Rule("silent", "silence", Silence())
        assert TELLER.told(rule, TELLER.reads(0, battery_pct=50), 179) == []
        assert TELLER.told(rule, TELLER.reads(0, battery_pct=50), 180) == [(180, None)]
        assert TELLER.told(rule, [*TELLER.reads(0, battery_pct=50), *TELLER.says(180, "sos")], 359) == [], (
            "just in time"
        )
        assert TELLER.told(rule, [*TELLER.reads(0, battery_pct=50), *TELLER.says(200, "sos")], 379) == [(180, 200)]

    def test_only_on_duty(self) -> None:
        rule = Rule("silent", "silence", Silence(while_on="on_duty"))
        assert TELLER.told(rule, TELLER.reads(0, battery_pct=50)) == [], "nobody said that it is on duty"
        on, off = TELLER.reads(0, on_duty=1), TELLER.reads(60, on_duty=0)
        assert TELLER.told(rule, on) == [(180, None)]
        assert TELLER.told(rule, [*on, *TELLER.reads(100, battery_pct=50)]) == [(280, None)], "still on duty"
        assert TELLER.told(rule, [*on, *off]) == []
        assert TELLER.told(rule, [*on, *TELLER.reads(300, on_duty=0)]) == [(180, 300)]

    def test_the_night_does_not_count(self) -> None:
        """It is nine in the evening; ten is 3,600 after it, six in the morning 32,400."""
        rule = Rule("silent", "silence", Silence(pause=Hours((Window("22:00", "06:00"),))))
        assert TELLER.told(rule, TELLER.reads(3_400, battery_pct=50)) == [(3_580, None)]
        assert TELLER.told(rule, TELLER.reads(3_420, battery_pct=50)) == [(3_600, None)]
        assert TELLER.told(rule, TELLER.reads(3_500, battery_pct=50)) == [(32_480, None)], "100 s before and 80 s after"
        assert TELLER.told(rule, TELLER.reads(10_000, battery_pct=50)) == [(32_580, None)]
