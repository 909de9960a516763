"""Maps without tiles: what was planned, what was driven, what became of the stops; north is up."""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, inf, pi, radians
from typing import NamedTuple

from fleet.reports.document import Map, MapPoint, Point
from fleet.reports.drawing.palette import INK, MUTED, of_state
from fleet.reports.drawing.svg import breadth, drawing, path, shortened, tag, text
from fleet.reports.speech import Speech

WIDTH, MOST_HIGH, SMALL, LEAST_HIGH, MARGIN = 720.0, 460.0, 300.0, 220.0, 18.0
MOST_LABELS = 60  #: labels beyond that would hide the map
_M_PER_DEGREE = 6_371_008.8 * pi / 180
_ORDER = ("street", "area", "planned", "driven", "no_data", "covered", "missed", "deviation")
_POINTS = (
    *("served", "late", "early", "missed", "not_full", "other_vehicle", "no_data"),
    *("stand", "device", "depot", "start", "end"),
)
_DEPTH = {"served": 0, "not_full": 0, "other_vehicle": 0, "no_data": 1, "early": 2, "late": 3, "missed": 4}
_CORNERS = {"late": (-5.0, "l5 8.6h-10z"), "early": (5.0, "l5 -8.6h-10z"), "other_vehicle": (-5.0, "l5 5l-5 5l-5 -5z")}
"""Signs with corners: how far above the place they begin, and their outline from there."""
_BREADTH = {"street": 1.0, "area": 1.2, "driven": 1.3, "planned": 3.4, "deviation": 3.0}
_STEPS = (1, 2, 5)


class Frame(NamedTuple):
    """How degrees become places of the drawing."""

    west: float
    north: float
    x_scale: float
    y_scale: float
    height: float
    left: float

    def place(self, point: Point) -> tuple[float, float]:
        """Where a position lies."""
        lon, lat = point
        return self.left + (lon - self.west) * self.x_scale, MARGIN + (self.north - lat) * self.y_scale

    @property
    def px_per_m(self) -> float:
        """Places for each metre."""
        return self.y_scale / _M_PER_DEGREE


def draw_map(what: Map, speech: Speech) -> str:
    """A map as SVG; empty text where there is nothing to show."""
    frame = _frame(what)
    if frame is None:
        return ""
    parts = [tag("rect", x=0, y=0, width=WIDTH, height=frame.height, rx=6, fill="#f7f9fb", class_="ground")]
    for role in _ORDER:
        parts += [_line(role, line.points, frame) for line in what.lines if line.role == role and line.points]
    parts += [_point(point, frame) for point in sorted(what.points, key=_depth)]
    parts += _labels(what, frame)
    legend, rows = _legend(what, frame, speech)
    parts += [_scale_bar(frame, speech), _north(), legend]
    return drawing(WIDTH, frame.height + 11 + 15 * rows, "".join(parts), speech.word(what.title))


def _frame(what: Map) -> Frame | None:
    """Around everything but streets, which are only the ground; with equal scales in the middle of the map."""
    points = [point for line in what.lines if line.role != "street" for point in line.points]
    points += [(point.lon, point.lat) for point in what.points]
    if not points:
        return None
    west, east = _bounds(lon for lon, _ in points)
    south, north = _bounds(lat for _, lat in points)
    shrink = max(cos(radians((south + north) / 2)), 0.01)
    wide_m = max((east - west) * shrink, 200 / _M_PER_DEGREE)
    high_m = max(north - south, 120 / _M_PER_DEGREE)
    most_high = SMALL if what.small else MOST_HIGH
    room_x, room_y = WIDTH - 2 * MARGIN, most_high - 2 * MARGIN
    scale = min(room_x / wide_m, room_y / high_m)
    height = min(max(high_m * scale + 2 * MARGIN, LEAST_HIGH), most_high)
    left = (WIDTH - (east - west) * shrink * scale) / 2
    spare = (height - 2 * MARGIN - (north - south) * scale) / 2 / scale
    return Frame(west, north + spare, scale * shrink, scale, height, left)


def _bounds(values: Iterable[float]) -> tuple[float, float]:
    least, most = inf, -inf
    for value in values:
        least, most = min(least, value), max(most, value)
    return least, most


def _line(role: str, points: tuple[Point, ...], frame: Frame) -> str:
    places = [frame.place(point) for point in points]
    style: dict[str, str | float] = {"stroke": of_state(role), "stroke_width": _BREADTH.get(role, 3.4)}
    if role == "no_data":
        style |= {"stroke": "#8b96a3", "stroke_dasharray": "1.5 5"}
    elif role == "missed":
        style |= {"stroke_dasharray": "7 4", "stroke_linecap": "butt"}
        style.pop("stroke_linecap")
    elif role == "driven":
        style |= {"stroke_opacity": 0.75}
    elif role == "area":
        style |= {"stroke_dasharray": "4 3"}
    return path(places, class_=f"line {role}", **style)


def _depth(point: MapPoint) -> int:
    """Served stops lie lowest: what went wrong must be seen."""
    return _DEPTH.get(point.role, 5)


def _point(point: MapPoint, frame: Frame) -> str:
    x, y = frame.place((point.lon, point.lat))
    return marker(point.role, x, y)


