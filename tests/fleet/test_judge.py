"""What the judge says of made drives: what managers rely on, a sentence a test."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.compliance.judge import judge
from fleet.compliance.result import Compliance
from fleet.compliance.settings import Settings
from fleet.master.places import Place
from fleet.master.route import Route, Stop, Window
from fleet.track import Driven, Signal
from tests.fleet.drives import HOUR, PLAN, SPAN, START, drive, driven, line, route, shuffled, stand

SQUARE = [(0.0, 0.0), (600.0, 0.0), (600.0, 400.0), (0.0, 400.0)]
STREET = [(0.0, 0.0), (1_000.0, 0.0)]


def judged(plan: Route, one: Driven, *places: Place, **more: object) -> Compliance:
    return judge(PLAN, plan, SPAN, one, places, **more)  # type: ignore[arg-type]


def shares(result: Compliance) -> list[tuple[float, float, float]]:
    """Covered, missed and no data of each pass, in percent."""
    return [
        tuple(round(100 * part / one.planned_m, 1) for part in (one.covered_m, one.missed_m, one.no_data_m))
        for one in result.passes
    ]  # type: ignore[misc]


def test_a_line_that_was_driven_at_work_is_covered_round_its_corners_too() -> None:
    result = judged(route(line(*SQUARE)), driven(drive(SQUARE), stand(0, 400, 700, 6_500)))
    assert shares(result) == [(100.0, 0.0, 0.0)]
    assert result.coverage == 1
    assert result.stretches[0].at is not None
    assert result.split.work_m == pytest.approx(1_600, rel=0.02)


def test_without_the_work_signal_nothing_is_covered() -> None:
    signals = {
        "brush": [(second, 0.0) for second in range(0, 7_200, 60)],
        "ignition": [(s, 1.0) for s in range(0, 7_200, 60)],
    }
    result = judged(route(line(*STREET)), driven(drive(STREET), stand(1_000, 0, 410, 6_700), signals=signals))
    assert shares(result) == [(0.0, 100.0, 0.0)]
    assert result.split.work_s == 0
    assert result.split.transit_m == pytest.approx(1_000, rel=0.02)


def test_a_signal_that_fell_silent_is_no_data_and_not_missed() -> None:
    signals = {"brush": [(0.0, 1.0)], "ignition": [(second, 1.0) for second in range(0, 7_200, 60)]}
    slow = drive(STREET, kmh=3.6)
    result = judged(route(line(*STREET)), driven(slow, stand(1_000, 0, 1_010, 6_100), signals=signals))
    ((covered, missed, no_data),) = shares(result)
    assert covered == pytest.approx(30, abs=2)
    assert missed == 0
    assert no_data == pytest.approx(70, abs=2)
    assert result.completeness < 0.1


def test_the_wrong_direction_does_not_count_unless_any_will_do() -> None:
    back = driven(drive(STREET[::-1]), stand(0, 0, 410, 6_700))
    assert shares(judged(route(line(*STREET)), back)) == [(0.0, 100.0, 0.0)]
    assert shares(judged(route(line(*STREET), direction="any"), back)) == [(100.0, 0.0, 0.0)]
    both = judged(route(line(*STREET), direction="both"), back)
    assert shares(both) == [(50.0, 50.0, 0.0)]
    assert {(one.direction, one.state) for one in both.stretches} == {("forward", "missed"), ("backward", "covered")}


def test_a_second_pass_is_the_second_time() -> None:
    there_again = [*STREET, STREET[0], STREET[1]]
    twice = driven(drive(there_again), stand(1_000, 0, 1_220, 5_980))
    assert shares(judged(route(line(*STREET), passes=3), twice)) == [(100, 0, 0), (100, 0, 0), (0, 100, 0)]


def test_too_fast_is_not_swept() -> None:
    fast = driven(drive(STREET, kmh=30.0), stand(1_000, 0, 140, 7_000))
    result = judged(route(line(*STREET)), fast)
    assert shares(result)[0][0] < 10
    (speeding,) = result.speedings
    assert speeding.working
    assert speeding.greatest_kmh == 30
    assert result.wrong_speed_m == pytest.approx(960, abs=40)


def test_a_parallel_street_is_another() -> None:
    beside = [(0.0, 25.0), (1_000.0, 25.0)]
    result = judged(route(line(*STREET)), driven(drive(beside), stand(1_000, 25, 410, 6_700)))
    assert shares(result) == [(0.0, 100.0, 0.0)]


def test_a_gap_is_no_data_where_it_may_have_been_and_missed_where_it_cannot_have_been() -> None:
    long = [(0.0, 0.0), (6_000.0, 0.0)]
    rows = drive(long, kmh=14.4)
    hidden = (rows[:, 0] > 300) & (rows[:, 0] < 900)
    far = [(0.0, 9_000.0), (500.0, 9_000.0)]
    result = judged(route(line(*long), line(*far)), driven(rows[~hidden], stand(6_000, 0, 1_520, 5_680)))
    states = {(one.line, one.state) for one in result.stretches}
    assert states == {(0, "covered"), (0, "no_data"), (1, "missed")}
    (hole,) = [one for one in result.stretches if one.state == "no_data"]
    assert (hole.begin_m, hole.end_m) == pytest.approx((1_200, 3_600), abs=50)
    assert [(one.start - START, one.end - START) for one in result.gaps] == [(300_000_000, 900_000_000)]
    assert result.completeness == pytest.approx(1 - 600 / 7_200, abs=0.01)
    assert result.coverage == pytest.approx(3_600 / 4_100, abs=0.01)


def test_who_sent_nothing_is_not_judged() -> None:
    nothing = driven(stand(0, 0, 0, 0))
    result = judged(route(line(*STREET), stops=(Stop("s", *line((500.0, 0.0))[0]),)), nothing)
    assert shares(result) == [(0.0, 0.0, 100.0)]
    assert result.completeness == 0
    assert result.coverage is None
    assert [one.state for one in result.stops] == ["no_data"]
    assert result.driven_m == 0


def test_a_detour_is_told_with_its_length_and_the_corridor_holds_for_access_and_places() -> None:
    detour = [(0.0, 0.0), (500.0, 0.0), (500.0, 400.0), (500.0, 0.0), (1_000.0, 0.0)]
    moving = drive(detour, kmh=18.0, every=5.0)
    one = driven(moving, stand(1_000, 0, 370, 6_800))
    (told,) = judged(route(line(*STREET)), one).deviations
    assert told.length_m == pytest.approx(2 * 350, rel=0.05)
    assert told.greatest_m == pytest.approx(400, abs=15)
    assert (told.start - START) / 1e6 == pytest.approx(110, abs=3)
    assert (told.end - START) / 1e6 == pytest.approx(250, abs=3)
    assert judged(route(line(*STREET), access=(line((500.0, 0.0), (500.0, 400.0)),)), one).deviations == ()
    tip = Place("tip", "tip", *line((500.0, 250.0))[0], radius_m=240.0)
    assert judged(route(line(*STREET)), one, tip).deviations == ()


def test_two_bad_fixes_are_no_deviation_and_cost_no_coverage() -> None:
    rows = drive(STREET)
    rows[15:17, 2] += 300.0
    result = judged(route(line(*STREET)), driven(rows, stand(1_000, 0, 410, 6_700)))
    assert result.deviations == ()
    assert shares(result) == [(100.0, 0.0, 0.0)]


@dataclass
class Collected:
    """A truck that halts at a stop of its round, with what it and the bins say of it."""

    signals: dict[str, list[tuple[float, float]]]
    emptied: dict[str, list[int]] | None = None


def collected(case: Collected, *stops: Stop, passes: int = 1, zone: str = "Asia/Shanghai") -> Compliance:
    rows = (drive([(0.0, 0.0), (500.0, 0.0)]), stand(500, 0, 210, 60), drive([(500.0, 0.0), (1_000.0, 0.0)], begin=270))
    one = driven(*rows, stand(1_000, 0, 480, 6_700))
    quiet = {
        name: Signal(START + np.array([int(s * 1e6) for s, _ in told]), np.array([v for _, v in told]))
        for name, told in case.signals.items()
    }
    plan = Route("r", 1, "collect", (line(*STREET),), work=(), work_max_kmh=20.0, stops=stops, passes=passes)
    return judge(PLAN, plan, SPAN, one._replace(signals=quiet), (), Settings(zone=zone), emptied=case.emptied)


def stop(name: str, x: float, y: float = -8.0, **more: object) -> Stop:
    return Stop(name, *line((x, y))[0], device=f"bin-{name}", **more)  # type: ignore[arg-type]


def test_stops_are_served_by_what_bins_lifts_and_halts_say() -> None:
    here, there = stop("a", 500), stop("b", 900)
    at = START + 250_000_000
    told = collected(Collected({}, {"bin-a": [at], "bin-b": []}), here, there).stops
    assert [(one.state, one.proof) for one in told] == [("served", "emptied"), ("missed", None)]
    counter = [(second, 0.0 if second < 240 else 1.0) for second in range(0, 7_200, 30)]
    told = collected(Collected({"lift_count": counter}), here, there).stops
    assert [(one.state, one.proof) for one in told] == [("served", "lift"), ("missed", None)]
    told = collected(Collected({"load_kg": [(s, 100.0 if s < 240 else 112.0) for s, _ in counter]}), here, there).stops
    assert [(one.state, one.proof) for one in told] == [("served", "weight"), ("missed", None)]
    told = collected(Collected({}), here, there).stops
    assert [(one.state, one.proof) for one in told] == [("served", "dwell"), ("missed", None)]


def test_another_vehicle_emptied_a_bin_that_this_one_was_not_near() -> None:
    (told,) = collected(Collected({}, {"bin-b": [START + 250_000_000]}), stop("b", 900)).stops
    assert told.state == "missed"


def test_a_bin_that_tells_of_no_emptying_was_missed_though_nobody_saw_the_vehicle() -> None:
    plan = Route("r", 1, "collect", (line(*STREET),), stops=(stop("a", 500), stop("b", 700)))
    result = judged(plan, driven(stand(0, 0, 0, 0)), emptied={"bin-a": []})
    assert [one.state for one in result.stops] == ["missed", "no_data"]


def test_windows_count_in_the_local_time_of_the_service_day() -> None:
    late, early = Window(7 * 60, 8 * 60), Window(8 * 60 + 30, 9 * 60)
    case = Collected({}, {"bin-a": [START + 250_000_000]})
    assert collected(case, stop("a", 500, windows=(late,))).stops[0].state == "late"
    assert collected(case, stop("a", 500, windows=(early,))).stops[0].state == "early"
    told = collected(case, stop("a", 500, windows=(Window(60, 61),)), zone="Europe/London").stops[0]
    assert told.planned == (START, START + 60_000_000)


def test_order_of_the_stops() -> None:
    times = {"bin-a": [START + 250_000_000]}
    assert collected(Collected({}, times), stop("a", 500)).order_kept == 1


def test_loads_fuel_and_empty_running() -> None:
    work = drive(STREET)
    away = drive([(1_000.0, 0.0), (1_000.0, 500.0), (1_000.0, 0.0)], begin=420, kmh=18.0)
    again = drive(STREET[::-1], begin=640)
    on = [(s, 0.0 if 420 <= s < 640 else 1.0) for s in range(0, 7_200, 10)]
    signals = {
        "brush": on,
        "ignition": [(s, 1.0) for s, _ in on],
        "fuel_pct": [(s, 50.0 - s / 720 + (40.0 if s > 3_600 else 0.0)) for s, _ in on],
        "load_kg": [(s, 4_000.0 if s < 520 else 0.0) for s, _ in on],
    }
    one = driven(work, away, again, stand(0, 0, 1_050, 6_100), signals=signals)
    plan = route(line(*STREET), direction="any", passes=1)
    tip = Place("tip", "tip", *line((1_000.0, 500.0))[0])
    result = judged(plan, one, tip, settings=Settings(tank_l=200.0))
    assert result.loads == 1
    assert result.fuel_l == pytest.approx(20.0, abs=0.2)
    assert result.empty_running == 0
    assert judged(plan, one).empty_running == pytest.approx(1_000 / 3_000, abs=0.02)


@given(st.randoms(use_true_random=False), st.integers(0, 400))
@settings(max_examples=20, deadline=None)
def test_order_and_duplicates_change_nothing(chance: object, again: int) -> None:
    one = driven(drive(SQUARE), stand(0, 400, 700, 6_500), drive(SQUARE[::-1], begin=7_200))
    count = len(one.track.at)
    order = [*range(count), *(chance.randrange(count) for _ in range(again))]  # type: ignore[attr-defined]
    chance.shuffle(order)  # type: ignore[attr-defined]
    plan = route(line(*SQUARE), passes=2, stops=(Stop("s", *line((300.0, 0.0))[0]),))
    assert judged(plan, shuffled(one, np.array(order))) == judged(plan, one)


@given(st.sets(st.integers(1, 7)), st.floats(0.0, 1.0), st.sampled_from(["forward", "both", "any"]))
@settings(max_examples=40, deadline=None)
def test_splitting_a_line_at_any_vertex_changes_no_coverage(cuts: set[int], kept: float, direction: str) -> None:
    corners = [(0, 0), (300, 0), (500, 0), (500, 250), (700, 400), (700, 800), (200, 800), (200, 300), (0, 300)]
    rows = drive(corners)
    hidden = (rows[:, 0] > kept * 500) & (rows[:, 0] < kept * 500 + 150)
    one = driven(rows[~hidden], stand(0, 300, 1_500, 5_700))
    whole = line(*corners)
    marks = [0, *sorted(cuts), len(corners) - 1]
    parts = [whole[begin : end + 1] for begin, end in pairwise(marks) if end > begin]
    joined, split = (
        judged(route(*lines, direction=direction, passes=2), one)
        for lines in ([whole], parts)  # type: ignore[list-item]
    )
    for one_pass, other in zip(joined.passes, split.passes, strict=True):
        for field in ("planned_m", "covered_m", "missed_m", "no_data_m"):
            assert getattr(other, field) == pytest.approx(getattr(one_pass, field), abs=1e-4)


def test_where_the_time_went_and_when_it_left_and_came_back() -> None:
    depot = Place("yard", "depot", *line((-300.0, 0.0))[0])
    out, home = [(-300.0, 0.0), (0.0, 0.0)], [(1_000.0, 0.0), (-300.0, 0.0)]
    rows = (
        stand(-300, 0, 0, 600),
        drive(out, begin=600, kmh=18.0),
        drive(STREET, begin=670, kmh=9.0),
        stand(1_000, 0, 1_080, 900),
        drive(home, begin=1_980, kmh=18.0),
        stand(-300, 0, 2_250, 4_950),
    )
    on = [(s, 1.0 if 670 <= s < 1_080 else 0.0) for s in range(0, 7_200, 10)]
    engine = [(s, 1.0 if 600 <= s < 2_250 else 0.0) for s, _ in on]
    result = judged(
        route(line(*STREET), access=(line(*out),)), driven(*rows, signals={"brush": on, "ignition": engine}), depot
    )
    split = result.split
    assert (split.work_s, split.idle_s) == pytest.approx((410, 920), abs=25)
    assert split.transit_s == pytest.approx(60 + 260, abs=20)
    assert split.off_s == pytest.approx(5_500, abs=60)
    assert split.no_data_s == 0
    assert (split.work_m, split.transit_m) == pytest.approx((1_000, 1_600), abs=25)
    assert result.driven_m == pytest.approx(2_600, abs=20)
    assert result.empty_running == 0
    assert ((result.began or 0) - START) / 1e6 == pytest.approx(610, abs=10)
    assert ((result.ended or 0) - START) / 1e6 == pytest.approx(2_240, abs=15)
    assert result.deviations == ()


def test_a_route_of_stops_alone_has_no_coverage_and_no_deviations() -> None:
    plan = Route("r", 1, "collect", (), stops=(stop("a", 1_000, 0),))
    result = judged(plan, driven(drive(STREET), stand(1_000, 0, 410, 6_790)))
    assert result.coverage is None
    assert result.deviations == ()
    assert [one.state for one in result.stops] == ["served"]


def test_lines_in_another_order_than_driven_are_covered_to_their_ends() -> None:
    way = [(0.0, 0.0), (205.0, 0.0), (205.0, 310.0), (500.0, 310.0)]
    parts = [line(*way[begin : begin + 2]) for begin in (2, 0, 1)]
    one = driven(drive([(-50.0, 0.0), *way[1:-1], (560.0, 310.0)], kmh=12.0), stand(560, 310, 300, 6_900))
    ((covered, missed, _),) = shares(judged(route(*parts), one))
    assert (covered, missed) == (100, 0)


def test_a_line_that_was_left_before_its_end_is_not_covered_to_it() -> None:
    turning = [(0.0, 0.0), (700.0, 0.0), (700.0, 300.0)]
    ((covered, missed, _),) = shares(judged(route(line(*STREET)), driven(drive(turning), stand(700, 300, 410, 6_790))))
    assert covered == pytest.approx(70, abs=2)
    assert missed == pytest.approx(30, abs=2)


def test_a_shift_past_midnight_is_judged_as_one() -> None:
    night = START + 15 * HOUR  # 23:00 in Shanghai
    rows = drive([(0.0, 0.0), (1_000.0, 0.0), (0.0, 0.0)] * 4, kmh=5.0)
    one = driven(rows)
    moved = one._replace(
        start=night,
        end=night + 8 * HOUR,
        track=one.track._replace(at=one.track.at + 15 * HOUR),
        signals={name: signal._replace(at=signal.at + 15 * HOUR) for name, signal in one.signals.items()},
    )
    plan = route(line(*STREET), passes=4)
    result = judge(PLAN, plan, (night, night + 8 * HOUR), moved)
    assert [round(part.covered_m) for part in result.passes] == [1_000] * 4
