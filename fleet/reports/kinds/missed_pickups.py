"""Missed pick-ups: stops that were to be served and were not, and what became of them since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from devices.instants import to_iso
from fleet.bins.missed_pickups import Seen
from fleet.compliance.result import EXCUSED, StopResult
from fleet.master.route import LonLat
from fleet.reports.compliance.judged import Judged
from fleet.reports.compliance.outcomes import by_outcome, by_route, counted, outcomes
from fleet.reports.compliance.reasons import reason, said_of
from fleet.reports.document import (
    COUNT,
    INSTANT,
    STATE,
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

TITLE = "report.missed_pickups"
STALE_US = 6 * 3_600_000_000  #: a level that is older says nothing
MOST_EVIDENCE = 50  #: bins
NOT_FOUND = Said("reason.not_found")


class MissedPickup(msgspec.Struct, frozen=True):
    """A stop that was not served in its window by its vehicle. ``fill_pct`` is the bin's at the window's end.

    ``state`` is ``missed``, ``late``, ``not_full``, ``other_vehicle`` or ``no_data``. ``served_at`` is when it was
    served after all, by whomever; None: not yet. ``reason`` says what lies behind it, and what that goes by.
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
    reason: Said = NOT_FOUND
    device: str | None = None
    place: LonLat | None = None


class Round(msgspec.Struct, frozen=True):
    """The stops of a plan: how many came to which state, and those of which there is something to tell."""

    plan: str
    route: str
    route_name: Name
    outcomes: Mapping[str, int]
    missed: tuple[MissedPickup, ...] = ()


class PickupPiece(NamedTuple):
    """A plan judged, and the bins of its stops that were not served in time, from the shift on."""

    judged: Judged
    bins: Mapping[str, Seen] = {}


def reduce(order: Order, piece: PickupPiece) -> Round:
    """The stops of a plan that were not served in time, out of its judgement."""
    one = piece.judged
    stops = one.compliance.stops
    found = tuple(_missed(one, stop, piece.bins.get(stop.device or "")) for stop in stops if _told(one, stop))
    counts = Counter[str](stop.state for stop in stops)
    return Round(one.compliance.plan, one.compliance.route, one.route_name, dict(counts), found)


def _told(one: Judged, stop: StopResult) -> bool:
    """Whether there is more to tell of a stop than that it counts."""
    if stop.state == "no_data":
        return said_of(one.pickup(stop.stop, stop.number)) is not None
    return stop.state in ("missed", "late", *EXCUSED)


def _missed(one: Judged, stop: StopResult, bin_: Seen | None) -> MissedPickup:
    """A stop that was missed; served after all where a later pass served it, or its bin was emptied since."""
    edge = stop.planned[1] if stop.planned else one.compliance.end
    pickup = one.pickup(stop.stop, stop.number)
    later = [other.at for other in one.compliance.stops if other.stop == stop.stop and other.number > stop.number]
    later += [each.at for each in (bin_.emptied if bin_ else ()) if each.at >= edge]
    served = stop.at if stop.state == "late" else pickup.at if pickup else None
    if served is None:
        served = min((at for at in later if at is not None), default=None)
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
        reason=reason(one, stop) if stop.state in ("missed", "late") else said_of(pickup) or NOT_FOUND,
        device=stop.device,
        place=one.place(stop.stop),
    )


def _level(bin_: Seen | None, at: int) -> float | None:
    """The level at an instant, as it was told last; None where that is longer ago than :data:`STALE_US`."""
    if bin_ is None:
        return None
    place = int(np.searchsorted(bin_.fill.at, at, "right")) - 1
    if place < 0 or at - int(bin_.fill.at[place]) > STALE_US:
        return None
    return float(bin_.fill.value[place])


def _overflowed(bin_: Seen | None, begin: int, until: int | None) -> bool:
    """Whether it was at its overflowing level from its window's end until it was served (or as far as is known)."""
    if bin_ is None:
        return False
    inside = bin_.fill.at >= begin
    if until is not None:
        inside &= bin_.fill.at < until
    return bool((bin_.fill.value[inside] >= bin_.limits.overflow_pct).any())


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
            Section("overview", "section.overview", _figures(ordered, found), (_map(found), by_route(ordered))),
            Section("outcomes", "section.outcomes", (), (by_outcome(ordered), outcomes(ordered))),
            Section("stops", "section.stops", (), (_table(found), _others(found))),
        ),
        notes=(Note(Said("note.no_data")), Note(Said("note.outcomes"))),
        evidence=_evidence(order, found),
    )


