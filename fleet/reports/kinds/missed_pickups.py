"""Missed pick-ups: stops that were to be served and were not, and what became of them since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from fleet.compliance.result import StopResult
from fleet.master.route import LonLat
from fleet.reports.compliance.judged import Judged
from fleet.reports.compliance.sheets import reason
from fleet.reports.document import (
    COUNT,
    INSTANT,
    Bar,
    Bars,
    Cell,
    Column,
    Document,
    Evidence,
    Fact,
    Figure,
    Form,
    Map,
    MapPoint,
    Name,
    Note,
    Said,
    Section,
    Table,
    against,
    number,
)
from fleet.reports.kind import Kind
from fleet.reports.revision import Order
from fleet.track import Signal

TITLE = "report.missed_pickups"
MOST_BARS = 30
STALE_US = 6 * 3_600_000_000  #: a level that is older says nothing
OVERFLOW_PCT = 95.0  #: DOMAIN.md, bins


class MissedPickup(msgspec.Struct, frozen=True):
    """A stop that was not served in its window, or late. ``fill_pct`` is the bin's at the window's end.

    ``state`` is ``missed``, ``late`` or ``no_data``. ``served_at`` is when it was served after all; None: not yet.
    ``reason`` is the id of a word's end (``reason.<id>``).
    """

    stop: str
    name: str
    route: str
    route_name: Name
    vehicle: str
    number: int
    state: str
    planned: tuple[int, int] | None = None
    served_at: int | None = None
    fill_pct: float | None = None
    overflowed: bool = False
    reason: str = "not_found"
    device: str | None = None
    place: LonLat | None = None


class Round(msgspec.Struct, frozen=True):
    """The stops of a plan: how many were scheduled, those without data, and those that were missed or late."""

    plan: str
    scheduled: int
    unknown: int
    missed: tuple[MissedPickup, ...] = ()


class Watched(NamedTuple):
    """A bin from the shift on: its levels, and when it was emptied."""

    fill: Signal
    emptied: tuple[int, ...] = ()


class PickupPiece(NamedTuple):
    """A plan judged, and the bins of its stops that were not served in time."""

    judged: Judged
    bins: Mapping[str, Watched] = {}


def reduce(order: Order, piece: PickupPiece) -> Round:
    """The stops of a plan that were missed or late, out of its judgement."""
    one = piece.judged
    stops = one.compliance.stops
    found = tuple(
        _missed(one, stop, piece.bins.get(stop.device or "")) for stop in stops if stop.state in ("missed", "late")
    )
    return Round(one.compliance.plan, len(stops), sum(stop.state == "no_data" for stop in stops), found)


def _missed(one: Judged, stop: StopResult, bin_: Watched | None) -> MissedPickup:
    """A stop that was missed; served after all where a later pass served it, or its bin was emptied since."""
    edge = stop.planned[1] if stop.planned else one.compliance.end
    later = [other.at for other in one.compliance.stops if other.stop == stop.stop and other.number > stop.number]
    later += [at for at in (bin_.emptied if bin_ else ()) if at >= edge]
    served = stop.at if stop.state == "late" else min((at for at in later if at is not None), default=None)
    return MissedPickup(
        stop=stop.stop,
        name=one.stop_name(stop.stop),
        route=one.compliance.route,
        route_name=one.route_name,
        vehicle=one.vehicle,
        number=stop.number,
        state=stop.state,
        planned=stop.planned,
        served_at=served,
        fill_pct=_level(bin_, edge),
        overflowed=_overflowed(bin_, edge, served),
        reason=reason(one, stop).word.removeprefix("reason."),
        device=stop.device,
        place=one.place(stop.stop),
    )


def _level(bin_: Watched | None, at: int) -> float | None:
    """The level at an instant, as it was told last; None where that is longer ago than :data:`STALE_US`."""
    if bin_ is None:
        return None
    place = int(np.searchsorted(bin_.fill.at, at, "right")) - 1
    if place < 0 or at - int(bin_.fill.at[place]) > STALE_US:
        return None
    return float(bin_.fill.value[place])


def _overflowed(bin_: Watched | None, begin: int, until: int | None) -> bool:
    """Whether it was at its overflowing level from its window's end until it was served (or as far as is known)."""
    if bin_ is None:
        return False
    inside = bin_.fill.at >= begin
    if until is not None:
        inside &= bin_.fill.at < until
    return bool((bin_.fill.value[inside] >= OVERFLOW_PCT).any())


