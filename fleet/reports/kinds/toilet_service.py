"""Toilet service: odour hours over the limit, visitors, stalls, cleaning, water and power for each visit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from devices.instants import to_iso
from fleet.reports.document import (
    COUNT,
    DURATION,
    INSTANT,
    SHARE,
    TEXT,
    Bar,
    Bars,
    Block,
    Cell,
    Column,
    Document,
    Evidence,
    Fact,
    Figure,
    Form,
    Lines,
    Map,
    MapPoint,
    Note,
    Said,
    Section,
    Series,
    Table,
    against,
    number,
)
from fleet.reports.kind import Kind
from fleet.reports.revision import Order
from fleet.toilets.service import Air, Service, serve
from fleet.track import Driven

TITLE = "report.toilet_service"
MGM3 = number("unit.mgm3", 2)
MOST_CHARTS = 12  #: toilets with curves of their own; the tables have all
LONGEST_S = 4 * 3600.0


class ToiletPiece(NamedTuple):
    """What a toilet said over the span, and what is known of it."""

    driven: Driven
    name: str = ""
    odour_class: str = "2"
    stalls: int | None = None
    place: tuple[float, float] | None = None


def reduce(order: Order, piece: ToiletPiece) -> Service:
    """Its service."""
    driven, name, odour_class, stalls, place = piece
    return serve(driven, name=name, odour_class=odour_class, stalls=stalls, place=place)


def build(order: Order, parts: Sequence[Service]) -> Document:
    """The report over the toilets of the order."""
    parts = sorted(parts, key=lambda one: one.device)
    overview: tuple[Block, ...] = (_map(parts), _odour_bars(parts), _toilets(parts))
    sections = [Section("overview", "section.overview", _figures(parts), overview)]
    sections += [_toilet(one) for one in parts[:MOST_CHARTS]]
    sections.append(Section("cleaning", "section.cleaning", (), (_cleanings(parts),)))
    sections.append(Section("counters", "section.counters", (), (_counters(parts),)))
    return Document(
        kind=order.kind,
        title=TITLE,
        subject=(parts[0].name or parts[0].device) if len(parts) == 1 else Said("subject.all_toilets"),
        start=order.start,
        end=order.end,
        zone=order.zone,
        facts=(Fact("fact.toilets", len(parts), COUNT),),
        sections=tuple(sections),
        notes=(*_doubted(parts), Note(Said("note.air")), Note(Said("note.no_data"))),
        evidence=tuple(
            Evidence(
                Said("evidence.readings_of", {"name": one.name or one.device}),
                f"/api/v1/devices/{one.device}/series?from={to_iso(one.start)}&to={to_iso(one.end)}",
            )
            for one in parts[:50]
        ),
    )


def _figures(parts: Sequence[Service]) -> tuple[Figure, ...]:
    visits = _sum([one.visits for one in parts])
    metered = [one for one in parts if one.visits and one.water_m3 is not None]
    powered = [one for one in parts if one.visits and one.energy_kwh is not None]
    known = sum(air.known_s for one in parts for air in one.air)
    over = sum(air.over_s for one in parts for air in one.air)
    within = 1 - over / known if known else None
    longest = max((one.longest_s for one in parts), default=None)
    complete = sum(one.completeness for one in parts) / len(parts) if parts else None
    return (
        Figure("within", "figure.within", within, SHARE, 0.95, against(within, 0.95, 0.05)),
        Figure("over", "figure.over", over / 3600 if known else None, number("unit.h", 1), None,
               against(over, 0, 7200, at_most=True)),
        Figure("visits", "figure.visits", visits),
        Figure("cleanings", "figure.cleanings", sum(len(one.cleaned) for one in parts)),
        Figure("longest", "figure.longest", longest, DURATION, LONGEST_S,
               against(longest, LONGEST_S, 7200, at_most=True)),
        Figure("water", "figure.water", _each(sum((one.water_m3 or 0) * 1000 for one in metered), metered),
               number("unit.l", 1)),
        Figure("energy", "figure.energy", _each(sum(one.energy_kwh or 0 for one in powered), powered),
               number("unit.kwh", 3)),
        Figure("completeness", "figure.completeness", complete, SHARE, None, against(complete, 0.95, 0.1)),
    )  # fmt: skip


def _each(whole: float, of: Sequence[Service]) -> float | None:
    visits = sum(one.visits or 0 for one in of)
    return whole / visits if visits else None


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _map(parts: Sequence[Service]) -> Map:
    points = tuple(
        MapPoint("missed" if any(air.over_s for air in one.air) else "served", *one.place, one.name or one.device)
        for one in parts if one.place is not None
    )  # fmt: skip
    return Map("toilets", "map.toilets", (), points if len(parts) > 1 else (), small=True)


def _odour_bars(parts: Sequence[Service]) -> Bars:
    over = {one.device: sum(air.over_s for air in one.air) / 3600 for one in parts}
    worst = sorted((one for one in parts if over[one.device]), key=lambda one: (-over[one.device], one.device))[:30]
    bars = tuple(Bar(one.name or one.device, (("over_limit", over[one.device]),)) for one in worst)
    return Bars("odour", "chart.odour", bars, number("unit.h", 1))


def _toilets(parts: Sequence[Service]) -> Table:
    columns = (
        Column("toilet", "column.toilet", width=1.4),
        Column("class", "column.class", TEXT, 0.6),
        Column("nh3", "column.nh3_mean", MGM3),
        Column("nh3_over", "column.nh3_over", DURATION, 1.1),
        Column("h2s_over", "column.h2s_over", DURATION, 1.1),
        Column("visits", "column.visits", COUNT, 0.8),
        Column("stalls", "column.stall_use", SHARE, 0.8),
        Column("cleanings", "column.cleanings", COUNT, 0.8),
        Column("longest", "column.longest", DURATION, 1.1),
        Column("water", "column.water", number("unit.l", 1)),
        Column("energy", "column.energy", number("unit.kwh", 2)),
        Column("known", "column.completeness", SHARE, 0.8),
    )
    return Table("toilets", "table.toilets", columns, tuple(map(_row, parts)), ("toilet",))


def _row(one: Service) -> tuple[Cell, ...]:
    air = {each.metric: each for each in one.air}
    nh3, h2s = air.get("nh3_ppm"), air.get("h2s_ppm")
    return (
        one.name or one.device, one.odour_class, nh3.mean if nh3 else None, nh3.over_s if nh3 else None,
        h2s.over_s if h2s else None, one.visits, one.stall_use, len(one.cleaned), one.longest_s,
        _each((one.water_m3 or 0) * 1000, [one]) if one.water_m3 is not None else None,
        _each(one.energy_kwh or 0, [one]) if one.energy_kwh is not None else None, one.completeness,
    )  # fmt: skip


def _toilet(one: Service) -> Section:
    charts: list[Block] = [_curve(one, air) for air in one.air if air.mean is not None]
    if one.hours:
        form = Form("number")
        series = (Series(Said("state.visits"), one.hours),)
        charts.append(Lines(f"visits:{one.device}", "chart.visits", series, one.start, one.end, form))
    title = Said("section.toilet", {"name": one.name or one.device})
    return Section(f"toilet:{one.device}", title, (), tuple(charts))


def _curve(one: Service, air: Air) -> Lines:
    series = (Series(Said(f"gas.{air.metric}"), air.hours),)
    return Lines(f"{air.metric}:{one.device}", f"chart.{air.metric}", series, one.start, one.end, MGM3, air.limit)


def _cleanings(parts: Sequence[Service]) -> Table:
    columns = (
        Column("toilet", "column.toilet"),
        Column("at", "column.cleaned_at", INSTANT),
        Column("since", "column.since", DURATION),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in parts:
        before = (one.start, *one.cleaned)
        rows += [(one.name or one.device, at, (at - last) / 1e6) for last, at in zip(before, one.cleaned, strict=False)]
    return Table("cleanings", "table.cleanings", columns, tuple(rows), ("toilet", "at"))


def _counters(parts: Sequence[Service]) -> Table:
    columns = (
        Column("toilet", "column.toilet"),
        Column("counter", "column.counter"),
        Column("refused", "column.refused", COUNT),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (one.name or one.device, Said(f"counter.{each.metric}"), each.refused) for one in parts for each in one.counters
    )
    return Table("counters", "table.counters", columns, rows, ("toilet", "counter"), None, "empty.counters")


def _doubted(parts: Sequence[Service]) -> tuple[Note, ...]:
    """That visits, water or power are of counters that cannot be right throughout."""
    doubted = [one for one in parts if one.counters]
    if not doubted:
        return ()
    refused = sum(each.refused for one in doubted for each in one.counters)
    return (Note(Said("note.refused", {"count": f"{refused:,}", "toilets": str(len(doubted))}), "warn"),)


KIND = Kind("toilet_service", TITLE, Service, build, reduce, choices=("toilet",))
