"""Draws docs/images/planned-day.svg: one planned shift of a simulated city. Run it after a change of the planner.

python docs/generate_planning_picture.py
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np

from fleet.master.route import LonLat
from fleet.planning.course import course
from fleet.planning.problem import Options
from fleet.planning.solve import solve
from hub.bench.planning.measurement import Bench, Load
from simulators.city import registry
from simulators.city.city import City
from simulators.city.settings import Size

TARGET = Path(__file__).parent / "images" / "planned-day.svg"
WIDTH = 900
COLOURS = ("#0b6e99", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#be123c", "#0f766e", "#4338ca")
LOAD = Load(bins=150, trucks=4, days=1, capacity_l=4_000)


class Canvas:
    """Degrees to whole pixels, north up."""

    def __init__(self, points: Iterable[LonLat]) -> None:
        lon, lat = np.array(list(points)).T
        self._left, self._top = lon.min(), lat.max()
        self._scale = (WIDTH - 40) / (lon.max() - lon.min())
        self._stretch = 1 / np.cos(np.radians(lat.mean()))
        self.height = round((lat.max() - lat.min()) * self._scale * self._stretch) + 70

    def at(self, point: LonLat) -> str:
        """A point as SVG writes it."""
        x = (point[0] - self._left) * self._scale + 20
        y = (self._top - point[1]) * self._scale * self._stretch + 50
        return f"{x:.0f} {y:.0f}"

    def line(self, points: Iterable[LonLat], style: str) -> str:
        """A line of a class of the style sheet."""
        path = [self.at(point) for point in points]
        kept = [spot for number, spot in enumerate(path) if not number or path[number - 1] != spot]
        return f'<path class="{style}" d="M{"L".join(kept)}"/>'

    def dot(self, point: LonLat, radius: float, fill: str) -> str:
        """A filled circle."""
        x, y = self.at(point).split()
        return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{fill}"/>'

    def label(self, point: LonLat, text: str) -> str:
        """A text above a point."""
        x, y = self.at(point).split()
        return f'<text x="{x}" y="{int(y) - 10}" text-anchor="middle">{text}</text>'


def main() -> None:
    """Plan the shift and draw it."""
    bench = Bench(LOAD)
    problem = bench.problem(bench.urgent(bench.town.first_pct, 0), 0)
    problem = msgspec.structs.replace(problem, options=Options(fewest=False))  # spread, so that there is more to see
    plan = solve(problem, bench.travel_of(problem))
    city = City(LOAD.seed, 0, Size(vehicles=0, bins=0, toilets=0, workers=0))
    streets = [feature["geometry"]["coordinates"] for feature in registry.streets(city)["features"]]
    canvas = Canvas(tuple(point) for line in streets for point in line)
    parts = [canvas.line((tuple(point) for point in line), "street") for line in streets]
    due = {demand.bin for demand in problem.demands}
    for name, lon, lat in zip(bench.town.bins, bench.town.lon, bench.town.lat, strict=True):
        if name not in due:
            parts.append(canvas.dot((float(lon), float(lat)), 2.5, "#b8b8b8"))
    for tour, colour in zip(plan.tours, COLOURS, strict=False):
        visits = [visit for visit in tour.visits if visit.kind != "break"]
        line, _ = course([(visit.lon, visit.lat) for visit in visits], bench.town.streets)
        parts.append(canvas.line(line, "tour").replace("/>", f' stroke="{colour}"/>'))
        parts += [canvas.dot((visit.lon, visit.lat), 4, colour) for visit in visits if visit.kind == "bin"]
    for place in (bench.town.depot, bench.town.tip):
        parts += [canvas.dot((place.lon, place.lat), 8, "#111"), canvas.label((place.lon, place.lat), place.id)]
    title = (
        f"{plan.on}, 05:00 to 13:00: {plan.served} of {LOAD.bins} bins are due, {len(plan.tours)} trucks, "
        f"{plan.distance_m / 1_000:.0f} km; grey bins can wait"
    )
    TARGET.write_text(_svg(canvas.height, title, parts), "utf-8")
    print(f"{TARGET}: {title}")  # noqa: T201


def _svg(height: int, title: str, parts: list[str]) -> str:
    style = (
        ".street{stroke:#dcdcdc;stroke-width:2;fill:none}"
        ".tour{stroke-width:2.2;fill:none;stroke-opacity:.75;stroke-linejoin:round}"
        "text{font:14px sans-serif;fill:#222}"
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    back = f'<rect width="{WIDTH}" height="{height}" fill="#fff"/><text x="20" y="26">{title}</text>'
    return "\n".join([head, f"<title>{title}</title><style>{style}</style>", back, *parts, "</svg>\n"])


if __name__ == "__main__":
    main()