def marker(role: str, x: float, y: float) -> str:
    """The sign of a role: told apart by its shape as well as its colour."""
    colour = of_state(role)
    edge: dict[str, str | float] = {"stroke": "#ffffff", "stroke_width": 1}
    if role == "missed":
        cross = f"M{x - 3.6:.1f} {y - 3.6:.1f}l7.2 7.2M{x + 3.6:.1f} {y - 3.6:.1f}l-7.2 7.2"
        halo = tag("path", d=cross, stroke="#ffffff", stroke_width=4.4, stroke_linecap="round", fill="none")
        return halo + tag("path", d=cross, stroke=colour, stroke_width=2.2, stroke_linecap="round", fill="none")
    if role in _CORNERS:
        above, outline = _CORNERS[role]
        return tag("path", d=f"M{x:.1f} {y + above:.1f}{outline}", fill=colour, **edge)
    if role == "no_data":
        return tag("circle", cx=x, cy=y, r=3.4, fill="#ffffff", stroke="#8b96a3", stroke_width=1.6)
    if role == "not_full":
        return tag("circle", cx=x, cy=y, r=3.6, fill=colour, stroke=INK, stroke_width=0.9)
    if role in ("depot", "start", "end"):
        place: dict[str, float] = {"x": x - 4.5, "y": y - 4.5, "width": 9, "height": 9, "rx": 2, "stroke_width": 1.8}
        kind = "end" if role == "end" else "depot"
        return tag("rect", **place, fill="#ffffff" if kind == "end" else INK, stroke=INK, class_=kind)
    return tag("circle", cx=x, cy=y, r=4, fill=colour, **edge)


def _labels(what: Map, frame: Frame) -> list[str]:
    """Labels of points, those that matter first; one that would lie on another is left out."""
    taken: list[tuple[float, float, float, float]] = []
    parts: list[str] = []
    for point in sorted((one for one in what.points if one.label), key=_depth, reverse=True)[:MOST_LABELS]:
        x, y = frame.place((point.lon, point.lat))
        said = shortened(point.label, 120, 8)
        wide = breadth(said, 8)
        for at_x, anchor in ((x + 7, "start"), (x - 7, "end")):
            left = at_x if anchor == "start" else at_x - wide
            box = (left, y - 6, left + wide, y + 4)
            inside = box[0] >= 2 and box[2] <= WIDTH - 2
            if inside and not any(_meet(box, other) for other in taken):
                taken.append(box)
                halo: dict[str, str | float] = {"stroke": "#ffffff", "stroke_width": 2.4, "stroke_linejoin": "round"}
                parts.append(text(at_x, y + 3, said, size=8, anchor=anchor, **halo, fill="none", class_="halo"))
                parts.append(text(at_x, y + 3, said, size=8, anchor=anchor, fill=INK))
                break
    return parts


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _scale_bar(frame: Frame, speech: Speech) -> str:
    """As long as a round number of metres, at most 120 places."""
    length = max(step * 10**power for power in range(6) for step in _STEPS if step * 10**power * frame.px_per_m <= 120)
    wide, y = length * frame.px_per_m, frame.height - 14
    said = f"{length // 1000} {speech.word('unit.km')}" if length >= 1000 else f"{length} {speech.word('unit.m')}"
    bar = path(
        [(16, y - 4), (16, y), (16 + wide, y), (16 + wide, y - 4)], stroke=INK, stroke_width=1.4, class_="stroke"
    )
    return bar + text(16 + wide / 2, y - 6, said, size=8.5, anchor="middle", fill=INK)


def _north() -> str:
    x, y = WIDTH - 24, 18
    arrow = tag("path", d=f"M{x} {y}l5 15l-5 -3.6l-5 3.6z", fill=INK, class_="inkfill")
    return arrow + text(x, y + 26, "N", size=9, anchor="middle", fill=INK)


def _legend(what: Map, frame: Frame, speech: Speech) -> tuple[str, int]:
    """What occurs, in a fixed order; and how many lines that takes."""
    lines = {line.role for line in what.lines if line.points}
    points = {point.role for point in what.points}
    signs: list[tuple[str, str]] = [("line", role) for role in _ORDER if role in lines]
    signs += [("point", role) for role in _POINTS if role in points]
    x, row, parts = 4.0, 0, []
    for shape, role in signs:
        said, sign = speech.word(f"map.{shape}.{role}"), 25.0 if shape == "line" else 14.0
        wide = sign + breadth(said, 8.5)
        if x + wide > WIDTH and x > 4:
            x, row = 4.0, row + 1
        y = frame.height + 16 + 15 * row
        parts.append(_sample(role, x, y) if shape == "line" else marker(role, x + 5, y - 3))
        parts.append(text(x + sign, y, said, size=8.5, fill=MUTED))
        x += wide + 10
    return "".join(parts), row + 1


def _sample(role: str, x: float, y: float) -> str:
    style = "1.5 5" if role == "no_data" else "7 4" if role == "missed" else "none"
    colour = "#8b96a3" if role == "no_data" else of_state(role)
    return path([(x, y - 3), (x + 20, y - 3)], stroke=colour, stroke_width=2.6, stroke_dasharray=style)
