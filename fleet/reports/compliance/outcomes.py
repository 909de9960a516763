"""Stops by what became of them: counts, bars and a table that together are all stops that were scheduled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from fleet.reports.document import COUNT, SHARE, STATE, Bar, Bars, Cell, Column, Name, Said, Table

OUTCOMES = ("served", "early", "late", "missed", "other_vehicle", "not_full", "no_data")
NOT_IN_TIME = OUTCOMES[2:]
MOST_BARS = 30


class Counted(Protocol):
    """Stops of a plan; ``outcomes`` is how many came to each state."""

    @property
    def route(self) -> str:
        """The route's id."""

    @property
    def route_name(self) -> Name:
        """Its names."""

    @property
    def outcomes(self) -> Mapping[str, int]:
        """By state; one that is not there is none."""


def counted(rounds: Iterable[Counted]) -> Counter[str]:
    """How many stops came to what, over all rounds."""
    counts: Counter[str] = Counter()
    for one in rounds:
        counts.update(one.outcomes)
    return counts


def by_route(rounds: Sequence[Counted]) -> Bars:
    """What was not served in time, by route; the routes with the most missed stops first."""
    routes: dict[str, Counter[str]] = {}
    for one in rounds:
        routes.setdefault(one.route, Counter()).update(one.outcomes)
    names = {one.route: one.route_name for one in rounds}
    some = [route for route, counts in routes.items() if any(counts[state] for state in NOT_IN_TIME)]
    worst = sorted(some, key=lambda route: (-routes[route]["missed"], -routes[route]["late"], route))[:MOST_BARS]
    present = [state for state in NOT_IN_TIME if any(routes[route][state] for route in worst)]
    bars = tuple(Bar(names[route], tuple((state, routes[route][state]) for state in present)) for route in worst)
    return Bars("routes", "chart.missed", bars, COUNT)


def by_outcome(rounds: Sequence[Counted]) -> Bars:
    """What was not served in time, by what became of it."""
    counts = counted(rounds)
    bars = tuple(Bar(Said(f"state.{state}"), ((state, counts[state]),)) for state in NOT_IN_TIME if counts[state])
    return Bars("outcomes", "chart.outcomes", bars, COUNT)


def outcomes(rounds: Sequence[Counted]) -> Table:
    """How many stops came to what, what that means, and their sum: all that were scheduled."""
    counts = counted(rounds)
    whole = sum(counts.values())
    columns = (
        Column("outcome", "column.outcome", STATE, 1.2),
        Column("stops", "column.stops", COUNT, 0.6),
        Column("share", "column.share_of_scheduled", SHARE, 0.8),
        Column("meaning", "column.meaning", width=4.0),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (state, counts[state], counts[state] / whole if whole else None, Said(f"outcome.{state}"))
        for state in OUTCOMES
    )  # fmt: skip
    total: tuple[Cell, ...] = (Said("figure.scheduled"), whole, 1.0 if whole else None, None)
    return Table("outcomes", "table.outcomes", columns, rows, ("outcome",), total)
