"""The tables of a compliance report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleet.compliance.result import StopResult, Stretch
from fleet.reports.compliance.judged import Judged
from fleet.reports.compliance.totals import Totals
from fleet.reports.document import (
    COUNT,
    DURATION,
    INSTANT,
    SHARE,
    STATE,
    Cell,
    Column,
    Figure,
    Said,
    Table,
    against,
    number,
)

M, KM, KMH = number("unit.m", 0), number("unit.km", 2), number("unit.kmh", 0)


def passes(judged: Judged) -> Table:
    """Coverage by pass, with its sum."""
    columns = (
        Column("pass", "column.pass", COUNT, 0.6),
        Column("planned", "column.planned", KM),
        Column("covered", "column.covered", KM),
        Column("missed", "column.missed", KM),
        Column("no_data", "column.no_data", KM),
        Column("coverage", "column.coverage", SHARE),
    )
    rows = tuple(
        (one.number, one.planned_m / 1000, one.covered_m / 1000, one.missed_m / 1000, one.no_data_m / 1000,
         _share(one.covered_m, one.covered_m + one.missed_m))
        for one in sorted(judged.compliance.passes, key=lambda one: one.number)
    )  # fmt: skip
    return Table("passes", "table.passes", columns, rows, ("pass",))


def uncovered(judged: Judged) -> Table:
    """Stretches that were missed, and those without data; neighbours of one state are one row."""
    columns = (
        Column("state", "column.state", STATE, 0.9),
        Column("pass", "column.pass", COUNT, 0.6),
        Column("line", "column.line", COUNT, 0.7),
        Column("direction", "column.direction", width=0.9),
        Column("begin", "column.begin", M),
        Column("end", "column.end", M),
        Column("length", "column.length", M),
    )
    rows = tuple(
        (one.state, one.number, one.line + 1, Said(f"direction.{one.direction}"), one.begin_m, one.end_m,
         one.end_m - one.begin_m)
        for one in joined(judged.compliance.stretches) if one.state != "covered"
    )  # fmt: skip
    rows = tuple(sorted(rows, key=lambda row: (row[0] != "missed", row[1], row[2], str(row[3]), row[4])))
    return Table(
        "uncovered", "table.uncovered", columns, rows, ("pass", "line", "direction", "begin"), None, "empty.uncovered"
    )


def joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Neighbouring stretches of one state made one; how finely a route was cut is nobody's interest."""
    found: list[Stretch] = []
    for one in sorted(stretches, key=lambda one: (one.number, one.line, one.direction, one.begin_m)):
        last = found[-1] if found else None
        if last is not None and _continues(last, one):
            at = min((at for at in (last.at, one.at) if at is not None), default=None)
            found[-1] = Stretch(last.line, last.direction, last.number, last.begin_m, one.end_m, last.state, at)
        else:
            found.append(one)
    return found


def _continues(last: Stretch, one: Stretch) -> bool:
    same = (last.number, last.line, last.direction, last.state) == (one.number, one.line, one.direction, one.state)
    return same and abs(last.end_m - one.begin_m) < 0.5


def stop_figures(judged: Judged, sums: Totals) -> tuple[Figure, ...]:
    """Stops by state, and the order."""
    order = judged.compliance.order_kept
    return (
        Figure("scheduled", "figure.scheduled", sums.scheduled),
        Figure("late", "figure.late", sums.late + sums.early, tone=against(sums.late + sums.early, 0, 2, at_most=True)),
        Figure("missed", "figure.missed", sums.missed, tone=against(sums.missed, 0, 0, at_most=True)),
        Figure("order", "figure.order", order, SHARE, tone=against(order, 0.95, 0.1)),
    )


def stops(judged: Judged) -> Table:
    """Every stop of every pass in the planned order."""
    columns = (
        Column("pass", "column.pass", COUNT, 0.5),
        Column("stop", "column.stop", width=1.6),
        Column("state", "column.state", STATE, 0.9),
        Column("from", "column.window_from", INSTANT, 1.1),
        Column("until", "column.window_until", INSTANT, 1.1),
        Column("at", "column.at", INSTANT, 1.1),
        Column("order", "column.order", COUNT, 0.6),
        Column("proof", "column.proof", width=1.0),
        Column("evidence", "column.evidence", width=1.7),
    )
    rows = tuple(
        (one.number, judged.stop_name(one.stop), one.state, *(one.planned or (None, None)), one.at, one.order,
         _proof(one), one.evidence or None)
        for one in judged.compliance.stops
    )  # fmt: skip
    return Table("stops", "table.stops", columns, rows, ("pass", "stop"))


def not_on_time(judged: Sequence[Judged]) -> Table:
    """Stops that were missed, late or early, with the reason as far as it is known."""
    columns = (
        Column("route", "column.route", width=1.3),
        Column("stop", "column.stop", width=1.4),
        Column("pass", "column.pass", COUNT, 0.5),
        Column("state", "column.state", STATE, 0.9),
        Column("until", "column.window_until", INSTANT, 1.1),
        Column("at", "column.at", INSTANT, 1.1),
        Column("by", "column.off_by", DURATION, 1.1),
        Column("reason", "column.reason", width=2.2),
    )
    rows = tuple(_late_rows(judged))
    key = ("route", "stop", "pass", "until")
    return Table("not_on_time", "table.not_on_time", columns, rows, key, None, "empty.not_on_time").of(judged)


