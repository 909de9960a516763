"""Evaluation of workers and crews: points by item, and for each point lost its evidence."""

from __future__ import annotations

from collections.abc import Sequence

from devices.instants import to_iso
from fleet.evaluation.result import Correction, Evaluation
from fleet.reports.document import (
    COUNT,
    DURATION,
    INSTANT,
    SHARE,
    STATE,
    Bar,
    Bars,
    Cell,
    Column,
    Document,
    Evidence,
    Fact,
    Figure,
    Name,
    Note,
    Said,
    Section,
    Table,
    Tone,
    number,
)
from fleet.reports.kind import Kind
from fleet.reports.revision import Order

TITLE = "report.evaluation"
POINTS = number("unit.points", 1)
PASS, GOOD = 70.0, 80.0  #: DOMAIN.md: pass 70, good 80, excellent 90


def build(order: Order, parts: Sequence[Evaluation]) -> Document:
    """The sheet of one, or the list of many with all that was lost."""
    parts = sorted(parts, key=lambda one: one.id)
    alone = len(parts) == 1
    first = _figures(parts[0]) if alone else _sums(parts)
    blocks = (_item_bars(parts[0]), _items(parts)) if alone else (_ranking(parts), _list(parts), _items(parts))
    return Document(
        kind=order.kind,
        title=TITLE,
        subject=Said("subject.person", {"name": parts[0].name or parts[0].id, "id": parts[0].id})
        if alone
        else Said("subject.all_workers"),
        start=order.start,
        end=order.end,
        zone=order.zone,
        facts=_facts(parts),
        sections=(
            Section("overview", "section.overview", first, blocks),
            Section("lost", "section.lost", (), (_lost(parts),)),
            Section("attendance", "section.attendance", (), (_shifts(parts),)),
            Section("welfare", "section.welfare", (), (_welfare(parts), Note(Said("note.welfare")))),
        ),
        notes=(Note(Said("note.evaluation")),),
        evidence=_evidence(parts),
    )


def _facts(parts: Sequence[Evaluation]) -> tuple[Fact, ...]:
    schemes = sorted({f"{one.scheme} · v{one.scheme_version}" for one in parts})
    return (Fact("fact.scheme", ", ".join(schemes) or None), Fact("fact.people", len(parts), COUNT))


def _tone(points: float | None) -> Tone:
    return "unknown" if points is None else "good" if points >= GOOD else "warn" if points >= PASS else "bad"


def _grade(one: Evaluation) -> Name | None:
    return None if one.grade is None else Name(one.grade, one.grade_zh or "")


def _figures(one: Evaluation) -> tuple[Figure, ...]:
    corrected = sum(loss.correction is not None for item in one.items for loss in item.deductions)
    return (
        Figure("points", "figure.points", one.points, POINTS, tone=_tone(one.points)),
        Figure("grade", "figure.grade", _grade(one), tone=_tone(one.points)),
        Figure("completeness", "figure.completeness", one.completeness, SHARE),
        Figure("corrected", "figure.corrected", corrected),
    )


def _sums(parts: Sequence[Evaluation]) -> tuple[Figure, ...]:
    known = [one.points for one in parts if one.points is not None]
    mean = sum(known) / len(known) if known else None
    return (
        Figure("mean", "figure.mean_points", mean, POINTS, tone=_tone(mean)),
        Figure("below", "figure.below_pass", sum(points < PASS for points in known)),
        Figure("judged", "figure.people_judged", len(known)),
    )


def _item_bars(one: Evaluation) -> Bars:
    bars = tuple(
        Bar(Name(item.title, item.title_zh), (("points", item.points), ("lost", max(item.share - item.points, 0.0))))
        for item in one.items
    )
    return Bars("items", "chart.items", bars, POINTS)


def _ranking(parts: Sequence[Evaluation]) -> Bars:
    known = sorted(((one.points, one) for one in parts if one.points is not None), key=lambda one: (-one[0], one[1].id))
    return Bars("people", "chart.people", tuple(Bar(one.name or one.id, (("points", p),)) for p, one in known), POINTS)


