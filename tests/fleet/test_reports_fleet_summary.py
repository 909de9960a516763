"""The fleet summary of many vehicles: each has its lane, and no drawing is too tall to share a page."""

from __future__ import annotations

from msgspec import structs

from fleet.reports.document import Timeline
from fleet.reports.kinds.fleet_summary import LANES, FleetDay
from fleet.reports.vehicles.day import day_of
from tests.report_documents import day_piece, document, driven


def test_each_of_many_vehicles_has_its_lane() -> None:
    day = day_of(day_piece(driven()))
    names = [f"truck-{number:03}" for number in range(85)]
    parts = [FleetDay(structs.replace(day, vehicle=name, name=""), (), ()) for name in names]
    drawn = [block for block in document("fleet_summary", *parts).sections[0].blocks if isinstance(block, Timeline)]
    assert [lane.label for one in drawn for lane in one.lanes] == names
    assert [len(one.lanes) for one in drawn] == [22, 22, 22, 19]
    assert max(len(one.lanes) for one in drawn) <= LANES
    assert len({one.id for one in drawn}) == len(drawn)
    assert {(one.start, one.end) for one in drawn} == {(drawn[0].start, drawn[0].end)}
