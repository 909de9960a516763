"""Evaluations: points, evidence, corrections; KPIs by contract; order and repetition."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.compliance.result import Compliance, PassCoverage, Speeding, Split, StopResult, Stretch
from fleet.evaluation.attendance import Presence
from fleet.evaluation.inputs import Finding, Inputs, Task
from fleet.evaluation.judgement import Subject, evaluate, revision
from fleet.evaluation.kpi import kpis
from fleet.evaluation.post_time import Episode, PostTime
from fleet.evaluation.result import Correction, Evaluation, Item
from fleet.evaluation.scheme import Scheme
from fleet.evaluation.scheme_file import read_scheme, ready_made
from fleet.evaluation.walked import Missed, Walked
from tests.fleet.duties import HOUR, MINUTE, START

PERIOD = (START, START + 3 * 24 * HOUR)
WORKER = Subject("worker", "w1", "Li Mei")
DAY = 24 * HOUR


def presence(day: int, **changes: object) -> Presence:
    start = START + day * DAY
    fields: dict[str, object] = {
        "plan": f"plan-{day}", "worker": "w1", "start": start, "end": start + 8 * HOUR, "state": "present",
        "arrived": start, "left": start + 8 * HOUR, "known_s": 8 * 3_600.0, "device": "badge-1",
    }  # fmt: skip
    return Presence(**{**fields, **changes})  # type: ignore[arg-type]


def late(day: int, minutes: int) -> Presence:
    return presence(day, arrived=START + day * DAY + minutes * MINUTE, late_s=minutes * 60.0)


def post(day: int, off_min: int = 0, shift_min: int = 0) -> PostTime:
    start = START + day * DAY
    begin = start + HOUR + shift_min * MINUTE
    away = (Episode(begin, begin + off_min * MINUTE, off_min * 60.0, 200.0),) if off_min else ()
    still = (Episode(start + 3 * HOUR, start + 3 * HOUR + 25 * MINUTE, 1_500.0),)
    on_s = 8 * 3_600 - off_min * 60
    return PostTime(
        *(f"plan-{day}", "w1", start, start + 8 * HOUR, 8 * 3_600.0, on_s, off_min * 60.0, 0.0, 0.0),
        away, still, "badge-1",
    )  # fmt: skip


def way(day: int, missed_m: float = 0.0) -> Walked:
    start = START + day * DAY
    gone = (Missed(missed_m, (114.3, 30.6), (114.3, 30.61)),) if missed_m else ()
    return Walked(f"plan-{day}", "w1", start, start + 8 * HOUR, 600.0, 600.0 - missed_m, 0.0, gone, "badge-1")


def finding(number: int, outcome: str = "fault", kind: str = "inspection", **changes: object) -> Finding:
    fields: dict[str, object] = {"id": str(number), "kind": kind, "at": START + number * HOUR, "outcome": outcome}
    return Finding(**{"category": "roads", "text": "litter", "worker": "w1", **fields, **changes})  # type: ignore[arg-type]


def task(number: int, done_min: int | None) -> Task:
    due = START + number * HOUR
    done = None if done_min is None else due + done_min * MINUTE
    return Task(str(number), f"flush drain {number}", due - HOUR, due, worker="w1", done_at=done)


def driven(day: int) -> Compliance:
    start = START + day * DAY
    return Compliance(
        f"round-{day}", "route-1", 1, "vehicle-1", start, start + 8 * HOUR, 0.9, start, start + 7 * HOUR, 30_000.0,
        passes=(PassCoverage(1, 5_000, 4_500, 500, 0),),
        stretches=(Stretch(0, "forward", 1, 0, 4_500, "covered"), Stretch(0, "forward", 1, 4_500, 5_000, "missed")),
        stops=tuple(StopResult(f"s{n}", None, 1, state) for n, state in enumerate(("served", "missed", "no_data"))),
        deviations=(), gaps=(), split=Split(10_000, 8_000, 6_000),
        speedings=(Speeding(start + HOUR, start + HOUR + MINUTE, 60, 81, 900, False),),
    )  # fmt: skip


EVERYTHING = Inputs(
    presences=(presence(0), late(1, 30), presence(2, state="absent", arrived=None, left=None)),
    posts=(post(0, 40), post(1)),
    walks=(way(0, 150.0), way(1)),
    tasks=(task(1, -5), task(2, 10), task(3, None)),
    findings=(
        finding(1), finding(2, "passed"), finding(3, kind="complaint"), finding(4, "open", "complaint"),
        finding(5, points=1.0, category="basics"),
    ),
    rounds=(driven(0), driven(1)),
)  # fmt: skip


def item(told: Evaluation, name: str) -> Item:
    return next(one for one in told.items if one.id == name)


def weighed(told: Evaluation) -> None:
    """What holds for every evaluation: each point that is lost stands as a deduction with its evidence."""
    for one in told.items:
        taken = sum(deduction.taken for deduction in one.deductions)
        assert one.points + taken == pytest.approx(one.share, abs=1e-3)
        assert (one.score is None) == (one.share == 0)
        assert one.score is None or one.points == pytest.approx(one.share * one.score, abs=1e-2)
        for deduction in one.deductions:
            assert deduction.evidence.en
            assert deduction.evidence.zh
    if told.points is not None:
        assert told.points == pytest.approx(sum(one.points for one in told.items), abs=0.01)
        assert sum(one.share for one in told.items) == pytest.approx(100, abs=1e-3)


def test_stops_that_nobody_was_to_serve_count_neither_way() -> None:
    kpi = kpis()["stops_served"]
    one = driven(0)
    stops = (*one.stops, StopResult("s3", None, 1, "not_full"), StopResult("s4", None, 1, "other_vehicle"))
    more = Inputs(rounds=(msgspec.structs.replace(one, stops=stops),))
    assert kpi.measure(kpi.params(), more) == kpi.measure(kpi.params(), Inputs(rounds=(one,)))


@pytest.mark.parametrize("name", sorted(kpis()))
def test_every_kpi_explains_what_it_takes(name: str) -> None:
    kpi = kpis()[name]
    assert kpi.title
    assert re.search("[\u4e00-\u9fff]", kpi.title_zh)
    params = kpi.params()
    nothing = kpi.measure(params, Inputs())
    assert (nothing.score, nothing.faults) == (None, ())
    found = kpi.measure(params, EVERYTHING)
    assert found.score is not None
    assert found.score == pytest.approx(max(0.0, 1 - sum(fault.share for fault in found.faults)))
    assert (found.score < 1) == (name != "standing")
    assert len({fault.id for fault in found.faults}) == len(found.faults)
    for fault in found.faults:
        assert fault.share >= 0
        assert fault.points >= 0
        assert re.search("[\u4e00-\u9fff]", fault.evidence.zh)
        assert fault.evidence.en
        assert fault.evidence.id
        assert PERIOD[0] <= fault.evidence.start <= fault.evidence.end < PERIOD[1]


@pytest.mark.parametrize("scheme", ready_made().values(), ids=list(ready_made()))
def test_every_point_lost_has_its_evidence(scheme: Scheme) -> None:
    told = evaluate(scheme, WORKER, PERIOD, EVERYTHING)
    weighed(told)
    assert told.points is not None
    assert 0 < told.points < 100
    assert told.grade
    assert told.grade_zh


def test_points_by_hand() -> None:
    told = evaluate(ready_made()["weighted"], WORKER, PERIOD, EVERYTHING)
    assert item(told, "attendance").points == pytest.approx(20 * (1 - 1 / 3 - 0.25 / 3), abs=0.001)
    assert item(told, "on_post").points == pytest.approx(15 * (1 - 40 / 960), abs=0.001)
    assert item(told, "coverage").points == pytest.approx(25 * (1 - (150 / 1_200 + 0.1 + 0.5) / 3), abs=0.001)
    assert item(told, "tasks").points == pytest.approx(20 * 0.5, abs=0.001)
    assert item(told, "inspection").points == pytest.approx(10 * (1 - 1.5 / 5), abs=0.001)
    sheet = evaluate(ready_made()["deductions"], WORKER, PERIOD, EVERYTHING)
    assert {one.id: one.score for one in sheet.items} == {
        "roads": pytest.approx(1 - 0.5 / 45, abs=1e-4), "equipment": None, "toilets": None,
        "basics": pytest.approx(1 - (1 + 0.5 + 1) / 5), "overall": pytest.approx(0.9),
    }  # fmt: skip


def test_what_there_is_no_data_about_gives_its_weight_to_the_rest() -> None:
    told = evaluate(ready_made()["weighted"], WORKER, PERIOD, Inputs(presences=(presence(0),)))
    assert (told.points, told.grade, told.completeness) == (100, "excellent", 1)
    assert item(told, "on_post").score is None
    assert item(told, "attendance").share == pytest.approx(200 / 3, abs=0.001)
    few = evaluate(ready_made()["weighted"], WORKER, PERIOD, Inputs(tasks=(task(1, -5),)))
    assert (few.points, few.grade) == (100, None), "a fifth of the scheme makes no grade"
    hardly = evaluate(ready_made()["weighted"], WORKER, PERIOD, Inputs(presences=(presence(0, known_s=3_600.0),)))
    assert (hardly.points, hardly.grade, hardly.completeness) == (100, None, 0.125), "an hour of eight makes no grade"
    nobody = evaluate(ready_made()["weighted"], WORKER, PERIOD, Inputs())
    assert (nobody.points, nobody.grade, nobody.completeness) == (None, None, None)
    silent = Inputs(presences=(presence(0, state="no_data", arrived=None, left=None, known_s=0.0),))
    unknown = evaluate(ready_made()["weighted"], WORKER, PERIOD, silent)
    assert item(unknown, "attendance").score is None
    assert unknown.completeness == 0


def test_standing_still_costs_nothing_unless_a_scheme_says_so() -> None:
    inputs = Inputs(presences=(presence(0),), posts=(post(0),))
    told = evaluate(ready_made()["weighted"], WORKER, PERIOD, inputs)
    assert told.points == 100
    (welfare,) = told.welfare
    assert (welfare.en, welfare.zh) == ("standing still for 25 min: ask how they are", "静止25分钟：请关心询问")
    still = "{id: still, weight: 100, mode: points, measures: [{kpi: standing, params: {points: 2}}]}"
    strict = read_scheme(f"id: strict\nitems: [{still}]")
    assert evaluate(strict, WORKER, PERIOD, inputs).points == 98


def test_an_accepted_appeal_gives_points_back_and_says_who_and_why() -> None:
    scheme = ready_made()["weighted"]
    before = evaluate(scheme, WORKER, PERIOD, EVERYTHING)
    (deduction,) = item(before, "on_post").deductions
    right = Correction(
        deduction.id, 0.0, "manager-1", "sent to the depot", START + DAY, 7, "on_post",
        deduction.evidence.start, deduction.evidence.end,
    )  # fmt: skip
    after = evaluate(scheme, WORKER, PERIOD, msgspec.structs.replace(EVERYTHING, corrections=(right,)))
    assert item(after, "on_post").score == 1
    assert item(after, "on_post").deductions[0].correction == right
    assert (after.corrections, after.loose) == ((right,), ())
    assert before.points is not None
    assert after.points == pytest.approx(before.points + deduction.taken, abs=0.02)
    assert after.revision != before.revision
    weighed(after)
    # Late data moves the episode by some minutes: the correction follows it, but never to another one.
    for moved, found in ((3, (right,)), (300, ())):
        posts = (post(0, 40, shift_min=moved), post(1))
        told = evaluate(scheme, WORKER, PERIOD, msgspec.structs.replace(EVERYTHING, posts=posts, corrections=(right,)))
        assert told.corrections == found
        assert told.loose == (() if found else (right,))


def test_of_two_decisions_the_last_one_counts() -> None:
    scheme = ready_made()["deductions"]
    first = Correction("inspection:1", 0.0, "manager-1", "wrong street", START + DAY, 1)
    last = Correction("inspection:1", 0.25, "manager-2", "half of it stands", START + 2 * DAY, 2)
    told = evaluate(scheme, WORKER, PERIOD, msgspec.structs.replace(EVERYTHING, corrections=(last, first)))
    (deduction,) = item(told, "roads").deductions
    assert deduction.correction == last
    assert (deduction.points, deduction.taken) == (0.5, pytest.approx(0.25 * 100 / 60, abs=1e-3))


def test_an_item_loses_no_more_than_it_has() -> None:
    many = tuple(finding(number, points=2.0) for number in range(1, 40))
    told = evaluate(ready_made()["deductions"], WORKER, PERIOD, Inputs(presences=(presence(0),), findings=many))
    roads = item(told, "roads")
    assert (roads.score, roads.points) == (0, 0)
    weighed(told)


def test_only_what_belongs_to_the_period_counts() -> None:
    day = (START, START + DAY)
    told = evaluate(ready_made()["weighted"], WORKER, day, EVERYTHING)
    assert [row.plan for row in told.shifts] == ["plan-0"]
    assert item(told, "attendance").score == 1
    early = msgspec.structs.replace(EVERYTHING, now=START + 150 * MINUTE)
    assert item(evaluate(ready_made()["weighted"], WORKER, day, early), "tasks").score == pytest.approx(0.75)


def test_the_revision_is_of_all_that_is_told() -> None:
    told = evaluate(ready_made()["weighted"], WORKER, PERIOD, EVERYTHING)
    assert told.revision == revision(told)
    assert len(told.revision) == 64
    assert msgspec.json.decode(msgspec.json.encode(told), type=Evaluation) == told


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_order_and_repetition_change_nothing(data: st.DataObject) -> None:
    mixed = {}
    for field in ("presences", "posts", "walks", "tasks", "findings", "rounds"):
        held = getattr(EVERYTHING, field)
        again = data.draw(st.lists(st.sampled_from(held), max_size=3))
        mixed[field] = tuple(data.draw(st.permutations([*held, *again])))
    for scheme in ready_made().values():
        assert evaluate(scheme, WORKER, PERIOD, Inputs(**mixed)) == evaluate(scheme, WORKER, PERIOD, EVERYTHING)
