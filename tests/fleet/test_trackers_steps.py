"""The steps one by one: work state, trips, progress and arrival, on made-up moments."""

from __future__ import annotations

from typing import Any

import pytest

from devices.vocabulary import Device
from fleet.master.places import Place
from fleet.master.route import Route, Stop
from fleet.trackers.ports import NoPlans, Task
from fleet.trackers.progress import Progress
from fleet.trackers.tracker import Derived, Live, State, Tracker
from fleet.trackers.work_state import Doing
from tests.fleet.tracking import MINUTE, SECOND, START, VEHICLE, Stored, moments, on_earth, ordered, said

WORKER = Device(2, "worker-1", "worker")


def states(derived: list[Derived]) -> list[tuple[float, Doing]]:
    return [
        ((one.at - START) / SECOND, Doing(int(one.readings["work_state"])))
        for one in derived
        if "work_state" in one.readings
    ]


def told(messages: list[list[Stored]], book: Any = None, device: Device = VEHICLE) -> list[Derived]:
    return ordered([one for message in messages for one in message], book, device)


@pytest.mark.parametrize(
    ("readings", "doing"),
    [
        ({"ignition": 0, "speed_kmh": 0}, Doing.OFF),
        ({"speed_kmh": 0}, Doing.OFF),  # nobody idles without evidence
        ({"ignition": 1, "speed_kmh": 0}, Doing.IDLE),
        ({"engine_rpm": 700, "speed_kmh": 4.9}, Doing.IDLE),
        ({"ignition": 1, "speed_kmh": 0, "pto": 1}, Doing.WORKING),
        ({"ignition": 1, "speed_kmh": 30}, Doing.TRANSIT),
        ({"ignition": 1, "speed_kmh": 8, "brush": 1}, Doing.WORKING),
        ({"ignition": 1, "speed_kmh": 60, "brush": 1}, Doing.TRANSIT),  # too fast for any work
        ({"brush": 1}, Doing.WORKING),
        ({"fuel_pct": 50}, Doing.NO_DATA),
    ],
)
def test_work_states(readings: dict[str, float], doing: Doing) -> None:
    assert states(told([said(0, **readings)])) == [(0, doing)]


def test_signals_hold_until_the_next_and_are_forgotten_behind_a_gap() -> None:
    derived = told(
        [said(0, ignition=1, brush=1, speed_kmh=8), said(10, speed_kmh=9), said(20, fuel_pct=5), said(400, speed_kmh=9)]
    )
    assert states(derived) == [(0, Doing.WORKING), (400, Doing.TRANSIT)]
    assert derived[-1].readings["data_gap_s"] == 380


def test_a_worker_is_judged_by_the_badge_and_never_for_standing() -> None:
    messages = [said(at, WORKER, (0, 0), on_duty=1, speed_kmh=0) for at in range(0, 3_600, 60)]
    derived = told([*messages, said(3_610, WORKER, on_duty=0)], device=WORKER)
    assert states(derived) == [(0, Doing.WORKING), (3_610, Doing.OFF)]
    assert not any(one.trips or one.halts or "idle_s" in one.readings for one in derived)


def test_a_wait_at_lights_ends_no_trip_and_a_jump_of_the_receiver_begins_none() -> None:
    parked = [said(at, place=(at % 7, 3), speed_kmh=0, ignition=0) for at in range(0, 600, 30)]
    jump = [said(600, place=(5_000, 0), speed_kmh=0, ignition=0)]
    still = [said(at, place=(2, 2), speed_kmh=0, ignition=0) for at in range(630, 900, 30)]
    assert not any(one.trips for one in told([*parked, *jump, *still]))
    out = [said(900 + at, place=(at * 8, 0), speed_kmh=29, ignition=1) for at in range(0, 300, 10)]
    lights = [said(1_200 + at, place=(2_400, 0), speed_kmh=0, ignition=1) for at in range(0, 120, 10)]
    on = [said(1_320 + at, place=(2_400 + at * 8, 0), speed_kmh=29, ignition=1) for at in range(0, 300, 10)]
    home = [said(1_620 + at, place=(4_800, 0), speed_kmh=0, ignition=0) for at in range(0, 400, 10)]
    derived = told([*parked, *still, *out, *lights, *on, *home])
    (trip,) = [one for moment in derived for one, *_ in moment.trips if one.end is not None]
    assert trip.end is not None
    assert ((trip.start - START) / SECOND, (trip.end - START) / SECOND) == (900, 1_620)
    assert trip.ended == "off"
    assert trip.sums.driven_m == pytest.approx(4_800, abs=30)
    assert trip.sums.idle_s == 120
    assert trip.sums.transit_s == 600
    assert trip.told_at == START + 1_800 * SECOND


def lonlat(east: float, north: float) -> tuple[float, float]:
    lat, lon = on_earth(east, north)
    return lon, lat


class Book(NoPlans):
    def __init__(self, **changed: Any) -> None:
        line = tuple(lonlat(east, 0) for east in range(0, 2_001, 100))
        stops = (Stop("first", *lonlat(500, 5)), Stop("second", *lonlat(1_500, 5), service_s=60))
        self.route = Route(**{"id": "r", "version": 1, "kind": "sweep", "lines": (line,), "stops": stops} | changed)

    def task(self, device: str, at: int) -> Task:
        return Task("plan", START, START + 480 * MINUTE, self.route)

    def places(self) -> tuple[Place, ...]:
        return (Place("depot", "depot", *lonlat(0, 0)),)


