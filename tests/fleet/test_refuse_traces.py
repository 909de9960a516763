"""Tracks of real refuse vehicles: a line drawn from a track is covered by it, another vehicle's line is not.

The shared corpus is used where it stands beside the checkout; otherwise made tracks of the same shape: a fix a minute,
no speed, no heading, several fixes at one instant.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shapely

from devices.instants import from_datetime
from fleet.compliance.cleaning import clean
from fleet.compliance.judge import judge
from fleet.compliance.result import Compliance
from fleet.compliance.settings import Settings
from fleet.geometry.plane import plane_at
from fleet.master.plan import Plan
from fleet.master.route import Line, Route
from fleet.track import Driven, Track

CORPUS = next(
    (
        folder / "shared" / "corpora" / "vehicle_traces.jsonl"
        for folder in Path(__file__).parents
        if (folder / "shared" / "corpora" / "vehicle_traces.jsonl").is_file()
    ),
    None,
)
LAT, LON = 40.72, -74.06
PLANE = plane_at(LON, LAT)
Points = list[tuple[int, float, float]]


def real() -> dict[str, Points]:
    assert CORPUS is not None
    found: dict[str, Points] = defaultdict(list)
    for text in CORPUS.read_text("utf-8").splitlines():
        row = json.loads(text)
        at = datetime.fromisoformat(row["time"]).replace(tzinfo=ZoneInfo("America/New_York"))
        found[str(row["vehicle"])].append((from_datetime(at), row["lat"], row["lon"]))
    return found


def made() -> dict[str, Points]:
    chance = random.Random(9)
    found: dict[str, Points] = {}
    for vehicle in range(3):
        at, x, y, points = 1_449_748_800_000_000, 3_000.0 * vehicle, 0.0, []
        for step in range(200):
            at += 0 if step % 7 == 3 else chance.randrange(40, 80) * 1_000_000
            x, y = (x + 180.0, y) if step // 10 % 2 else (x, y + 180.0)
            lon, lat = PLANE.degrees(x + chance.gauss(0, 3), y + chance.gauss(0, 3))
            points.append((at, lat, lon))
        found[str(vehicle)] = points
    return found


def driven_of(points: Points) -> Driven:
    at = np.array([point[0] for point in points], np.int64)
    lat, lon = (np.array([point[i] for point in points]) for i in (1, 2))
    none = np.full(len(at), np.nan)
    return Driven("v", int(at.min()), int(at.max()) + 1, Track(at, lat, lon, none, none), {})


def line_of(driven: Driven) -> Line:
    """The way of a track, as somebody would draw it: to ten metres."""
    track = clean(driven.track, Settings())
    x, y = PLANE.metres(track.lon, track.lat)
    drawn = shapely.simplify(shapely.linestrings(np.column_stack((x, y))), 10.0)
    return tuple(PLANE.degrees(float(a), float(b)) for a, b in shapely.get_coordinates(drawn))


def judged(driven: Driven, line: Line) -> Compliance:
    route = Route("r", 1, "collect", (line,), direction="any", work_min_kmh=0.0, work_max_kmh=200.0, tolerance_m=20.0)
    plan = Plan("p", date(2015, 12, 10), "s", "r", vehicle="v")
    return judge(plan, route, (driven.start, driven.end), driven, (), Settings(gap_least_s=900.0))


@pytest.mark.parametrize("tracks", [made, *([real] if CORPUS else [])])
def test_its_own_line_is_covered_and_anothers_is_not(tracks: Callable[[], dict[str, Points]]) -> None:
    all_driven = [driven_of(points) for points in tracks().values()]
    lines = [line_of(one) for one in all_driven]
    shares = []
    for one, line in zip(all_driven, lines, strict=True):
        (told,) = judged(one, line).passes
        shares.append(told.covered_m / (told.covered_m + told.missed_m))
    assert min(shares) > 0.95
    assert np.mean(shares) > 0.98
    for one, line in zip(all_driven, [*lines[1:], lines[0]], strict=True):
        (told,) = judged(one, line).passes
        assert told.covered_m < 0.5 * told.planned_m
