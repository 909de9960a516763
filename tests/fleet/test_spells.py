"""What went on when: spells of a shift, which add up to the figures of its time."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.compliance.judge import judge
from fleet.compliance.result import Compliance
from fleet.master.route import Route
from fleet.reports.compliance.planned import Planned, judged, tank_of
from fleet.reports.document import Timeline
from fleet.reports.kinds.route_compliance import build
from fleet.reports.revision import Order
from fleet.track import Driven
from tests.fleet.drives import HOUR, PLAN, SPAN, START, drive, driven, line, route, shuffled, stand

STREET = [(0.0, 0.0), (1_000.0, 0.0)]


def sums(result: Compliance) -> dict[str, float]:
    """Seconds of each state."""
    found: Counter[str] = Counter()
    for one in result.spells:
        found[one.doing] += one.end - one.start
    return {doing: us / 1e6 for doing, us in found.items()}


def a_morning() -> tuple[Route, Driven]:
    """There without work, the street at work, a halt with the engine on, silence, a halt with the engine off."""
    rows = (
        drive([(-500.0, 0.0), (0.0, 0.0)], kmh=18.0),
        drive(STREET, begin=110),
        stand(1_000, 0, 520, 600),
        stand(1_000, 0, 2_000, 900),
    )
    signals = {
        "brush": [(s, 1.0 if 110 <= s <= 510 else 0.0) for s in (*range(0, 1_130, 10), *range(2_000, 2_900, 10))],
        "ignition": [(s, 1.0 if s < 2_000 else 0.0) for s in (*range(0, 1_130, 10), *range(2_000, 2_900, 10))],
    }
    return route(line(*STREET)), driven(*rows, signals=signals)


def test_a_morning_is_told_in_its_order() -> None:
    plan, one = a_morning()
    result = judge(PLAN, plan, SPAN, one)
    assert [each.doing for each in result.spells] == ["transit", "work", "idle", "no_data", "off", "no_data"]
    work = result.spells[1]
    assert (work.start - START) / 1e6 == pytest.approx(110, abs=10)
    assert (work.end - START) / 1e6 == pytest.approx(510, abs=10)
    assert result.spells[-1].end == START + 2 * HOUR


def test_no_data_at_all_is_one_spell() -> None:
    plan, _ = a_morning()
    nothing = driven(stand(0, 0, -600, 60))._replace(signals={})
    result = judge(PLAN, plan, SPAN, nothing)
    assert [(each.start, each.end, each.doing) for each in result.spells] == [(*SPAN, "no_data")]


@given(
    st.lists(
        st.tuples(st.integers(0, 119), st.sampled_from(("work", "transit", "idle", "off"))), min_size=1, max_size=25
    ),
    st.sets(st.integers(0, 119), max_size=40),
)
@settings(max_examples=60, deadline=None)
def test_spells_are_in_order_and_add_up_to_the_split(said: list[tuple[int, str]], lost: set[int]) -> None:
    minutes = dict(said)
    rows, brush, ignition, state, x = [], [], [], "idle", 0.0
    for minute in range(120):
        state = minutes.get(minute, state)
        x += 150.0 if state in ("work", "transit") else 0.0
        if minute not in lost:
            rows.append((minute * 60.0, x, 0.0, 9.0 if state in ("work", "transit") else 0.0, 90.0))
            brush.append((minute * 60.0 + 7 * (minute % 3), float(state == "work")))
            ignition.append((minute * 60.0, float(state != "off")))
    if not rows:
        return
    one = driven(np.array(rows), signals={"brush": brush, "ignition": ignition})
    result = judge(PLAN, route(line(*STREET)), SPAN, one)
    split = msgspec.structs.asdict(result.split)
    for doing, seconds in sums(result).items():
        assert seconds == pytest.approx(split[f"{doing}_s"], abs=0.001)
    assert sum(sums(result).values()) == pytest.approx(sum(v for k, v in split.items() if k.endswith("_s")), abs=0.001)
    for before, after in zip(result.spells, result.spells[1:], strict=False):
        assert before.end <= after.start
        assert before.end < after.start or before.doing != after.doing
    order = np.random.default_rng(7).permutation(len(rows))
    assert judge(PLAN, route(line(*STREET)), SPAN, shuffled(one, order)).spells == result.spells


def test_the_timeline_of_a_report_shows_them() -> None:
    plan, one = a_morning()
    told = judged(Planned(PLAN, plan, SPAN, one))
    document = build(Order("route_compliance", *SPAN, "Asia/Shanghai"), [told])
    (timeline,) = [b for s in document.sections for b in s.blocks if isinstance(b, Timeline)]
    assert [state for _, _, state in timeline.lanes[0].spans] == [
        "transit", "work", "idle", "no_data", "off", "no_data"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "tank"),
    [(200, 200.0), (160.5, 160.5), (0, None), (-1, None), (True, None), ("200", None), (None, None), (9e9, None),
     (float("nan"), None)],
)  # fmt: skip
def test_only_a_size_that_can_be_is_a_tank(told: object, tank: float | None) -> None:
    assert tank_of({"tank_l": told}) == tank
    assert tank_of({}) is None


def test_fuel_in_litres_needs_the_tank() -> None:
    plan, one = a_morning()
    _, with_level = a_morning()
    level = driven(stand(0, 0, 0, 3_000), signals={"fuel_pct": [(0, 50.0), (1_000, 49.0), (2_800, 45.0)]}).signals
    with_level = one._replace(signals={**one.signals, **level})
    assert judged(Planned(PLAN, plan, SPAN, with_level)).compliance.fuel_l is None
    assert judged(Planned(PLAN, plan, SPAN, with_level, tank_l=200.0)).compliance.fuel_l == pytest.approx(10.0)