def build(order: Order, parts: Sequence[Round]) -> Document:
    """The report over all rounds of the span."""
    ordered = sorted(parts, key=lambda one: one.plan)
    found = sorted((stop for one in ordered for stop in one.missed), key=_place)
    return Document(
        kind=order.kind,
        title=TITLE,
        subject=order.subject.get("route") or Said("subject.all_routes"),
        start=order.start,
        end=order.end,
        zone=order.zone,
        facts=(Fact("fact.plans", len(ordered), COUNT),),
        sections=(
            Section("overview", "section.overview", _figures(ordered, found), (_map(found), _bars(found))),
            Section("stops", "section.stops", (), (_table(found),)),
        ),
        notes=(Note(Said("note.no_data")),),
        evidence=tuple(
            Evidence(Said("evidence.bin", {"bin": device}), f"/api/v1/devices/{device}/events")
            for device in sorted({stop.device for stop in found if stop.device})[:50]
        ),
    )


def _place(stop: MissedPickup) -> tuple[int, str, str, int]:
    return stop.planned[0] if stop.planned else 0, stop.route, stop.stop, stop.number


def _figures(rounds: Sequence[Round], found: Sequence[MissedPickup]) -> tuple[Figure, ...]:
    scheduled = sum(one.scheduled for one in rounds)
    known = scheduled - sum(one.unknown for one in rounds)
    states = Counter(stop.state for stop in found)
    rate = states["missed"] / known * 10_000 if known else None
    waiting = sum(stop.state == "missed" and stop.served_at is None for stop in found)
    return (
        Figure("scheduled", "figure.scheduled", scheduled),
        Figure("missed", "figure.missed", states["missed"], tone=against(states["missed"], 0, 0, at_most=True)),
        Figure("missed_per_10000", "figure.missed_per_10000", rate, Form("number", decimals=1), None,
               against(rate, 0, 50, at_most=True)),
        Figure("late", "figure.late_stops", states["late"], tone=against(states["late"], 0, 5, at_most=True)),
        Figure("waiting", "figure.waiting", waiting, tone=against(waiting, 0, 0, at_most=True)),
        Figure("overflowed", "figure.overflowed", sum(stop.overflowed for stop in found)),
        Figure("unknown", "figure.stops_unknown", scheduled - known, tone="unknown"),
    )  # fmt: skip


def _map(found: Sequence[MissedPickup]) -> Map:
    points = []
    for stop in found:
        role = "missed" if stop.state == "missed" else "late" if stop.state == "late" else "no_data"
        if stop.place is not None:
            points.append(MapPoint(role, *stop.place, stop.name or stop.stop))  # type: ignore[arg-type]
    return Map("missed", "map.missed", (), tuple(points))


def _bars(found: Sequence[MissedPickup]) -> Bars:
    counts: Counter[tuple[str, str]] = Counter((stop.route, stop.state) for stop in found)
    names = {stop.route: stop.route_name for stop in found}
    routes = sorted(names, key=lambda route: (-counts[route, "missed"], -counts[route, "late"], route))[:MOST_BARS]
    states = ("missed", "late")
    bars = tuple(Bar(names[route], tuple((state, counts[route, state]) for state in states)) for route in routes)
    return Bars("routes", "chart.missed", bars, COUNT)


def _table(found: Sequence[MissedPickup]) -> Table:
    columns = (
        Column("route", "column.route", width=1.3),
        Column("stop", "column.stop", width=1.5),
        Column("pass", "column.pass", COUNT, 0.5),
        Column("vehicle", "column.vehicle"),
        Column("state", "column.state", Form("state"), 0.8),
        Column("from", "column.window_from", INSTANT, 1.1),
        Column("until", "column.window_until", INSTANT, 1.1),
        Column("served", "column.served_after_all", INSTANT, 1.1),
        Column("fill", "column.fill", number("unit.pct", 0), 0.7),
        Column("reason", "column.reason", width=1.8),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (stop.route_name, stop.name or stop.stop, stop.number, stop.vehicle, stop.state,
         *(stop.planned or (None, None)), stop.served_at, stop.fill_pct, Said(f"reason.{stop.reason}"))
        for stop in found
    )  # fmt: skip
    key = ("route", "stop", "pass", "from")
    return Table("missed_pickups", "table.missed_pickups", columns, rows, key, None, "empty.not_on_time")


KIND = Kind("missed_pickups", TITLE, Round, build, reduce, choices=("route", "vehicle"))
