"""A judged plan made by hand, with everything in it that a report can show."""

from __future__ import annotations

from datetime import UTC, date, datetime
from math import cos, pi, sin

from fleet.compliance.result import (
    Compliance,
    Deviation,
    Doing,
    Gap,
    PassCoverage,
    Speeding,
    Spell,
    Split,
    StopResult,
    Stretch,
)
from fleet.master.plan import Plan
from fleet.master.route import Route, Stop
from fleet.reports.canonical import content_hash, settled
from fleet.reports.compliance.judged import AlarmSeen, Judged
from fleet.reports.document import Document, Name
from fleet.reports.format import Edition
from fleet.reports.kind import kinds
from fleet.reports.revision import Order
from fleet.reports.stamp import Stamp
from fleet.reports.words import Language

ZONE = "Asia/Shanghai"
MIN = 60_000_000


def at(day: int, hour: int, minute: int = 0) -> int:
    """An instant in November 2026, of the clock in Shanghai (UTC+8)."""
    return int(datetime(2026, 11, day, tzinfo=UTC).timestamp()) * 1_000_000 + (hour - 8) * 60 * MIN + minute * MIN


DOINGS: tuple[Doing, ...] = (
    *("transit", "work", "work", "idle", "work", "transit", "work", "work"),
    *("idle", "work", "transit", "work", "no_data", "work", "transit"),
)
ORDER = Order("route_compliance", at(23, 0), at(24, 0), ZONE, {"route": "sweep-07"})


def route() -> Route:
    """A loop of streets with forty stops."""
    loop = tuple((116.40 + 0.012 * cos(a) + 0.002 * sin(5 * a), 39.90 + 0.008 * sin(a)) for a in
                 (2 * pi * i / 60 for i in range(61)))  # fmt: skip
    street = tuple((116.386 + 0.0007 * i, 39.90 + 0.0004 * sin(i / 2)) for i in range(41))
    stops = tuple(Stop(f"s{i:02d}", *loop[(3 * i) % 60], name=f"人民路{i}号" if i % 2 else f"Stop {i}",
                       device=f"bin-{i:04d}") for i in range(20))  # fmt: skip
    access = (((116.42, 39.915), (116.412, 39.9)),)
    return Route("sweep-07", 3, "collect", (loop, street), "Old town ring", "老城环线", access, passes=2, stops=stops)


def judged(*, missed: int = 2, late: int = 3, plan: str = "p-1123-07", driver: str = "王建国") -> Judged:
    """A morning with two passes."""
    line = route()
    start, end = at(23, 5, 30), at(23, 13, 30)
    stops = []
    for number in (1, 2):
        for index, stop in enumerate(line.stops):
            when = at(23, 6 + 3 * (number - 1), 7 * index)
            window = (when - 20 * MIN, when + 20 * MIN)
            state = "served"
            if number == 1 and index in range(4, 4 + missed):
                state = "missed"
            elif number == 2 and index in range(10, 10 + late):
                state = "late"
                when += 31 * MIN
            elif number == 2 and index == 19:
                state = "no_data"
            found = state in ("served", "late")
            stops.append(StopResult(stop.id, stop.device, number, state, window, when if found else None,
                                    index + 1 if found else None,
                                    ("emptied" if index % 3 else "lift") if found else None,
                                    f"events/{stop.device}" if found else ""))  # fmt: skip
    stretches = tuple(
        Stretch(0, "forward", number, 500.0 * i, 500.0 * (i + 1),
                "missed" if (number, i) == (1, 3) else "no_data" if (number, i) == (2, 9) else "covered", start)
        for number in (1, 2) for i in range(13)
    ) + tuple(Stretch(1, "forward", number, 200.0 * i, 200.0 * (i + 1), "missed" if i == 5 else "covered", start)
              for number in (1, 2) for i in range(12))  # fmt: skip
    off = tuple((116.412 + 0.0008 * i, 39.9 - 0.0009 * i) for i in range(9))
    spells = tuple(
        Spell(at(23, 5, 34) + i * 30 * MIN, at(23, 5, 34) + (i + 1) * 30 * MIN, state) for i, state in enumerate(DOINGS)
    )
    compliance = Compliance(
        plan, line.id, line.version, "truck-12", start, end, 0.962, start + 4 * MIN, end - 11 * MIN, 41_230.0,
        (PassCoverage(1, 8_900, 8_200, 700, 0), PassCoverage(2, 8_900, 8_200, 200, 500)), stretches, tuple(stops),
        (Deviation(at(23, 8, 12), at(23, 8, 24), 2_140.0, 386.0, off),),
        (Speeding(at(23, 7, 2), at(23, 7, 4), 15.0, 22.4, 610.0, True),),
        (Gap(at(23, 11, 40), at(23, 11, 58)),),
        Split(14_400, 7_200, 2_700, 1_500, 1_080, 22_300, 18_930), 610.0, 0.124, 0.974, 13.4, 3, spells,
    )  # fmt: skip
    return Judged(
        compliance, line, Plan(plan, date(2026, 11, 23), "early", line.id, vehicle="truck-12"), "京A·12345",
        (driver, "Li Wei"),
        Name("Early shift", "早班"), (line.lines[0], line.lines[1]), ((116.42, 39.915),), (),
        (AlarmSeen(at(23, 8, 13), "warning", "Route left", 17, at(23, 8, 24)),),
    )  # fmt: skip


def compliance_document(*parts: Judged) -> Document:
    """The document over these plans, or over the sample."""
    return settled(kinds()["route_compliance"].build(ORDER, parts or (judged(),)))


def edition(document: Document, language: Language = "zh", **stamp: object) -> Edition:
    """A first revision, unless ``stamp`` says otherwise."""
    made = Stamp(**{"number": 1, "hash": content_hash(document), "made_at": at(24, 8), "made_by": "test", **stamp})
    return Edition(document, made, language)
