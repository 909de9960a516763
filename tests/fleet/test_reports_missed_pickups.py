"""Missed pick-ups: how full the bin was, and whether it was emptied after all."""

from __future__ import annotations

import numpy as np

from fleet.reports.kinds.missed_pickups import PickupPiece, Watched, reduce
from fleet.track import Signal
from tests.report_documents import order
from tests.report_samples import MIN, at, judged

ORDER = order("missed_pickups")


def levels(*pairs: tuple[int, float]) -> Signal:
    return Signal(np.array([one for one, _ in pairs], np.int64), np.array([value for _, value in pairs]))


def test_a_missed_bin_that_overflowed_and_was_emptied_since() -> None:
    edge = at(23, 6, 48)  # the end of the window of stop 4 in the first pass
    fill = levels((edge - 30 * MIN, 88.0), (edge + 60 * MIN, 97.0), (edge + 100 * MIN, 5.0))
    found = reduce(ORDER, PickupPiece(judged(), {"bin-0004": Watched(fill, (edge + 99 * MIN,))}))
    assert (found.scheduled, found.unknown) == (40, 1)
    missed = {stop.stop: stop for stop in found.missed if stop.state == "missed"}
    assert set(missed) == {"s04", "s05"}
    assert (missed["s04"].fill_pct, missed["s04"].overflowed) == (88.0, True)
    assert missed["s04"].served_at == edge + 99 * MIN
    assert (missed["s05"].fill_pct, missed["s05"].overflowed) == (None, False)
    assert missed["s05"].served_at == at(23, 9, 35)  # by the second pass


def test_what_was_emptied_before_the_window_ended_is_no_late_service() -> None:
    edge = at(23, 6, 48)
    watched = Watched(levels((edge - 7 * 60 * MIN, 50.0)), (edge - 300 * MIN,))
    missed = reduce(ORDER, PickupPiece(judged(), {"bin-0004": watched})).missed[0]
    assert missed.served_at == at(23, 9, 28)
    assert missed.fill_pct is None  # seven hours old
