"""Trips and stops of real refuse vehicles, read off their positions by hand.

The positions are a minute apart, without engine or speed; the vehicles fall silent where they park, and an instant
often has two positions. ``532`` drives between the yard (40.6886, -74.0900) and Garfield Avenue (40.7057, -74.0731)
all day.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from itertools import pairwise, starmap
from math import asin, cos, radians, sin, sqrt
from zoneinfo import ZoneInfo

import pytest

from devices.instants import from_datetime, to_datetime
from devices.vocabulary import Fix, Position
from fleet.master.places import Place
from fleet.trackers.ports import NoPlans
from fleet.trackers.tracker import Derived
from tests.corpora import corpus
from tests.fleet.tracking import VEHICLE, Stored, ordered

ZONE = ZoneInfo("America/New_York")
YARD = Place("yard", "depot", -74.0895, 40.6890, radius_m=200)
GARFIELD = Place("garfield", "tip", -74.0731, 40.7057, radius_m=120)


class Yards(NoPlans):
    def places(self) -> tuple[Place, ...]:
        return (YARD, GARFIELD)


@pytest.fixture(scope="module")
def traces() -> dict[str, list[Stored]]:
    found: dict[str, list[Stored]] = defaultdict(list)
    for number, row in enumerate(corpus("vehicle_traces.jsonl")):
        at = from_datetime(datetime.fromisoformat(row["time"]).replace(tzinfo=ZONE))
        found[row["vehicle"]].append(Fix(VEHICLE, at, at, Position(row["lat"], row["lon"]), number))
    return found


def clock(at: int | None) -> str:
    assert at is not None
    return f"{to_datetime(at).astimezone(ZONE):%d %H:%M:%S}"


def trips(derived: list[Derived]) -> list[tuple[str, str, str | None, str, str]]:
    ended = [one for moment in derived for one in moment.trips if one[0].end is not None]
    return [(clock(trip.start), clock(trip.end), trip.ended, a.id, b.id) for trip, a, b in ended]


def halts(derived: list[Derived]) -> list[tuple[str, str, str]]:
    ended = [one for moment in derived for one in moment.halts if one[0].end is not None]
    return [(clock(halt.start), clock(halt.end), spot.id) for halt, spot in ended]


def test_out_of_the_yard_and_back(traces: dict[str, list[Stored]]) -> None:
    derived = ordered(traces["532"], Yards())
    assert trips(derived) == [
        ("10 07:51:05", "10 08:00:47", "standing", "yard", "garfield"),
        ("10 10:22:01", "10 10:37:43", "standing", "garfield", "garfield"),
        ("10 12:16:20", "10 12:33:54", "standing", "garfield", "garfield"),
        ("10 13:40:29", "10 13:45:27", "standing", "garfield", "yard"),
        ("10 13:51:41", "10 13:56:18", "standing", "yard", "garfield"),
    ]
    assert halts(derived) == [
        ("09 16:37:37", "10 07:51:05", "yard"),
        ("10 08:00:47", "10 10:22:01", "garfield"),  # its positions end at 08:03:37 and go on there at 10:22:01
        ("10 10:37:43", "10 12:16:20", "garfield"),
        ("10 12:33:54", "10 13:40:29", "garfield"),
        ("10 13:45:27", "10 13:51:41", "yard"),
        ("10 13:56:18", "10 16:30:47", "garfield"),
    ]
    assert derived[-1].at <= traces["532"][-1].observed_at


def test_the_way_of_a_trip_is_that_along_its_positions(traces: dict[str, list[Stored]]) -> None:
    ended = [trip for moment in ordered(traces["532"]) for trip, *_ in moment.trips if trip.end is not None]
    for trip in ended:
        assert trip.end is not None
        last = {one.observed_at: one for one in traces["532"] if trip.start <= one.observed_at <= trip.end}
        places = [one.position for one in last.values() if isinstance(one, Fix)]  # of an instant the last in the file
        assert trip.sums.driven_m == pytest.approx(sum(starmap(haversine, pairwise(places))), rel=0.03)


def haversine(one: Position, other: Position) -> float:
    """Metres on a great circle: not the formula of the trackers."""
    a, b = radians(one.lat), radians(other.lat)
    half = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(radians(other.lon - one.lon) / 2) ** 2
    return 2 * 6_371_008.8 * asin(sqrt(half))


def test_a_trip_that_is_lost_sight_of_ends_where_it_was_seen_last(traces: dict[str, list[Stored]]) -> None:
    # D-5 is silent from 07:23:20 on, and found in Garfield Avenue at 08:00:54, kilometres from there.
    derived = ordered(traces["D-5"], Yards())
    assert trips(derived) == [("10 07:15:17", "10 07:23:20", "gap", "yard", "")]
    assert halts(derived) == [("09 14:38:04", "10 07:15:17", "yard"), ("10 08:00:54", "10 14:21:33", "garfield")]


def test_all_of_them_have_days_that_hang_together(traces: dict[str, list[Stored]]) -> None:
    for vehicle, stored in traces.items():
        derived = ordered(stored)
        spells = sorted(
            [(trip.start, trip.end) for one in derived for trip, *_ in one.trips if trip.end is not None]
            + [(halt.start, halt.end) for one in derived for halt, _ in one.halts if halt.end is not None]
        )
        assert len(spells) >= 3, vehicle
        assert all(start <= end for start, end in spells), vehicle
        assert all(end <= start for (_, end), (start, _) in pairwise(spells)), vehicle
        assert {value for one in derived for name, value in one.readings.items() if name == "idle_s"} == set(), vehicle