def _list(parts: Sequence[Evaluation]) -> Table:
    columns = (
        Column("id", "column.id"),
        Column("name", "column.name", width=1.3),
        Column("points", "column.points", POINTS),
        Column("grade", "column.grade"),
        Column("known", "column.completeness", SHARE),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (one.id, one.name or one.id, one.points, _grade(one), one.completeness) for one in parts
    )
    return Table("people", "table.people", columns, rows, ("id",))


def _items(parts: Sequence[Evaluation]) -> Table:
    columns = (
        Column("name", "column.name", width=1.2),
        Column("item", "column.item", width=1.6),
        Column("weight", "column.weight", number("", 1), 0.7),
        Column("share", "column.share", number("", 1), 0.7),
        Column("score", "column.score", SHARE, 0.8),
        Column("points", "column.points", POINTS, 0.8),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (one.name or one.id, Name(item.title, item.title_zh), item.weight, item.share, item.score, item.points)
        for one in parts for item in one.items
    )  # fmt: skip
    return Table("items", "table.items", columns, rows, ("name", "item"))


def _lost(parts: Sequence[Evaluation]) -> Table:
    columns = (
        Column("id", "column.id", width=1.2),
        Column("name", "column.name", width=1.1),
        Column("item", "column.item", width=1.2),
        Column("what", "column.what", width=2.4),
        Column("start", "column.from", INSTANT, 1.1),
        Column("points", "column.asked", POINTS, 0.8),
        Column("taken", "column.taken", POINTS, 0.8),
        Column("correction", "column.correction", width=1.6),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (loss.id, one.name or one.id, Name(item.title, item.title_zh), Name(loss.evidence.en, loss.evidence.zh),
         loss.evidence.start or None, loss.points, loss.taken, _corrected(loss.correction))
        for one in parts for item in one.items for loss in item.deductions
    )  # fmt: skip
    return Table("lost", "table.lost", columns, rows, ("id", "name"), None, "empty.lost")


def _corrected(one: Correction | None) -> Said | None:
    return None if one is None else Said("note.corrected", {"by": one.by, "reason": one.reason})


def _shifts(parts: Sequence[Evaluation]) -> Table:
    columns = (
        Column("name", "column.name", width=1.2),
        Column("start", "column.planned_from", INSTANT, 1.2),
        Column("end", "column.planned_to", INSTANT, 1.2),
        Column("state", "column.state", STATE),
        Column("arrived", "column.arrived", INSTANT, 1.2),
        Column("left", "column.left", INSTANT, 1.2),
        Column("late", "column.late", DURATION),
        Column("early", "column.early", DURATION),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (one.name or one.id, shift.start, shift.end, shift.state, shift.arrived, shift.left, shift.late_s,
         shift.early_s)
        for one in parts for shift in sorted(one.shifts, key=lambda shift: (shift.start, shift.plan, shift.worker))
    )  # fmt: skip
    return Table("shifts", "table.shifts", columns, rows, ("name", "start"))


def _welfare(parts: Sequence[Evaluation]) -> Table:
    columns = (
        Column("name", "column.name"),
        Column("start", "column.from", INSTANT),
        Column("end", "column.to", INSTANT),
        Column("what", "column.what", width=2.4),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (one.name or one.id, found.start or None, found.end or None, Name(found.en, found.zh))
        for one in parts for found in one.welfare
    )  # fmt: skip
    return Table("welfare", "table.welfare", columns, rows, ("name", "start"), None, "empty.welfare")


def _evidence(parts: Sequence[Evaluation]) -> tuple[Evidence, ...]:
    """Positions within the shift behind each loss, where a device is named."""
    found: dict[str, Evidence] = {}
    for one in parts:
        for item in one.items:
            for loss in item.deductions:
                seen = loss.evidence
                if seen.device:
                    where = f"/api/v1/devices/{seen.device}/track?from={to_iso(seen.start)}&to={to_iso(seen.end)}"
                    found.setdefault(where, Evidence(Name(seen.en, seen.zh), where))
    return tuple(list(found.values())[:100])


KIND = Kind("evaluation", TITLE, Evaluation, build, choices=("worker", "crew", "scheme"))
