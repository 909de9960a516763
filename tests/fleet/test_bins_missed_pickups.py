"""What became of stops at bins that their vehicle was not seen to serve."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from fleet.bins.emptying import Emptying, series
from fleet.bins.halts import Halt
from fleet.bins.missed_pickups import Pickup, Seen, missed_pickups, unseen
from fleet.bins.readiness import Thresholds
from fleet.compliance.outcomes import with_outcomes
from fleet.compliance.result import Compliance, Gap, Split, StopResult
from fleet.master.route import Route, Stop

HOUR = 3_600_000_000
MIDNIGHT = 1_780_243_200_000_000  #: 2026-06-01 in Shanghai
ROUTE = Route(
    "r-1", 1, "collect", (((114.3, 30.5), (114.4, 30.5)),),
    stops=(Stop("s-1", 114.3, 30.5, device="bin-1"), Stop("s-2", 114.31, 30.5)),
)  # fmt: skip
ALL = structs.replace(ROUTE, collects="all")
Hours = tuple[float, float]


def clock(hour: float) -> int:
    return MIDNIGHT + int(hour * HOUR)


def stop(window: Hours | None = None, number: int = 1, at: float | None = None, state: str = "missed") -> StopResult:
    planned = None if window is None else (clock(window[0]), clock(window[1]))
    served = None if at is None else clock(at)
    return StopResult("s-1", "bin-1", number, state, planned, served)  # type: ignore[arg-type]


def compliance(*stops: StopResult, gaps: tuple[Gap, ...] = ()) -> Compliance:
    """A shift from 6 to 14 o'clock, in which these stops were judged."""
    return Compliance(
        "p-1", "r-1", 1, "truck-1", clock(6), clock(14), 1.0, clock(6), clock(14), 0.0, (), (),
        (*stops, StopResult("s-2", None, 1, "missed")), (), (), gaps, Split(),
    )  # fmt: skip


def filling(*levels: float, start: float = 5, every: float = 0.5, **more: Any) -> Seen:
    """A level every half hour."""
    return Seen(series((clock(start + n * every), level) for n, level in enumerate(levels)), **more)


FULL = [90.0] * 25
LOW = [30.0] * 25


def emptied(hour: float, vehicle: str | None = "truck-2", since: float | None = None) -> Emptying:
    begin = clock(hour) - 1 if since is None else clock(since)
    return Emptying("bin-1", clock(hour), begin, clock(hour), 90, 3, vehicle, "lift" if vehicle else "fill")


def judged(seen: Seen | None, *stops: StopResult, route: Route = ROUTE, gaps: tuple[Gap, ...] = ()) -> list[Pickup]:
    of = compliance(*(stops or (stop(),)), gaps=gaps)
    return list(missed_pickups(of, route, {} if seen is None else {"bin-1": seen}))


def only(seen: Seen | None, *stops: StopResult, **more: Any) -> Pickup:
    (one,) = judged(seen, *stops, **more)
    return one


def came(hour: float) -> list[Halt]:
    return [Halt("truck-1", clock(hour), clock(hour + 0.01), False, 8)]


def told(one: Pickup) -> tuple[str, str]:
    return one.outcome, one.why


def test_what_the_vehicle_was_seen_to_do_stands() -> None:
    seen = filling(*LOW)
    assert told(only(seen, stop(at=9, state="served"))) == ("served", "")
    assert told(only(seen, stop((6, 8), at=9, state="late"))) == ("late", "")
    assert told(only(seen, stop(state="no_data"))) == ("no_data", "")


def test_who_emptied_it_instead() -> None:
    other = only(filling(*FULL, emptied=[emptied(9)]))
    assert (*told(other), other.at, other.vehicle) == ("other_vehicle", "other", clock(9), "truck-2")
    assert other.planned == (clock(6), clock(14))
    own = only(filling(*FULL, emptied=[emptied(9, "truck-1")]))
    assert (own.outcome, own.vehicle) == ("served", "truck-1")
    assert only(filling(*FULL, emptied=[emptied(9, "truck-1")]), stop((6, 8))).outcome == "late"


