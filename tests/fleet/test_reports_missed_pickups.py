"""Missed pick-ups: what became of the stops, how full the bin was, and whether it was emptied after all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from fleet.bins.emptying import Emptying, series
from fleet.bins.missed_pickups import Seen, missed_pickups
from fleet.compliance.outcomes import with_outcomes
from fleet.reports.compliance.judged import Judged
from fleet.reports.document import Bars
from fleet.reports.format import formats
from fleet.reports.kinds.missed_pickups import PickupPiece, reduce
from fleet.reports.speech import Speech
from fleet.reports.words import Language
from fleet.track import Signal
from tests.report_documents import document, order, round_
from tests.report_samples import MIN, at, compliance_document, edition, judged

ORDER = order("missed_pickups")
EDGE = at(23, 6, 48)  # the end of the window of stop 4 in the first pass


def levels(*pairs: tuple[int, float]) -> Signal:
    return series(pairs)


def emptied(when: int, vehicle: str | None, device: str = "bin-0004") -> Emptying:
    return Emptying(device, when, when - MIN, when, 90.0, 5.0, vehicle, "lift")


def told(bins: dict[str, Seen]) -> Judged:
    """The sample, in which stops 4 and 5 were missed in the first pass, with what its bins say."""
    one = judged()
    pickups = missed_pickups(one.compliance, one.route, bins)
    by_stop = {(each.stop, each.number): each for each in pickups}
    return structs.replace(one, compliance=with_outcomes(one.compliance, one.route, pickups), pickups=by_stop)


def test_a_missed_bin_that_overflowed_and_was_emptied_since() -> None:
    fill = levels((EDGE - 30 * MIN, 88.0), (EDGE + 60 * MIN, 97.0), (EDGE + 135 * MIN, 5.0))
    bins = {"bin-0004": Seen(fill, (emptied(EDGE + 130 * MIN, "truck-13"),))}
    found = reduce(ORDER, PickupPiece(told(bins), bins))
    assert (sum(found.outcomes.values()), found.outcomes["no_data"], found.outcomes["missed"]) == (40, 1, 2)
    missed = {stop.stop: stop for stop in found.missed if stop.state == "missed"}
    assert set(missed) == {"s04", "s05"}
    assert (missed["s04"].fill_pct, missed["s04"].overflowed) == (88.0, True)
    assert missed["s04"].served_at == EDGE + 130 * MIN
    assert (missed["s05"].fill_pct, missed["s05"].overflowed) == (None, False)
    assert missed["s05"].served_at == at(23, 9, 35)  # by the second pass
    assert missed["s04"].reason.word == "pickup.no_truck"


def test_what_was_emptied_before_the_window_ended_is_no_late_service() -> None:
    watched = Seen(levels((EDGE - 7 * 60 * MIN, 50.0)), (emptied(EDGE - 300 * MIN, None),))
    found = reduce(ORDER, PickupPiece(judged(), {"bin-0004": watched})).missed[0]
    assert found.served_at == at(23, 9, 28)
    assert found.fill_pct is None  # seven hours old


def low_and_taken() -> dict[str, Seen]:
    low = levels(*((EDGE + 30 * MIN * n, 20.0 + n) for n in range(-4, 5)))
    full = levels(*((EDGE + 30 * MIN * n, 90.0) for n in range(-4, 1)))
    return {
        "bin-0004": Seen(low),
        "bin-0005": Seen(full, (emptied(EDGE - 10 * MIN, "truck-13", "bin-0005"),)),
    }


def test_nobody_missed_what_was_not_full_or_taken_by_another() -> None:
    bins = low_and_taken()
    found = reduce(ORDER, PickupPiece(told(bins), bins))
    assert found.outcomes == {"served": 34, "late": 3, "no_data": 1, "not_full": 1, "other_vehicle": 1}
    by_stop = {stop.stop: stop for stop in found.missed}
    assert (by_stop["s04"].state, by_stop["s04"].reason.word) == ("not_full", "pickup.low")
    assert (by_stop["s05"].state, by_stop["s05"].served_at) == ("other_vehicle", EDGE - 10 * MIN)


def test_the_compliance_report_tells_the_same_and_counts_them_neither_way() -> None:
    before, after = compliance_document(judged()), compliance_document(told(low_and_taken()))
    figures = [
        {one.id: one.value for part in each.sections for one in part.figures} for each in (before, after)
    ]  # fmt: skip
    assert [one["missed"] for one in figures] == [2, 0]
    assert [one["excused"] for one in figures] == [0, 2]
    assert [one["scheduled"] for one in figures] == [40, 40]
    assert figures[0]["on_time"] == pytest.approx(34 / 39)
    assert figures[1]["on_time"] == pytest.approx(34 / 37), "of the stops that were to be served"
    assert figures[1]["missed_per_10000"] == 0
    (table,) = (one for one in after.tables() if one.id == "excused")
    speech = Speech("en", after)
    assert [[speech.text(cell) for cell in (row[0], row[2], row[5])] for row in table.rows] == [
        ["Stop 4", "not_full", "bin-0004: at most 20 %, to be emptied from 75 % on"],
        ["人民路5号", "other_vehicle", "bin-0005: emptied at 2026-11-23 06:38:00 by truck-13"],
    ]
    stops = {row[1]: row[-1] for row in next(one for one in after.tables() if one.id == "stops").rows if row[0] == 1}
    assert speech.text(stops["Stop 4"]) == "bin-0004: at most 20 %, to be emptied from 75 % on"


def test_the_table_of_outcomes_is_all_that_was_scheduled() -> None:
    made = document("missed_pickups", round_())
    (table,) = (one for one in made.tables() if one.id == "outcomes")
    counts = {row[0]: row[1] for row in table.rows}
    assert counts == {
        "served": 31, "early": 0, "late": 1, "missed": 2, "other_vehicle": 1, "not_full": 1, "no_data": 3,
    }  # fmt: skip
    assert table.total is not None
    assert table.total[1] == sum(int(str(count)) for count in counts.values()) == 39
    (bars,) = (block for _, block in made.blocks() if isinstance(block, Bars) and block.id == "outcomes")
    assert [bar.parts[0] for bar in bars.bars] == [
        ("late", 1), ("missed", 2), ("other_vehicle", 1), ("not_full", 1), ("no_data", 3),
    ]  # fmt: skip
    figures = {one.id: one.value for one in made.sections[0].figures}
    assert figures["missed_per_10000"] == pytest.approx(2 / 34 * 10_000), "of 31 served, 1 late and 2 missed"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("not full", "bin-3: emptied at 2026-11-23 08:00:00 by truck-13", "What became of the stops")),
        ("zh", ("未满", "bin-3：truck-13 于 2026-11-23 08:00:00 已收运", "站点结果统计")),
    ],
)
def test_outcomes_are_said_in_pages_and_sheets(language: Language, said: tuple[str, ...]) -> None:
    made: Any = edition(document("missed_pickups", round_()), language)
    page = formats()["html"].write(made).decode()
    for words in said:
        assert words in page
    told_as_data = json.loads(formats()["json"].write(made))
    blocks = [block for part in told_as_data["document"]["sections"] for block in part["blocks"]]
    (table,) = (block for block in blocks if block["id"] == "not_missed")
    assert [row[4] for row in table["rows"]] == ["other_vehicle", "not_full", "no_data"]
