"""A document of each kind of report, out of inputs made by hand."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import structs

from alerts.moment import Moment
from devices.vocabulary import Position
from fleet.evaluation.result import Attended, Correction, Deduction, Evaluation, Evidence, Item
from fleet.reports.canonical import settled
from fleet.reports.document import Document, Name
from fleet.reports.kind import kinds
from fleet.reports.kinds.fleet_summary import FleetDay
from fleet.reports.kinds.missed_pickups import MissedPickup, Round
from fleet.reports.kinds.toilet_service import ToiletPiece
from fleet.reports.revision import Order
from fleet.reports.vehicles.day import DayPiece, day_of
from fleet.track import Driven, Signal, Track, empty_track
from fleet.trackers.ports import NoPlans
from fleet.trackers.tracker import State, Tracker
from fleet.trackers.travels import told
from tests.corpora import corpus
from tests.report_samples import MIN, ORDER, ZONE, at, compliance_document, judged

SPAN = {"start": at(23, 0), "end": at(24, 0), "zone": ZONE}


def driven(vehicle: str = "truck-12", shift_m: float = 0.0) -> Driven:
    """An hour of driving east at 18 km/h, ten minutes of standing, an hour of silence, and half an hour back."""
    minutes = [*range(60), *range(60, 70), *range(130, 160)]
    along = [300.0 * min(minute, 59) if minute < 130 else 300.0 * (59 - (minute - 130)) for minute in minutes]
    lon = 116.4 + (np.array(along) + shift_m) / 85_000
    when = np.array([at(23, 6) + minute * MIN for minute in minutes], np.int64)
    nothing = np.full(len(minutes), np.nan)
    return Driven(
        vehicle, SPAN["start"], SPAN["end"], Track(when, np.full(len(minutes), 39.9), lon, nothing, nothing), {}
    )


def day_piece(one: Driven, name: str = "") -> DayPiece:
    """A vehicle's day with the trips and stops that the trackers tell of its positions."""
    tracker, state, derived = Tracker(NoPlans()), State(), []
    for at_, lat, lon, kmh in zip(*(column.tolist() for column in one.track[:4]), strict=True):
        place = Position(lat, lon, speed_kmh=None if np.isnan(kmh) else kmh)
        derived.append(tracker.advance(state, one.device, "vehicle", Moment(at_, {}, place)))
    return DayPiece(one, told([*filter(None, derived), tracker.lasting(state)]), name)


def toilet(device: str = "toilet-01", nh3_ppm: float = 0.5) -> ToiletPiece:
    """A day with bad air from 12 to 14, cleaned twice, a counter that begins anew at noon."""
    start = at(23, 0)
    when = np.arange(start, start + 24 * 60 * MIN, 5 * MIN, dtype=np.int64)
    hour = (when - start) / (60 * MIN)
    bad = (hour >= 12) & (hour < 14)
    count = np.where(hour < 12, hour * 20 + 5_000, (hour - 12) * 20)
    signals = {
        "nh3_ppm": Signal(when, np.where(bad, 3.0, nh3_ppm)),
        "h2s_ppm": Signal(when, np.full(len(when), 0.001)),
        "people_in": Signal(when, np.floor(count)),
        "stalls_occupied": Signal(when, np.full(len(when), 2.0)),
        "water_m3": Signal(when, 100 + hour * 0.2),
        "energy_kwh": Signal(when, 50 + hour * 0.5),
    }
    events = (("cleaned", at(23, 6), {}), ("check_in", at(23, 14), {}))
    piece = Driven(device, start, at(24, 0), empty_track(), signals, events)
    return ToiletPiece(piece, "中山公园公厕", "2", 8, (116.41, 39.91))


def evaluation(worker: str = "w7", points: float | None = 92.0) -> Evaluation:
    """A cleaner with a late shift, and an appeal that was accepted."""
    found = Evidence("shift", "p1", "12 min late", "迟到 12 分钟", "badge-7", at(23, 6), at(23, 14))
    corrected = Correction("d2", 0.0, "manager", "road closed", at(24, 9))
    losses = (Deduction("d1", "attendance", 2.0, 2.0, found), Deduction("d2", "attendance", 1.0, 0.0, found, corrected))
    items = (
        Item("attendance", "Attendance", "出勤", ("attendance",), 20.0, 25.0, 0.92, 23.0, losses),
        Item("tasks", "Tasks", "任务", ("tasks",), 20.0, 0.0, None, 0.0),
    )
    shift = Attended("p1", worker, at(23, 6), at(23, 14), "present", at(23, 6, 12), at(23, 14), 720.0, 0.0, 28_000.0)
    return Evaluation(
        "weighted", 1, "worker", worker, "李娜", at(23, 0), at(24, 0), points, "excellent", "优秀", items, 0.97,
        (shift,), (found,), (corrected,),
    )  # fmt: skip


def round_(missed: int = 2) -> Round:
    """A plan with stops that were missed, and one that was late."""
    stops = tuple(
        MissedPickup(f"s{i}", f"人民路{i}号", "c-1", Name("East", "东线"), "truck-12", 1,
                     "missed" if i < missed else "late", (at(23, 6), at(23, 7)), at(23, 9) if i else None,
                     92.0, i == 0, "late_start", f"bin-{i}",
                     (116.4 + i / 500, 39.9))
        for i in range(missed + 1)
    )  # fmt: skip
    return Round("p-1", 40, 3, stops)


def order(kind: str) -> Order:
    """Of the 23rd of November."""
    return Order(kind, **SPAN)  # type: ignore[arg-type]


def document(kind: str, *parts: Any) -> Document:
    """A kind's document of these parts."""
    return settled(kinds()[kind].build(order(kind), parts))


@cache
def documents() -> tuple[Document, ...]:
    """One of each kind, and the compliance report over two plans."""
    day = day_of(day_piece(driven(), "京A·12345"))
    fleet = FleetDay(day, (structs.replace(judged(), track=()),), judged().alarms)
    toilets = kinds()["toilet_service"].reduce(ORDER, toilet())
    return (
        compliance_document(),
        compliance_document(judged(), judged(plan="p-other", missed=0)),
        document("vehicle_day", day),
        document("vehicle_day", day, day_of(day_piece(driven("truck-13")))),
        document("fleet_summary", fleet),
        document("missed_pickups", round_()),
        document("toilet_service", toilets),
        document("evaluation", evaluation()),
        document("evaluation", evaluation(), evaluation("w8", None)),
    )


def traces() -> dict[str, Driven]:
    """The refuse vehicles of the corpus on the day that most of it is of; times there are local."""
    zone = ZoneInfo("America/New_York")

    def instant(text: str) -> int:
        return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 1_000_000

    seen: dict[str, dict[int, tuple[float, float]]] = {}
    for row in corpus("vehicle_traces.jsonl"):
        seen.setdefault(row["vehicle"], {})[instant(row["time"])] = (row["lat"], row["lon"])
    found = {}
    for vehicle, places in seen.items():
        when = np.array(sorted(places), np.int64)
        lat, lon = (np.array([places[one][axis] for one in sorted(places)]) for axis in (0, 1))
        nothing = np.full(len(when), np.nan)
        span = instant("2015-12-10T00:00:00"), instant("2015-12-11T00:00:00")
        found[vehicle] = Driven(f"truck-{vehicle}", *span, Track(when, lat, lon, nothing, nothing), {})
    return found
