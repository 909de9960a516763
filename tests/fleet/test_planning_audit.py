"""A plan held against what was driven: nothing is missed that there is no data about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.compliance.result import Compliance, Split, StopResult
from fleet.planning.audit import Emptied, audit, overflow_hours
from fleet.planning.distance import grid_travel
from fleet.planning.problem import CollectionPlan, sites
from fleet.planning.solve import solve
from fleet.track import Signal
from tests.fleet.planning_problems import BEGIN, S, problem, row, truck


def made() -> CollectionPlan:
    one = problem(row(6), truck("v1"))
    return solve(one, grid_travel(sites(one)))


def judged(plan: CollectionPlan, states: dict[str, str]) -> Compliance:
    stops = tuple(
        StopResult(visit.place, visit.place, 1, states.get(visit.place, "served"), at=visit.begin)  # type: ignore[arg-type]
        for visit in plan.tours[0].visits
        if visit.kind == "bin"
    )
    return Compliance("p", "r", 1, "v1", BEGIN, BEGIN + S, 1.0, None, None, 9_000.0, (), (), stops, (), (), (), Split())


def emptied(plan: CollectionPlan, late_s: int = 0, by: str | None = "v1") -> list[Emptied]:
    return [Emptied(v.place, v.begin + late_s * S, by) for v in plan.tours[0].visits if v.kind == "bin"]


def test_what_was_done_as_planned() -> None:
    plan = made()
    found = audit(plan, emptied(plan, 60), {"v1": judged(plan, {})})
    assert (found.served_share, found.on_time_share, found.order_kept, found.late_s) == (1.0, 1.0, 1.0, 60.0)
    assert found.planned_m == plan.distance_m
    assert found.driven_m == 9_000
    assert found.unplanned == ()


def test_without_data_nothing_is_missed() -> None:
    found = audit(made(), [], {})
    assert {stop.fate for stop in found.stops} == {"no_data"}
    assert found.served_share is found.on_time_share is found.order_kept is None


def test_missed_served_by_another_late_and_unplanned() -> None:
    plan = made()
    bins = plan.tours[0].bins
    events = [*emptied(plan, 3_600)[2:], Emptied(bins[1], BEGIN, "v2"), Emptied("stranger", BEGIN, "v1")]
    found = audit(plan, events, {"v1": judged(plan, {bins[0]: "missed", bins[1]: "missed"})})
    fates = {stop.bin: stop.fate for stop in found.stops}
    assert fates[bins[0]] == "missed"
    assert fates[bins[1]] == "served_by_other"
    assert found.served_share == pytest.approx(5 / 6)
    assert found.on_time_share is not None
    assert found.on_time_share < 0.5
    assert found.unplanned == ("stranger",)


def test_the_wrong_way_round_is_seen_in_the_order() -> None:
    plan = made()
    backwards = [Emptied(name, BEGIN - at * S, "v1") for at, name in enumerate(plan.tours[0].bins)]
    assert audit(plan, backwards, {}).order_kept == 0.0


@given(st.randoms(use_true_random=False))
def test_order_and_doubles_of_the_events_change_nothing(random: object) -> None:
    plan = made()
    events = emptied(plan)[:4] + emptied(plan, 500, None)
    shuffled = events + events[:3]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert audit(plan, shuffled, {}) == audit(plan, events, {})


def test_overflow_is_the_time_beyond_the_limit_within_the_span() -> None:
    hour = 3_600 * S
    fill = Signal(np.array([0, 2, 3, 5]) * hour, np.array([50.0, 96.0, 20.0, 99.0]))
    assert overflow_hours(fill, 0, 7 * hour) == 3.0
    assert overflow_hours(fill, 2 * hour + hour // 2, 6 * hour) == 1.5
    assert overflow_hours(Signal(fill.at[:0], fill.value[:0]), 0, hour) == 0.0


def test_each_tour_has_its_own_figures_that_add_up() -> None:
    plan = made()
    bins = plan.tours[0].bins
    events = [*emptied(plan, 60)[2:], Emptied(bins[1], BEGIN, "v2")]
    (tour,) = audit(plan, events, {"v1": judged(plan, {bins[0]: "missed"})}).tours
    assert (tour.truck, tour.bins) == ("v1", 6)
    assert (tour.served, tour.served_by_other, tour.missed, tour.no_data) == (4, 1, 1, 0)
    assert (tour.planned_m, tour.driven_m, tour.completeness) == (plan.distance_m, 9_000.0, 1.0)
    assert (tour.planned_out, tour.late_s, tour.order_kept) == (plan.tours[0].visits[0].leave, 60.0, 1.0)
    (unknown,) = audit(plan, [], {}).tours
    assert (unknown.driven_m, unknown.out, unknown.completeness, unknown.no_data) == (None, None, None, 6)
