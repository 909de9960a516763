"""A vehicle's day: what the trackers tell of it, and the time between its positions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.reports.drawing.geometry import metres, piece, thinned, track_lines
from fleet.reports.vehicles.day import day_of
from fleet.track import Driven, Track, empty_track
from tests.report_documents import day_piece, driven, traces
from tests.report_samples import MIN, at


def test_drive_stand_silence_and_back() -> None:
    day = day_of(day_piece(driven()))
    assert [state for _, _, state in day.spans] == ["drive", "stand", "drive"]
    assert day.driven_m == pytest.approx((59 + 29) * 300, rel=0.01)
    assert [(trip.started_at, trip.ended_at) for trip in day.trips] == [
        (at(23, 6), at(23, 6, 59)), (at(23, 8, 10), None)
    ]  # fmt: skip
    assert [(stop.started_at, stop.ended_at) for stop in day.stops] == [(at(23, 6, 59), at(23, 8, 10))]
    assert (day.drive_s, day.stand_s) == pytest.approx(((59 + 29) * 60, 71 * 60))


def test_silence_on_the_way_is_no_data() -> None:
    whole = driven()
    seen = (whole.track.at < at(23, 6, 10)) | (whole.track.at >= at(23, 6, 20))
    one = whole._replace(track=Track(*(column[seen] for column in whole.track)))
    day = day_of(day_piece(one))
    assert [state for _, _, state in day.spans] == ["drive", "no_data", "drive", "stand", "drive"]
    assert day.spans[1][:2] == (at(23, 6, 9), at(23, 6, 20))
    assert len(day.trips) == 2


def test_a_trip_belongs_to_the_day_in_which_it_began() -> None:
    piece = day_piece(driven())
    early = day_of(piece._replace(driven=piece.driven._replace(end=at(23, 6, 30))))
    late = day_of(piece._replace(driven=piece.driven._replace(start=at(23, 6, 30))))
    assert [trip.ended_at for trip in early.trips] == [at(23, 6, 59)]
    assert [trip.started_at for trip in late.trips] == [at(23, 8, 10)]
    assert early.drive_s + late.drive_s == pytest.approx((58 + 29) * 60)  # one step lies on both sides


def test_nothing_and_one_position() -> None:
    empty = day_of(day_piece(Driven("t", 0, 10, empty_track(), {})))
    assert (empty.positions, empty.trips, empty.first) == (0, (), None)
    one = np.array([5.0])
    alone = day_of(day_piece(Driven("t", 0, 10, Track(np.array([5], np.int64), one, one, one, one), {})))
    assert (alone.positions, alone.spans, alone.lines) == (1, (), ())


def test_a_leap_of_the_receiver_is_no_way() -> None:
    at_, lat, lon, speed, heading = driven().track
    leap = lat.copy()
    leap[30] += 1.0
    day = day_of(day_piece(driven()._replace(track=Track(at_, leap, lon, speed, heading))))
    assert day.driven_m == pytest.approx(day_of(day_piece(driven())).driven_m, rel=0.01)
    assert day.greatest_kmh is not None
    assert day.greatest_kmh < 130


def test_the_refuse_vehicles_have_a_day_that_can_be_checked() -> None:
    days = {vehicle: day_of(day_piece(track)) for vehicle, track in traces().items()}
    assert len(days) == 7
    for day in days.values():
        assert day.trips
        assert sum(trip.driven_m for trip in day.trips) == pytest.approx(day.driven_m)
        assert day.driven_m > 1_000
        ends = [end for _, end, _ in day.spans]
        assert ends == sorted(ends)
        assert all(before[1] == after[0] for before, after in zip(day.spans, day.spans[1:], strict=False))


@given(st.lists(st.tuples(st.floats(-0.01, 0.01), st.floats(-0.01, 0.01)), min_size=2, max_size=40), st.floats(1, 200))
@settings(max_examples=60, deadline=None)
def test_a_thinned_line_keeps_its_ends_and_stays_near(points: list[tuple[float, float]], tolerance: float) -> None:
    line = np.array(points)
    kept = thinned(line, tolerance)
    assert kept[0].tolist() == line[0].tolist()
    assert kept[-1].tolist() == line[-1].tolist()
    assert len(kept) <= len(line)


def test_a_piece_of_a_line_has_its_length() -> None:
    line = tuple((116.4 + i * 0.001, 39.9 + (i % 2) * 0.001) for i in range(20))
    cut = piece(line, 250.0, 900.0)
    assert metres(np.array(cut))[-1] == pytest.approx(650.0, abs=0.5)
    assert piece(line, 5, 5) == ()
    assert piece(line, -10, 1e9)[0] == line[0]


def test_a_track_is_parted_where_nothing_is_known() -> None:
    assert len(track_lines(driven().track, gap_us=30 * MIN)) == 2
