"""Routes: the round that a vehicle drives in its zone, and how far a point lies from what is planned."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from random import Random

from simulators.city.streets import Arc


def round_tour(arcs: Sequence[Arc], rng: Random) -> tuple[Arc, ...]:
    """A closed tour that drives every arc once, so every street once in each direction (Hierholzer's way).

    ``arcs`` must hold both directions of each street and hang together. The order of choices comes from ``rng``;
    turning on the spot is left for last, for heavy vehicles do so only in dead ends.
    """
    ways: dict[int, list[Arc]] = {}
    for arc in arcs:
        ways.setdefault(arc.tail, []).append(arc)
    for choices in ways.values():
        rng.shuffle(choices)
    start = rng.choice(sorted(ways))
    stack: list[Arc | None] = [None]
    tour: list[Arc] = []
    while stack:
        last = stack[-1]
        choices = ways[start if last is None else last.head]
        if choices:
            stack.append(choices.pop(_onward(choices, last)))
        else:
            done = stack.pop()
            if done is not None:
                tour.append(done)
    tour.reverse()
    return tuple(tour)


def _onward(choices: list[Arc], last: Arc | None) -> int:
    """The choice that does not turn back on the spot, where there is one."""
    if last is not None:
        for index in range(len(choices) - 1, -1, -1):
            if choices[index].edge != last.edge:
                return index
    return len(choices) - 1


class Corridor:
    """The streets on which a vehicle or a worker is where it should be."""

    def __init__(self, arcs: Iterable[Arc]) -> None:
        self.arcs: tuple[Arc, ...] = tuple({arc.edge: arc for arc in arcs}.values())

    def distance(self, x: float, y: float) -> float:
        """Metres from a point to the nearest of the streets."""
        nearest = math.inf
        for arc in self.arcs:
            dx, dy = x - arc.x, y - arc.y
            along = min(max(dx * arc.ux + dy * arc.uy, 0.0), arc.length)
            nearest = min(nearest, math.hypot(dx - along * arc.ux, dy - along * arc.uy))
        return nearest
