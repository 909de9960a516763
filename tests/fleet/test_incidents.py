from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.clock import DAY, SECOND
from fleet.incidents.categories import categories
from fleet.incidents.heat import M_PER_DEGREE, Spot, count
from fleet.incidents.incident import OLDEST_REPORT, IncidentStateError, believed, check

NOW = 1_793_600_000 * SECOND
WUHAN = ZoneInfo("Asia/Shanghai")


def test_every_category_has_a_name_in_both_languages() -> None:
    assert categories()
    for name, category in categories().items():
        assert category.id == name
        assert any("\u4e00" <= char <= "\u9fff" for char in category.zh), name
        assert category.en.isascii() and category.en, name


@pytest.mark.parametrize("claimed", [NOW, NOW - DAY, NOW - OLDEST_REPORT, NOW + 30 * SECOND])
def test_the_time_of_a_phone_that_was_out_of_reach_is_believed(claimed: int) -> None:
    assert believed(claimed, NOW) == (claimed, None)


@pytest.mark.parametrize("claimed", [0, NOW + DAY, NOW - OLDEST_REPORT - SECOND])
def test_a_wrong_clock_is_filed_at_reception_with_its_claim(claimed: int) -> None:
    assert believed(claimed, NOW) == (NOW, claimed)


def test_without_a_claim_it_is_now() -> None:
    assert believed(None, NOW) == (NOW, None)


def test_what_is_done_is_done() -> None:
    check("commented", "done", 1)
    for action in ("ordered", "handed_on", "done", "rejected"):
        with pytest.raises(IncidentStateError, match="incident 7 is done"):
            check(action, "done", 7)  # type: ignore[arg-type]


spots = st.builds(
    Spot,
    lat=st.floats(30.4, 30.8),
    lon=st.floats(114.1, 114.6),
    seen_at=st.integers(NOW - 30 * DAY, NOW),
    category=st.sampled_from(["rubbish-heap", "spill", "other"]),
    area=st.sampled_from(["north", "south", None]),
)


@given(st.lists(spots, max_size=40), st.floats(50, 2_000), st.randoms())
def test_all_are_counted_once_and_their_order_changes_nothing(found: list[Spot], cell_m: float, dice: object) -> None:
    heat = count(found, cell_m=cell_m, zone=WUHAN)
    mixed = list(found)
    dice.shuffle(mixed)  # type: ignore[attr-defined]
    assert count(mixed, cell_m=cell_m, zone=WUHAN) == heat
    assert heat.total == len(found) == sum(cell.count for cell in heat.cells)
    assert heat.total == sum(heat.hours) == sum(heat.weekdays)
    assert heat.total == sum(heat.categories.values()) == sum(heat.areas.values())
    for cell in heat.cells:
        within = [s for s in found if cell.west <= s.lon <= cell.east and cell.south <= s.lat <= cell.north]
        assert len(within) >= cell.count
        assert (cell.north - cell.south) * M_PER_DEGREE == pytest.approx(cell_m, rel=1e-6)


def test_the_hours_are_local() -> None:
    at = 1_793_548_800 * SECOND  # 2026-11-01T16:00:00Z, a Sunday: midnight and Monday in Wuhan
    heat = count([Spot(30.5, 114.3, at, "spill", None)], cell_m=250, zone=WUHAN)
    assert heat.hours[0] == 1
    assert heat.weekdays[0] == 1