def test_a_service_in_a_gap_is_anothers_if_another_is_known_to_have_emptied_the_bin() -> None:
    result = structs.replace(stop(at=9, state="served"), proof="emptied")
    gap = Gap(clock(8), clock(10))
    seen = filling(*FULL, emptied=[emptied(9)])
    of = compliance(result, gaps=(gap,))
    assert unseen(of, result)
    (one,) = missed_pickups(of, ROUTE, {"bin-1": seen})
    assert (*told(one), one.vehicle) == ("other_vehicle", "other", "truck-2")
    changed = with_outcomes(of, ROUTE, (one,)).stops[0]
    assert (changed.state, changed.at, changed.proof, changed.order) == ("other_vehicle", None, None, None)
    assert only(structs.replace(seen, halts=came(9.01)), result).outcome == "served", "it was there itself"
    assert only(filling(*FULL, emptied=[emptied(9, None)]), result).outcome == "served", "nobody else is known"
    assert not unseen(compliance(result), result)
    assert not unseen(of, structs.replace(result, proof="lift"))


def test_nobody_is_named_whom_nobody_saw() -> None:
    somebody = filling(*FULL, emptied=[emptied(9, None, since=8.5)])
    assert (*told(only(somebody)), only(somebody).vehicle) == ("other_vehicle", "other", None)
    here = structs.replace(somebody, halts=came(8.75))
    assert told(only(here)) == ("no_data", "whose"), "it was there meanwhile, and may have been it"
    assert told(only(somebody, gaps=(Gap(clock(8.6), clock(8.7)),))) == ("no_data", "whose")
    assert only(somebody, gaps=(Gap(clock(12), clock(13)),)).outcome == "other_vehicle"


def test_what_another_did_after_the_window_is_no_excuse() -> None:
    after = only(filling(*FULL, emptied=[emptied(9)]), stop((6, 8)))
    assert (*told(after), after.at, after.vehicle) == ("missed", "no_truck", clock(9), "truck-2")
    own = filling(*FULL, emptied=[emptied(9, "truck-1")])
    assert only(own, stop((6, 8))).outcome == "late"
    assert told(only(own, stop((6, 6.5)))) == ("missed", "no_truck"), "more than two hours later is another visit"
    whose = filling(*FULL, emptied=[emptied(8.5, None, since=8.25)], halts=came(8.4))
    assert told(only(whose, stop((6, 8)))) == ("no_data", "whose")
    low = [*[30.0] * 6, *[80.0] * 19]  # full half an hour after the window
    assert only(filling(*low, emptied=[emptied(9, "truck-1")]), stop((6, 7))).outcome == "not_full"


def test_a_fall_of_the_level_about_the_end_of_the_window_may_have_been_in_it() -> None:
    about = filling(*FULL, emptied=[emptied(8.1, None, since=7.9)])
    assert only(about, stop((6, 8))).outcome == "other_vehicle"
    after = filling(*FULL, emptied=[emptied(8.3, None, since=8.1)])
    assert only(after, stop((6, 8))).outcome == "missed"


def test_an_emptying_serves_one_pass_only() -> None:
    seen = filling(*FULL, emptied=[emptied(10.25)])
    first, second = judged(seen, stop((6, 9)), stop((10, 12), 2))
    assert (first.outcome, second.outcome) == ("missed", "other_vehicle")
    both = filling(*FULL, emptied=[emptied(9, "truck-1"), emptied(11)])
    mine, theirs = judged(both, stop(at=9, state="served"), stop(number=2))
    assert (mine.outcome, theirs.outcome, theirs.at) == ("served", "other_vehicle", clock(11))


def test_a_bin_that_was_emptied_in_the_first_pass_is_not_full_in_the_second() -> None:
    levels = [*[90.0] * 9, *[8.0] * 16]  # emptied at nine
    first, second = judged(filling(*levels, emptied=[emptied(9, "truck-1")]), stop(at=9, state="served"), stop(None, 2))
    assert (first.outcome, told(second), second.most_pct) == ("served", ("not_full", "low"), 8)
    early = [*[90.0] * 2, *[5.0] * 23]  # emptied a while before the shift, by whomever
    assert told(only(filling(*early, emptied=[emptied(5.75)]))) == ("not_full", "low")


def test_why_a_stop_was_missed() -> None:
    assert told(only(filling(*FULL))) == ("missed", "no_truck")
    passed = only(filling(*FULL, halts=came(9)))
    assert told(passed) == ("missed", "passed")
    assert passed.passed is not None
    assert passed.passed.distance_m == 8
    assert told(only(filling(*FULL), gaps=(Gap(clock(9), clock(9.1)),))) == ("missed", "no_positions")
    assert told(only(filling(*FULL, halts=came(15)))) == ("missed", "no_truck"), "after the shift is too late"


