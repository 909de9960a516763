"""The street plan: an irregular grid with a river, a park, main and side streets, twelve zones and three yards.

The plan depends on the seed alone and not on how many devices there are. Lengths are metres on the plane of
:mod:`simulators.city.plane`; traffic keeps to the right.
"""

from __future__ import annotations

import heapq
import math
from random import Random

import msgspec

from simulators.city.chance import stream

COLUMNS, ROWS = 16, 12
ZONE_SIDE = 4  # nodes: 16 x 12 nodes make 4 x 3 zones
ZONES = (COLUMNS // ZONE_SIDE) * (ROWS // ZONE_SIDE)
RIVER_COLUMN = 9  # the water lies between this column and the next; only main streets have a bridge
PARK = frozenset({(4, 6), (5, 6)})  # crossings that the park swallowed: a green of three blocks by two
MAIN_EVERY = 3


class Arc(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One direction of a street between two crossings: a straight line of ``length`` metres.

    ``ux``/``uy`` is its unit vector (east, north), ``heading`` degrees clockwise from north, ``road`` one of main,
    side, bridge, yard. ``edge`` is shared by both directions.
    """

    edge: int
    tail: int
    head: int
    x: float
    y: float
    ux: float
    uy: float
    length: float
    heading: float
    road: str
    limit_kmh: float

    def point(self, s: float, right: float = 0.0) -> tuple[float, float]:
        """The point ``s`` metres along and ``right`` metres to the right of the middle of the street."""
        return self.x + self.ux * s + self.uy * right, self.y + self.uy * s - self.ux * right


_LIMITS = {"main": 50.0, "bridge": 50.0, "side": 30.0, "yard": 15.0}


class Streets:
    """The plan as a graph. ``leaving[n]`` are the arcs out of crossing ``n``; ``zones[z]`` the arcs that zone serves.

    ``places`` names the crossings at which ``depot``, ``tip`` and ``fuel`` lie; each ends a yard of its own.
    """

    def __init__(self, seed: int) -> None:
        rng = stream(seed, "streets")
        self.nodes, self._main_columns, self._main_rows = _crossings(rng)
        self.leaving: list[list[Arc]] = [[] for _ in self.nodes]
        self.places: dict[str, int] = {}
        self._edges = 0
        self._paths: dict[tuple[int, int], tuple[Arc, ...]] = {}
        for tail, head, road in self._grid(rng):
            self._join(tail, head, road)
        for name, corner, reach in _YARDS:
            self._yard(name, corner, reach)
        self.zones: list[tuple[Arc, ...]] = [self._zone(zone) for zone in range(ZONES)]

    def lit(self, node: int) -> bool:
        """Whether the crossing has traffic lights: two main streets meet there."""
        column, row = divmod(node, ROWS)
        return node < COLUMNS * ROWS and column in self._main_columns and row in self._main_rows

    def reverse(self, arc: Arc) -> Arc:
        """The other direction of the same street."""
        return next(other for other in self.leaving[arc.head] if other.edge == arc.edge)

    def path(self, origin: int, goal: int) -> tuple[Arc, ...]:
        """The quickest way between two crossings at the limits (Dijkstra, remembered); empty when they are one."""
        known = self._paths.get((origin, goal))
        if known is None:
            known = self._paths[origin, goal] = self._search(origin, goal)
        return known

    def _search(self, origin: int, goal: int) -> tuple[Arc, ...]:
        best: dict[int, float] = {origin: 0.0}
        via: dict[int, Arc] = {}
        queue = [(0.0, origin)]
        while queue:
            cost, node = heapq.heappop(queue)
            if node == goal:
                break
            if cost > best[node]:
                continue
            for arc in self.leaving[node]:
                through = cost + arc.length / arc.limit_kmh
                if through < best.get(arc.head, math.inf):
                    best[arc.head] = through
                    via[arc.head] = arc
                    heapq.heappush(queue, (through, arc.head))
        way: list[Arc] = []
        while goal != origin:
            way.append(via[goal])
            goal = via[goal].tail
        return tuple(reversed(way))

    def _join(self, tail: int, head: int, road: str) -> None:
        (x0, y0), (x1, y1) = self.nodes[tail], self.nodes[head]
        length = math.hypot(x1 - x0, y1 - y0)
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        limit = _LIMITS[road]
        heading = math.degrees(math.atan2(ux, uy)) % 360
        there = Arc(self._edges, tail, head, x0, y0, ux, uy, length, heading, road, limit)
        back = Arc(self._edges, head, tail, x1, y1, -ux, -uy, length, (heading + 180) % 360, road, limit)
        self.leaving[tail].append(there)
        self.leaving[head].append(back)
        self._edges += 1

    def _yard(self, name: str, corner: tuple[int, int], reach: tuple[float, float]) -> None:
        gate = corner[0] * ROWS + corner[1]
        x, y = self.nodes[gate]
        self.nodes.append((x + reach[0], y + reach[1]))
        self.leaving.append([])
        self.places[name] = len(self.nodes) - 1
        self._join(gate, self.places[name], "yard")

    def _grid(self, rng: Random) -> list[tuple[int, int, str]]:
        edges: list[tuple[int, int, str]] = []
        for column in range(COLUMNS):
            for row in range(ROWS):
                if column + 1 < COLUMNS:
                    main = row in self._main_rows
                    road = "main" if main else "side"
                    if column == RIVER_COLUMN:
                        road = "bridge" if main else "water"
                    edges.append((column * ROWS + row, (column + 1) * ROWS + row, road))
                if row + 1 < ROWS:
                    road = "main" if column in self._main_columns else "side"
                    edges.append((column * ROWS + row, column * ROWS + row + 1, road))
        park = {column * ROWS + row for column, row in PARK}
        kept = [edge for edge in edges if edge[2] != "water" and not park & {edge[0], edge[1]}]
        return _thinned(kept, rng)

    def _zone(self, zone: int) -> tuple[Arc, ...]:
        column0, row0 = divmod(zone, ROWS // ZONE_SIDE)
        columns = range(column0 * ZONE_SIDE, (column0 + 1) * ZONE_SIDE)
        rows = range(row0 * ZONE_SIDE, (row0 + 1) * ZONE_SIDE)
        ours = [
            arc
            for column in columns
            for row in rows
            for arc in self.leaving[column * ROWS + row]
            if arc.tail < arc.head < COLUMNS * ROWS and arc.road != "bridge"
        ]
        largest = max(_components(ours), key=len)
        return tuple(direction for arc in largest for direction in (arc, self.reverse(arc)))


_YARDS = (
    ("depot", (0, 0), (-95.0, -60.0)),
    ("tip", (COLUMNS - 1, ROWS - 1), (130.0, 70.0)),
    ("fuel", (6, 0), (15.0, -90.0)),
)


def _crossings(rng: Random) -> tuple[list[tuple[float, float]], set[int], set[int]]:
    """Crossings in column order on a slightly turned and bent grid, and which columns and rows are main streets."""
    main_columns = {column for column in range(COLUMNS) if column % MAIN_EVERY == 0}
    main_rows = {row for row in range(ROWS) if row % MAIN_EVERY == 0}
    xs, ys = [0.0], [0.0]
    for column in range(1, COLUMNS):
        gap = 240.0 if column == RIVER_COLUMN + 1 else 0.0
        xs.append(xs[-1] + gap + rng.choice((rng.uniform(110, 170), rng.uniform(150, 260))))
    for _ in range(1, ROWS):
        ys.append(ys[-1] + rng.choice((rng.uniform(110, 160), rng.uniform(140, 240))))
    turn = math.radians(rng.uniform(6, 14))
    cos, sin = math.cos(turn), math.sin(turn)
    nodes: list[tuple[float, float]] = []
    for x in xs:
        for y in ys:
            east = x - xs[-1] / 2 + rng.uniform(-11, 11) + 0.05 * y
            north = y - ys[-1] / 2 + rng.uniform(-11, 11)
            nodes.append((east * cos - north * sin, east * sin + north * cos))
    return nodes, main_columns, main_rows


def _thinned(edges: list[tuple[int, int, str]], rng: Random) -> list[tuple[int, int, str]]:
    """The streets without one side street in fifteen, as long as every crossing stays within reach."""
    kept = list(edges)
    for edge in edges:
        if edge[2] == "side" and rng.random() < 1 / 15:
            fewer = [other for other in kept if other is not edge]
            if _spans(fewer, {node for pair in edges for node in pair[:2]}):
                kept = fewer
    return kept


def _spans(edges: list[tuple[int, int, str]], nodes: set[int]) -> bool:
    """Whether ``edges`` join all of ``nodes`` into one piece (union by relabelling through a parent table)."""
    parent = {node: node for node in nodes}

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for tail, head, _ in edges:
        parent[root(tail)] = root(head)
    return len({root(node) for node in nodes}) == 1


def _components(arcs: list[Arc]) -> list[list[Arc]]:
    """The arcs sorted into pieces that hang together."""
    pieces: list[tuple[set[int], list[Arc]]] = []
    for arc in arcs:
        touching = [piece for piece in pieces if arc.tail in piece[0] or arc.head in piece[0]]
        nodes, members = {arc.tail, arc.head}, [arc]
        for piece in touching:
            nodes |= piece[0]
            members = piece[1] + members
            pieces.remove(piece)
        pieces.append((nodes, members))
    return [members for _, members in pieces]