def sweep(begin: float, end: float, at: float = 0, **readings: float) -> list[list[Stored]]:
    """From one point of the road to another, at 2.5 m/s, a position each ten seconds."""
    step = 25 if end > begin else -25
    count = int(abs(end - begin) // 25)
    told = {"speed_kmh": 9.0, "ignition": 1.0, "brush": 1.0, **readings}
    return [said(at + 10 * n, place=(begin + step * n, 2), **told) for n in range(count + 1)]


def live(messages: list[list[Stored]], book: Book) -> Live:
    tracker, state = Tracker(book), State()
    for moment in moments([one for message in messages for one in message]):
        tracker.advance(state, VEHICLE.id, VEHICLE.kind, moment)
    return tracker.live(state, VEHICLE.id)


def covered(messages: list[list[Stored]], book: Book) -> float | None:
    return live(messages, book).coverage_pct


def test_coverage_counts_what_was_worked_in_the_right_direction_and_band() -> None:
    book = Book(work=("brush",), work_max_kmh=15)
    assert covered(sweep(0, 1_000), book) == 50
    assert covered(sweep(0, 1_000, brush=0), book) == 0
    assert covered(sweep(0, 1_000, speed_kmh=25), book) == 0
    assert covered(sweep(1_000, 0), book) == 0
    assert covered(sweep(1_000, 0), Book(work=("brush",), direction="any")) == 50
    assert covered([*sweep(0, 1_000), *sweep(0, 1_000, 1_000)], book) == 50
    both = Book(work=("brush",), direction="both")
    assert covered([*sweep(0, 2_000), *sweep(2_000, 0, 1_000)], both) == pytest.approx(100, abs=1)


def test_a_gap_covers_nothing() -> None:
    book = Book(work=("brush",))
    away = [said(at, place=(at * 2.5, 2), speed_kmh=9, ignition=1, brush=1) for at in (0, 10, 20, 380, 390, 400)]
    assert covered(away, book) == pytest.approx(5, abs=1)


def test_progress_goes_along_and_is_believed_elsewhere_after_some_moments() -> None:
    book = Book(work=("brush",))
    assert live(sweep(0, 1_000), book).progress_m == pytest.approx(1_000, abs=20)
    strayed = [*sweep(0, 200), said(100, place=(1_700, 2), speed_kmh=9, ignition=1, brush=1)]
    assert live(strayed, book).progress_m == pytest.approx(200, abs=25)
    again = [*sweep(0, 200), *sweep(1_500, 1_800, 300)]
    assert live(again, book).progress_m == pytest.approx(1_800, abs=25)
    aside = [*sweep(0, 200), *[said(100 + n, place=(200, 30 * n), speed_kmh=30, ignition=1) for n in range(1, 20)]]
    assert live(aside, book).progress_m == pytest.approx(200, abs=25)


def test_the_next_stop_and_when() -> None:
    book = Book(work=("brush",))
    shown = live(sweep(0, 1_000), book)
    assert shown.arrival is not None
    assert (shown.arrival.stop, shown.arrival.distance_m) == ("second", pytest.approx(500, abs=20))
    seconds = (shown.arrival.eta - shown.at) / SECOND
    assert seconds == pytest.approx(200, rel=0.1)
    assert live(sweep(0, 400), book).arrival is not None
    assert live(sweep(0, 2_000), book).arrival is None
    assert live([said(0, place=(0, 5_000))], book).arrival is None


def test_readings_of_a_plan_are_told_by_steps() -> None:
    derived = told(sweep(0, 2_000), Book(work=("brush",)))
    pct = [one.readings["coverage_pct"] for one in derived if "coverage_pct" in one.readings]
    assert pct[0] == 0
    assert pct[-1] == 100
    assert pct == sorted(set(pct))
    metres = [one.readings["progress_m"] for one in derived if "progress_m" in one.readings]
    assert len(metres) <= 2_000 / 50 + 2


def test_a_stop_is_named_by_the_place_or_the_stop_of_the_route() -> None:
    parked = [said(at, place=(30, 0), speed_kmh=0) for at in range(0, 400, 10)]
    out = sweep(30, 500, 400)
    beside = [said(600 + at, place=(505, 0), speed_kmh=0, ignition=1) for at in range(0, 400, 10)]
    derived = told([*parked, *out, *beside], Book(work=("brush",)))
    spots = [(spot.id, spot.role) for one in derived for _, spot in one.halts]
    assert spots == [("depot", "depot"), ("depot", "depot"), ("first", "stop")]


def test_a_copy_of_progress_is_the_whole_of_it() -> None:
    """Its fields are named one by one, because a batch copies a state for every device."""
    names = Progress.__struct_fields__
    made = Progress(
        **{name: b"7" if name == "covered" else f"{n}" if name == "plan" else n for n, name in enumerate(names)}
    )
    assert made.copy() == made
    assert made.copy() is not made
