"""How long a deviation was, from sparse fixes: at every phase of the terminal's clock, along every way off a street."""

from __future__ import annotations

import numpy as np
import pytest

from fleet.compliance.judge import judge
from fleet.compliance.result import Deviation
from fleet.track import Signal
from tests.fleet.drives import PLAN, SPAN, START, Points, drive, driven, line, route, stand

STREET = [(0.0, 0.0), (2_000.0, 0.0)]
KMH = 30.0
SIDE = [(0.0, 0.0), (900.0, 0.0), (900.0, 600.0), (900.0, 0.0), (2_000.0, 0.0)]
"""Into a side street and back: 550 m out and 550 m in beyond 50 m."""
BLOCK = [(0.0, 0.0), (900.0, 0.0), (900.0, 300.0), (1_300.0, 300.0), (1_300.0, 0.0), (2_000.0, 0.0)]
"""Round a block: 250 m, 400 m and 250 m beyond."""
SLANT = [(0.0, 0.0), (900.0, 0.0), (1_300.0, 400.0), (1_700.0, 0.0), (2_000.0, 0.0)]
"""Off at 45 degrees: the bound is crossed 70.7 m from the corner."""
WAYS = {"side": (SIDE, 1_100.0), "block": (BLOCK, 900.0), "slant": (SLANT, 2 * (np.hypot(400, 400) - np.hypot(50, 50)))}


def told(points: Points, times: np.ndarray, *, mileage: bool, headed: bool) -> Deviation:
    """The one deviation of a drive of which only the fixes at ``times`` (s) arrived, with or without more than them."""
    rows = drive(points, kmh=KMH, every=1.0)
    rows = rows[np.isin(rows[:, 0], times)]
    if not headed:
        rows[:, 4] = np.nan
    signals = {"brush": [(s, 1.0) for s in rows[:, 0]], "ignition": [(s, 1.0) for s in range(0, 7_200, 60)]}
    if mileage:
        signals["mileage_km"] = [(s, 100 + round(s * KMH / 3_600, 2)) for s in rows[:, 0]]
    one = driven(rows, stand(2_000, 0, rows[-1, 0] + 30, 900), signals=signals)
    (found,) = judge(PLAN, route(line(*STREET)), SPAN, one).deviations
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("every", [10, 20, 25])
def test_the_length_does_not_hang_on_when_the_fixes_fell(way: str, every: int) -> None:
    points, true = WAYS[way]
    found = [told(points, np.arange(phase, 2_000, every), mileage=True, headed=True) for phase in range(0, every, 3)]
    lengths = np.array([one.length_m for one in found])
    assert abs(lengths.mean() / true - 1) <= 0.03
    assert (abs(lengths / true - 1) <= 0.1).mean() >= 0.8
    assert all(abs(one.length_m - true) <= (one.length_error_m or 0.0) for one in found)


@pytest.mark.parametrize("way", WAYS)
def test_positions_alone_tell_the_length_less_surely_and_say_so(way: str) -> None:
    points, true = WAYS[way]
    bare, full = (
        [told(points, np.arange(phase, 2_000, 20), mileage=all_, headed=all_) for phase in range(0, 20, 3)]
        for all_ in (False, True)
    )
    assert all(abs(one.length_m - true) <= (one.length_error_m or 0.0) for one in bare)
    assert np.mean([one.length_error_m for one in bare]) > np.mean([one.length_error_m for one in full])


def test_what_a_gap_hides_is_no_part_of_the_deviation() -> None:
    rows = drive(SIDE, kmh=KMH, every=10.0)
    hidden = (rows[:, 0] > 165) & (rows[:, 0] < 450)  # from 433 m up the side street until long after
    one = driven(rows[~hidden], stand(2_000, 0, 460, 900))
    (found,) = judge(PLAN, route(line(*STREET)), SPAN, one).deviations
    assert found.length_m == pytest.approx(383, abs=15)
    assert found.end - START == 160_000_000


def test_two_absences_are_told_apart_where_the_vehicle_was_back_for_half_a_minute() -> None:
    """At 30 km/h 500 m on the street are a minute, of which fixes 25 s apart see two instants or three."""
    twice = [(0.0, 0.0), (500.0, 0.0), (500.0, 600.0), (500.0, 0.0), (1_000.0, 0.0), (1_000.0, 600.0), (1_000.0, 0.0),
             (2_000.0, 0.0)]  # fmt: skip
    rows = drive(twice, kmh=KMH, every=1.0)
    for phase in range(0, 25, 4):
        some = rows[np.isin(rows[:, 0], np.arange(phase, 2_000, 25))]
        every = {
            "brush": Signal(START + (some[:, 0] * 1e6).astype(np.int64), np.ones(len(some))),
            "mileage_km": Signal(START + (some[:, 0] * 1e6).astype(np.int64), np.round(some[:, 0] * KMH / 3_600, 2)),
        }
        one = driven(some)._replace(signals=every)
        found = judge(PLAN, route(line(*STREET)), SPAN, one).deviations
        assert len(found) == 2, phase
        assert sum(each.length_m for each in found) == pytest.approx(2_200, rel=0.1)


def test_a_receiver_that_leaps_from_its_parking_place_now_and_then_makes_no_deviation() -> None:
    """Two bad fixes with a good one between them: it was never beyond for a minute, nor for three fixes."""
    rows = stand(500, 0, 0, 600)
    rows[[8, 10], 2] += 180.0
    assert judge(PLAN, route(line(*STREET)), SPAN, driven(rows)).deviations == ()