def test_a_bin_that_is_not_full_is_left_where_the_round_collects_what_is_ready() -> None:
    low = only(filling(*LOW))
    assert (*told(low), low.fill_pct, low.most_pct, low.limit_pct) == ("not_full", "low", 30, 30, 75)
    assert only(filling(*[30.0, 30.0, 30.0, 100.0, *[31.0] * 21])).outcome == "not_full", "one wild reading"
    assert told(only(filling(*LOW), route=ALL)) == ("missed", "no_truck")
    assert told(only(filling(*LOW, limits=Thresholds(20, 50, 80)))) == ("missed", "no_truck")
    aged = filling(*LOW, since=clock(6) - 7 * 24 * HOUR)
    assert told(only(aged)) == ("missed", "age"), "due all the same: it stood for a week"
    assert only(structs.replace(aged, emptied=[emptied(5.9)])).outcome == "not_full"


def test_who_came_left_the_bin_by_what_was_in_it_then() -> None:
    later_full = filling(*[60.0] * 10, *[80.0] * 15, halts=came(9))  # full from ten on
    left = only(later_full)
    assert (*told(left), left.most_pct, left.fill_pct) == ("not_full", "low_then", 60, 80)
    assert told(only(structs.replace(later_full, halts=[*came(9), *came(11)]))) == ("missed", "passed")
    assert told(only(structs.replace(later_full, halts=()))) == ("missed", "no_truck")


def test_where_the_bin_is_silent_only_who_stayed_away_missed_it() -> None:
    torn = filling(90, 90, 90, start=6)
    assert told(only(torn)) == ("missed", "no_truck"), "it was full, and nobody came"
    assert told(only(structs.replace(torn, halts=came(9)))) == ("missed", "passed"), "two hours after it was full"
    assert told(only(structs.replace(torn, halts=came(11)))) == ("no_data", "silent")
    assert told(only(None)) == ("missed", "no_truck"), "as a stop without a sensor"
    assert told(only(None, gaps=(Gap(clock(9), clock(9.1)),))) == ("no_data", "silent")
    assert told(only(filling(30, 30, 30, start=6))) == ("no_data", "silent"), "nobody knows whether it filled"
    assert only(structs.replace(torn, emptied=[emptied(13)])).outcome == "other_vehicle", "the emptying is known"


def test_between_two_readings_that_lie_far_apart_a_bin_only_rises() -> None:
    seldom = filling(20, 40, 60, start=4, every=6)
    assert (*told(only(seldom)), only(seldom).most_pct) == ("not_full", "low", 60)
    assert told(only(structs.replace(seldom, emptied=[emptied(15.9, since=10)]), stop((6, 13)))) == (
        "no_data",
        "silent",
    )
    assert told(only(filling(20, 40, 80, start=4, every=6))) == ("no_data", "silent"), "when it filled is not known"
    assert told(only(filling(20, 40, start=4, every=13))) == ("no_data", "silent")


def test_hours_of_overflow_end_with_the_emptying() -> None:
    seen = filling(*[90.0] * 4, *[97.0] * 20, emptied=[emptied(9)])
    assert only(seen).overflow_h == pytest.approx(2)
    assert only(Seen(seen.fill)).overflow_h == pytest.approx(9), "to the end of what is seen, two hours past the window"


def test_a_judgement_takes_the_outcomes_over_and_nothing_else() -> None:
    of = compliance(stop(at=9, state="served"), stop(number=2), stop(number=3))
    seen = {"bin-1": filling(*FULL, emptied=[emptied(8.95, "truck-1"), emptied(11), emptied(12, "truck-1")])}
    told_by_bins = with_outcomes(of, ROUTE, missed_pickups(of, ROUTE, seen))
    first, second, third, other = told_by_bins.stops
    assert (first.state, first.at, first.order) == ("served", clock(9), 1)
    assert (second.state, second.at, second.order, second.proof) == ("other_vehicle", None, None, None)
    assert second.evidence == "bin-1: emptied by truck-2, lift"
    assert (third.state, third.at, third.order, third.proof) == ("served", clock(12), 2, "emptied")
    assert other == of.stops[-1], "a stop without a bin"
    assert with_outcomes(of, ROUTE, ()) == of
    assert structs.replace(told_by_bins, stops=of.stops, order_kept=of.order_kept) == of
