"""The truth of vehicles: shifts, what of each round was worked, and how long deviations were."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from simulators.city import City
from simulators.city.registry import routes
from simulators.city.settings import Incidents, Size
from simulators.truth import Record, TruthLog

BEGIN = 1_780_243_200_000_000  #: 2026-06-01, a Monday, at midnight in Shanghai
DAY = 86_400_000_000


@pytest.fixture(scope="module")
def records() -> list[Record]:
    lines: list[bytes] = []
    truth = TruthLog(lines.append)
    city = City(4, BEGIN, Size(5, 80, 0, 0), incidents=Incidents(deviation=0.6), truth=truth)
    for _ in city.advance(BEGIN + DAY):
        pass
    truth.footer({})
    return [msgspec.json.decode(one, type=Record, strict=False) for one in lines[:-1]]


def test_rounds_lie_within_the_exported_line_and_in_order_of_time(records: list[Record]) -> None:
    lengths = {
        one["properties"]["vehicle_id"]: one["properties"]["length_m"]
        for one in routes(City(4, BEGIN, Size(5, 80, 0, 0)))["features"]
        if one["properties"]["role"] == "route"
    }
    rounds = [one for one in records if one.kind == "round"]
    assert {one.device_id for one in rounds} == set(lengths)
    for one in rounds:
        assert one.detail["length_m"] == pytest.approx(lengths[one.device_id], abs=1)
        pieces = one.detail["worked"]
        for low, high, begin, end in [*pieces, *one.detail["fast"]]:
            assert -0.01 <= low < high <= one.detail["length_m"] + 0.1
            assert one.start_us <= begin < end <= (one.end_us or BEGIN + DAY)
        assert [piece[2] for piece in pieces] == sorted(piece[2] for piece in pieces)
        for before, after in pairwise(pieces):
            assert after[0] == pytest.approx(before[1], abs=0.05)
    whole = [one for one in rounds if one.detail["worked"] and one.detail["worked"][0][0] == 0 and not one.open]
    assert any(one.detail["worked"][-1][1] == pytest.approx(one.detail["length_m"], abs=0.1) for one in whole)


def test_every_emptying_is_a_service_of_a_round(records: list[Record]) -> None:
    emptied = {(one.device_id, one.start_us) for one in records if one.kind == "emptied"}
    served = {(name, at) for one in records if one.kind == "round" for name, at in one.detail["served"]}
    missed = {(name, at) for one in records if one.kind == "round" for name, at in one.detail["missed"]}
    assert emptied == served
    assert missed == {(one.detail["bin"], one.start_us) for one in records if one.kind == "missed_stop"}


def test_shifts_hold_their_rounds(records: list[Record]) -> None:
    shifts = [one for one in records if one.kind == "shift"]
    for one in records:
        if one.kind == "round":
            assert any(
                shift.device_id == one.device_id
                and shift.start_us <= one.start_us
                and (shift.end_us or BEGIN + DAY) >= (one.end_us or BEGIN + DAY)
                for shift in shifts
            )


def test_deviations_tell_how_long_they_were(records: list[Record]) -> None:
    deviations = [one for one in records if one.kind == "deviation" and not one.open]
    assert deviations
    for one in deviations:
        spells = one.detail["spells"]
        assert one.detail["length_m"] == pytest.approx(sum(metres for _, _, metres in spells), abs=0.1)
        assert (spells[0][0], spells[-1][1]) == (one.start_us, one.end_us)
        # There and back at least, from the bound to the farthest place.
        assert one.detail["length_m"] >= 2 * (one.detail["greatest_distance_m"] - one.detail["beyond_m"]) - 5
