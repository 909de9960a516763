"""What became of planned stops at bins."""

from datetime import date

import pytest

from fleet.bins.emptying import Emptying, series
from fleet.bins.halts import Halt
from fleet.bins.missed_pickups import Pickup, PickupReport, Seen, missed_pickups, overflows, shift_span
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route, Stop, Window

MINUTE = 60_000_000
HOUR = 60 * MINUTE
MIDNIGHT = 1_780_243_200_000_000  #: 2026-06-01 in Shanghai
DAY = Shift("day", 360, 480)  # 06:00 to 14:00
PLAN = Plan("p-1", date(2026, 6, 1), "day", route="r-1", vehicle="truck-1")


def route(*windows: Window) -> Route:
    stop = Stop("s-1", 114.3, 30.5, device="bin-1", windows=windows)
    return Route("r-1", 1, "collect", ((((114.3, 30.5)), (114.4, 30.5)),), stops=(stop, Stop("s-2", 114.31, 30.5)))


def clock(hour: float) -> int:
    return MIDNIGHT + int(hour * HOUR)


def filling(*levels: float, start: float = 5) -> Seen:
    """A level every half hour."""
    return Seen(series((clock(start + n / 2), level) for n, level in enumerate(levels)))


FULL = [90.0] * 25


def emptied(hour: float, vehicle: str | None = "truck-1") -> Emptying:
    return Emptying("bin-1", clock(hour), clock(hour) - 1, clock(hour), 90, 3, vehicle, "lift")


def judged(seen: Seen | None, *windows: Window) -> PickupReport:
    return missed_pickups(PLAN, route(*windows), DAY, {} if seen is None else {"bin-1": seen})


def only(seen: Seen | None, *windows: Window) -> Pickup:
    (one,) = judged(seen, *windows).pickups
    return one


def test_served_late_and_by_whom() -> None:
    seen = Seen(filling(*FULL).fill, [emptied(9)])
    served = only(seen)
    assert (served.outcome, served.at, served.proof, served.why) == ("served", clock(9), "lift", "")
    assert served.planned == (clock(6), clock(14))
    assert only(seen, Window(6 * 60, 8 * 60)).outcome == "late"
    assert only(seen, Window(6 * 60, 7 * 60 - 30)).outcome == "missed", "more than two hours later is another visit"
    other = Seen(seen.fill, [emptied(9, "truck-2")])
    assert (only(other).outcome, only(other).why) == ("served", "another vehicle")


def test_an_emptying_serves_one_window_only() -> None:
    seen = Seen(filling(*FULL).fill, [emptied(10.25)])
    first, second = judged(seen, Window(6 * 60, 9 * 60), Window(10 * 60, 12 * 60)).pickups
    assert (first.outcome, second.outcome) == ("missed", "served")


def test_why_a_stop_was_not_served() -> None:
    assert only(filling(*FULL)).why == "no truck came"
    passed = Seen(filling(*FULL).fill, (), [Halt("truck-1", clock(9), clock(9.01), False, 8)])
    assert (only(passed).outcome, only(passed).why) == ("missed", "truck passed without lift")
    low = only(filling(*[30.0] * 25))
    assert (low.outcome, low.why, low.fill_pct) == ("not_full", "bin not full", 30)
    spiky = filling(*[30.0, 30.0, 30.0, 100.0, *[31.0] * 21])
    assert only(spiky).outcome == "not_full", "one wild reading"
    assert only(Seen(filling(*FULL).fill, tracked=False)).why == "data missing"


def test_silence_is_no_data_and_never_missed() -> None:
    assert only(None).outcome == "no_data"
    torn = filling(90, 90, 90, start=6)
    assert (only(torn).outcome, only(torn).why) == ("no_data", "data missing")
    report = judged(torn)
    ((name, gap),) = report.gaps
    assert (name, gap.start, gap.end) == ("bin-1", clock(7), clock(14))
    assert report.missed_per_10000 is None
    assert only(Seen(torn.fill, [emptied(13)])).outcome == "served", "the emptying is known all the same"


def test_hours_of_overflow_end_with_the_emptying() -> None:
    seen = Seen(filling(*[90.0] * 4, *[97.0] * 20).fill, [emptied(9)])
    assert only(seen).overflow_h == pytest.approx(2)
    assert only(Seen(seen.fill)).overflow_h == pytest.approx(9), "to the end of what is seen, two hours past the window"
    assert judged(seen).overflow_h == pytest.approx(2)
    assert overflows([seen.fill, seen.fill], clock(6), clock(9)) == pytest.approx(4)
    assert overflows([series([(clock(6), 99), (clock(12), 99)])], clock(6), clock(12)) == 0, "silence is no overflow"


def test_shifts_past_midnight_and_over_a_clock_change_are_the_right_hours() -> None:
    night = Shift("night", 21 * 60, 480)
    assert shift_span(PLAN, night) == (clock(21), clock(29))
    spring = Plan("p-2", date(2026, 3, 28), "night")
    begin, end = shift_span(spring, Shift("night", 22 * 60, 480, "Europe/Berlin"))
    assert end - begin == 7 * HOUR, "from 22 to 6 o'clock, of which one hour was left out"