def _evidence(order: Order, found: Sequence[MissedPickup]) -> tuple[Evidence, ...]:
    """Where it can be looked up what the bins told, and which vehicle emptied them."""
    devices = sorted({stop.device for stop in found if stop.device})[:MOST_EVIDENCE]
    told = [Evidence(Said("evidence.bin", {"bin": device}), f"/api/v1/devices/{device}/events") for device in devices]
    others = sorted({stop.device for stop in found if stop.device and stop.state == "other_vehicle"})[:MOST_EVIDENCE]
    span = f"from={to_iso(order.start)}&to={to_iso(order.end)}"
    emptied = [
        Evidence(Said("evidence.emptyings", {"bin": device}), f"/api/v1/bins/emptyings?device={device}&{span}")
        for device in others
    ]
    return (*told, *emptied)


def _place(stop: MissedPickup) -> tuple[int, str, str, int]:
    return stop.planned[0] if stop.planned else 0, stop.route, stop.stop, stop.number


def _figures(rounds: Sequence[Round], found: Sequence[MissedPickup]) -> tuple[Figure, ...]:
    counts = counted(rounds)
    known = sum(count for state, count in counts.items() if state not in ("no_data", *EXCUSED))
    missed, late = counts["missed"], counts["late"]
    rate = missed / known * 10_000 if known else None
    waiting = sum(stop.state == "missed" and stop.served_at is None for stop in found)
    return (
        Figure("scheduled", "figure.scheduled", counts.total()),
        Figure("missed", "figure.missed", missed, tone=against(missed, 0, 0, at_most=True)),
        Figure("missed_per_10000", "figure.missed_per_10000", rate, Form("number", decimals=1), None,
               against(rate, 0, 50, at_most=True)),
        Figure("late", "figure.late_stops", late, tone=against(late, 0, 5, at_most=True)),
        Figure("waiting", "figure.waiting", waiting, tone=against(waiting, 0, 0, at_most=True)),
        Figure("overflowed", "figure.overflowed", sum(stop.overflowed for stop in found)),
        Figure("by_others", "figure.by_others", counts["other_vehicle"]),
        Figure("not_full", "figure.not_full", counts["not_full"]),
        Figure("unknown", "figure.stops_unknown", counts["no_data"], tone="unknown"),
    )  # fmt: skip


def _map(found: Sequence[MissedPickup]) -> Map:
    points = []
    for stop in found:
        if stop.place is not None:
            label = (stop.name or stop.stop) if stop.state in ("missed", "late") else ""
            points.append(MapPoint(stop.state, *stop.place, label))  # type: ignore[arg-type]
    return Map("missed", "map.missed", (), tuple(points))


def _table(found: Sequence[MissedPickup]) -> Table:
    return _stops("missed_pickups", [stop for stop in found if stop.state in ("missed", "late")], "empty.not_on_time")


def _others(found: Sequence[MissedPickup]) -> Table:
    return _stops("not_missed", [stop for stop in found if stop.state not in ("missed", "late")], "empty.excused")


def _stops(name: str, stops: Sequence[MissedPickup], empty: str) -> Table:
    columns = (
        Column("route", "column.route", width=1.3),
        Column("stop", "column.stop", width=1.3),
        Column("pass", "column.pass", COUNT, 0.5),
        Column("vehicle", "column.vehicle"),
        Column("state", "column.state", STATE, 1.0),
        Column("from", "column.window_from", INSTANT, 1.0),
        Column("until", "column.window_until", INSTANT, 1.0),
        Column("served", "column.served_after_all", INSTANT, 1.0),
        Column("fill", "column.fill", number("unit.pct", 0), 0.7),
        Column("reason", "column.reason_and_evidence", width=2.6),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (stop.route_name, stop.name or stop.stop, stop.number, stop.vehicle, stop.state,
         *(stop.planned or (None, None)), stop.served_at, stop.fill_pct, stop.reason)
        for stop in stops
    )  # fmt: skip
    return Table(name, f"table.{name}", columns, rows, ("route", "stop", "pass", "from"), None, empty)


KIND = Kind("missed_pickups", TITLE, Round, build, reduce, choices=("route", "vehicle"))
