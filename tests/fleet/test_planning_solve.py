"""Whatever is to be planned, the plan can be driven; and what it leaves standing it says with the right reason."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.planning.check import check
from fleet.planning.distance import crow_travel, grid_travel
from fleet.planning.fixed_round import fixed_round
from fleet.planning.nearest_neighbour import nearest_neighbour
from fleet.planning.problem import Break, CollectionPlan, Demand, Problem, ProblemError, Travel, sites
from fleet.planning.solve import solve
from tests.fleet.planning_problems import BEGIN, S, problem, problems, row, truck


def travel_of(one: Problem) -> Travel:
    return grid_travel(sites(one))


def solved(one: Problem) -> CollectionPlan:
    plan = solve(one, travel_of(one))
    assert check(one, travel_of(one), plan) == ()
    return plan


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems())
def test_any_plan_keeps_every_limit(one: Problem) -> None:
    solved(one)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems(), st.randoms(use_true_random=False))
def test_the_baselines_keep_the_same_limits(one: Problem, random: object) -> None:
    names = [demand.bin for demand in one.demands]
    rounds = {truck.id: names[at :: len(one.trucks)] for at, truck in enumerate(one.trucks)}
    for plan in (fixed_round(one, travel_of(one), rounds), nearest_neighbour(one, travel_of(one))):
        assert check(one, travel_of(one), plan) == ()


def test_a_full_truck_goes_to_the_tip_and_carries_on() -> None:
    plan = solved(problem(row(25), truck()))  # 25,000 l, of which 9,000 go in
    (tour,) = plan.tours
    assert plan.unserved == ()
    assert [visit.kind for visit in tour.visits].count("tip") == 3
    assert max(visit.litres for visit in tour.visits) <= 9_000
    assert tour.visits[-1].litres == 0


def test_a_short_shift_leaves_out_what_matters_least() -> None:
    demands = tuple(
        msgspec.structs.replace(one, service_s=600.0, priority=90 if n >= 15 else 0) for n, one in enumerate(row(20))
    )
    plan = solved(problem(demands, truck(hours=2)))
    assert 0 < plan.served < 20
    assert {one.code for one in plan.unserved} == {"time"}
    assert not {f"bin-{n:03d}" for n in range(15, 20)} & {one.bin for one in plan.unserved}


@pytest.mark.parametrize(
    ("demand", "code"),
    [
        (Demand("odd", 114.31, 30.58, 20_000.0), "too_large"),
        (Demand("odd", 114.31, 30.58, 100.0, skills=("crane",)), "skills"),
        (Demand("odd", 114.31, 30.58, 100.0, windows=((BEGIN - 9 * S, BEGIN - S),)), "window"),
        (Demand("odd", 114.31, 30.58, 100.0, windows=((BEGIN, BEGIN + S),)), "time"),
    ],
)
def test_a_bin_that_cannot_be_served_says_why(demand: Demand, code: str) -> None:
    plan = solved(problem((*row(3), demand)))
    assert [(one.bin, one.code) for one in plan.unserved] == [("odd", code)]
    assert plan.served == 3


def test_a_bin_that_no_way_leads_to_is_told_and_the_others_are_served() -> None:
    one = problem(row(4))
    travel = travel_of(one)
    travel.metres[:, 2] = travel.seconds[:, 2] = np.inf
    plan = solve(one, travel)
    assert check(one, travel, plan) == ()
    assert [(left.bin, left.code) for left in plan.unserved] == [("bin-002", "unreachable")]


def test_without_a_tip_the_load_is_the_limit() -> None:
    plan = solved(problem(row(12), truck(), tips=()))
    assert plan.served == 9
    assert {one.code for one in plan.unserved} == {"capacity"}


def test_the_break_is_taken_within_its_span() -> None:
    due = Break(BEGIN + 3_600 * S, BEGIN + 5_400 * S, 1_800.0)
    plan = solved(problem(row(15, service_s=600.0), truck(breaks=(due,))))
    (pause,) = [visit for visit in plan.tours[0].visits if visit.kind == "break"]
    assert due.earliest <= pause.begin <= due.latest
    assert pause.leave - pause.begin == 1_800 * S


def test_the_work_is_spread_where_that_is_asked_for() -> None:
    trucks = [truck(f"truck-{n}") for n in range(3)]
    few = solved(problem(row(25), *trucks))
    spread = solved(problem(row(25), *trucks, fewest=False))
    assert len(few.tours) == 1
    assert len(spread.tours) == 3
    assert max(t.visits[-1].leave for t in spread.tours) < few.tours[0].visits[-1].leave


def test_a_plan_is_shorter_than_the_baselines() -> None:
    rng = np.random.default_rng(4)
    demands = tuple(
        Demand(f"bin-{n}", float(lon), float(lat), 500.0)
        for n, (lon, lat) in enumerate(rng.uniform((114.28, 30.56), (114.34, 30.60), (60, 2)))
    )
    one = problem(demands, truck("a"), truck("b"))
    names = [demand.bin for demand in demands]
    ours = solved(one)
    nearest = nearest_neighbour(one, travel_of(one))
    fixed = fixed_round(one, travel_of(one), {"a": names[:30], "b": names[30:]})
    assert ours.served == nearest.served == fixed.served == 60
    assert ours.distance_m < nearest.distance_m < fixed.distance_m


def test_a_problem_that_is_not_sound_is_refused_by_name() -> None:
    twice = problem((*row(2), *row(1)), truck(), truck(hours=-1))
    with pytest.raises(ProblemError) as caught:
        solve(twice, crow_travel(sites(twice)))
    assert "bin: 'bin-000' stands there twice" in str(caught.value)
    assert "truck: 'truck-1' stands there twice" in str(caught.value)
    assert "end: expected an instant after begin" in str(caught.value)


def test_the_checker_sees_what_is_wrong() -> None:
    one = problem(row(12))
    plan = solved(one)
    (tour,) = plan.tours

    def told(**changes: object) -> str:
        changed = msgspec.structs.replace(tour, **changes)
        return "; ".join(check(one, travel_of(one), msgspec.structs.replace(plan, tours=(changed,))))

    visits = tour.visits
    assert "in no tour" in told(visits=(visits[0], *visits[2:]))
    assert "stands 2 times" in told(visits=(*visits[:2], *visits[1:]))
    assert "more than goes in" in told(visits=tuple(v for v in visits if v.kind != "tip"))
    late = tuple(msgspec.structs.replace(v, leave=v.leave + 9 * 3_600 * S) if v.kind == "end" else v for v in visits)
    assert "outside its shift" in told(visits=late)
    early = (*visits[:2], msgspec.structs.replace(visits[2], arrive=visits[1].leave), *visits[3:])
    assert "is reached 0 s later" in told(visits=early)
    assert "there is none" in told(truck="nobody")