def _late_rows(judged: Sequence[Judged]) -> Iterator[tuple[Cell, ...]]:
    for each in judged:
        for one in each.compliance.stops:
            if one.state in ("missed", "late", "early"):
                until = one.planned[1] if one.planned else None
                yield (each.route_name, each.stop_name(one.stop), one.number, one.state, until, one.at,
                       _off_by(one), reason(each, one))  # fmt: skip


def _off_by(stop: StopResult) -> float | None:
    """Seconds after (or, negative, before) the window."""
    if stop.at is None or stop.planned is None:
        return None
    edge = stop.planned[1] if stop.state == "late" else stop.planned[0]
    return (stop.at - edge) / 1e6


def reason(judged: Judged, stop: StopResult) -> Said:
    """Why a stop was not on time, as far as the data says: late start, a deviation, a gap, or nothing found."""
    one = judged.compliance
    if stop.planned is not None:
        begin, end = stop.planned
        if one.began is not None and one.began >= end:
            return Said("reason.late_start")
        if any(each.start < end and begin < each.end for each in one.deviations):
            return Said("reason.deviation")
        if any(gap.start < end and begin < gap.end for gap in one.gaps):
            return Said("reason.gap")
    if stop.state == "early":
        return Said("reason.early")
    if stop.state == "late":
        return Said(
            "reason.late_start" if one.began is not None and one.began > one.start + 900_000_000 else "reason.late"
        )
    return Said("reason.not_found" if stop.proof is None else "reason.no_service")


def deviations(judged: Sequence[Judged]) -> Table:
    """Beyond the corridor: when, how far, how long."""
    columns = (
        Column("route", "column.route", width=1.4),
        Column("start", "column.from", INSTANT, 1.2),
        Column("end", "column.to", INSTANT, 1.2),
        Column("duration", "column.duration", DURATION),
        Column("length", "column.length", M),
        Column("greatest", "column.greatest", M),
    )
    rows = tuple(
        (each.route_name, one.start, one.end, (one.end - one.start) / 1e6, one.length_m, one.greatest_m)
        for each in judged
        for one in sorted(each.compliance.deviations, key=lambda one: one.start)
    )
    key = ("route", "start")
    return Table("deviations", "table.deviations", columns, rows, key, None, "empty.deviations").of(judged)


def speedings(judged: Sequence[Judged]) -> Table:
    """Too fast, for the work or on the way."""
    columns = (
        Column("route", "column.route", width=1.4),
        Column("start", "column.from", INSTANT, 1.2),
        Column("duration", "column.duration", DURATION),
        Column("doing", "column.doing", width=0.9),
        Column("limit", "column.limit", KMH),
        Column("greatest", "column.greatest_speed", KMH),
        Column("length", "column.length", M),
    )
    rows = tuple(
        (each.route_name, one.start, (one.end - one.start) / 1e6,
         Said("state.work" if one.working else "state.transit"), one.limit_kmh, one.greatest_kmh, one.length_m)
        for each in judged for one in sorted(each.compliance.speedings, key=lambda one: one.start)
    )  # fmt: skip
    key = ("route", "start")
    return Table("speedings", "table.speedings", columns, rows, key, None, "empty.speedings").of(judged)


def gaps(judged: Judged) -> Table:
    """When there is no data."""
    columns = (
        Column("start", "column.from", INSTANT),
        Column("end", "column.to", INSTANT),
        Column("duration", "column.duration", DURATION),
    )
    rows = tuple((gap.start, gap.end, (gap.end - gap.start) / 1e6) for gap in sorted(
        judged.compliance.gaps, key=lambda gap: gap.start))  # fmt: skip
    return Table("gaps", "table.gaps", columns, rows, ("start",), None, "empty.gaps")


def alarms(judged: Sequence[Judged]) -> Table:
    """Alarms of the vehicles within their shifts."""
    columns = (
        Column("vehicle", "column.vehicle", width=1.2),
        Column("at", "column.raised", INSTANT, 1.2),
        Column("cleared", "column.cleared", INSTANT, 1.2),
        Column("severity", "column.severity", STATE, 0.9),
        Column("rule", "column.rule", width=2.0),
    )
    rows = tuple(
        (each.vehicle, one.at, one.cleared_at, one.severity, one.rule)
        for each in judged
        for one in sorted(each.alarms, key=lambda one: (one.at, one.rule))
    )
    return Table("alarms", "table.alarms", columns, rows, ("vehicle", "at", "rule"), None, "empty.alarms")


def _proof(stop: StopResult) -> Said | None:
    return None if stop.proof is None else Said(f"proof.{stop.proof}")


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
