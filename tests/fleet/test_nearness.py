from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from fleet.geometry.nearness import grid
from fleet.geometry.plane import plane_at
from fleet.geometry.polylines import polylines

METRES = st.floats(-900, 900).map(lambda value: round(value, 1))
POINT = st.tuples(METRES, METRES)
PLANE = plane_at(114.3, 30.58)


@given(
    st.lists(st.lists(POINT, min_size=2, max_size=5, unique=True), min_size=1, max_size=6),
    st.lists(POINT, min_size=1, max_size=30),
    st.floats(5, 120),
)
def test_it_finds_what_shapely_finds(lines: list[list[tuple[float, float]]], points: list, radius: float) -> None:
    made = polylines([tuple(PLANE.degrees(x, y) for x, y in line) for line in lines], PLANE)
    found = grid(made, radius)
    x, y = np.array(points, float).T
    shapes = shapely.linestrings(
        np.stack((np.column_stack((made.x0, made.y0)), np.column_stack((made.x1, made.y1))), axis=1)
    )
    far = shapely.distance(shapely.points(x, y)[:, None], shapes[None, :])
    near = found.near(x, y)
    pairs = set(zip(near.point.tolist(), near.segment.tolist(), strict=True))
    assert pairs >= {tuple(pair) for pair in np.argwhere(far <= radius - 1e-6).tolist()}
    assert pairs <= {tuple(pair) for pair in np.argwhere(far <= radius + 1e-6).tolist()}
    np.testing.assert_allclose(found.distance(x, y), far.min(axis=1), atol=1e-6)


def test_without_lines_everything_is_far() -> None:
    found = grid(polylines([], PLANE), 15.0)
    assert np.isinf(found.distance(np.zeros(3), np.zeros(3))).all()
