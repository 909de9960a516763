"""A report laid out for reading: everything said in a language, drawn, and in order. HTML and PDF are made from it.

All texts are plain: who shows them has to escape them. Drawings are SVG of our own, escaped already.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fleet.reports.document import TONES, Block, Cell, Column, Figure, Note, Section, Table, Tone
from fleet.reports.drawing.draw import draw
from fleet.reports.format import Edition
from fleet.reports.sheets import change_cells
from fleet.reports.speech import Speech
from fleet.reports.stamp import Appeal, Signature

MOST_ROWS = 500  #: of a table for reading; the sheets have them all
_RIGHT = ("number", "share", "duration")


class LaidCell(msgspec.Struct, frozen=True):
    """A cell: its text, and its tone where it is a state."""

    text: str
    tone: Tone = "none"


class LaidTable(msgspec.Struct, frozen=True):
    """A table. ``more`` says how many rows are left out."""

    title: str
    heads: tuple[str, ...]
    right: tuple[bool, ...]
    widths: tuple[float, ...]
    rows: tuple[tuple[LaidCell, ...], ...]
    total: tuple[LaidCell, ...] = ()
    more: str = ""
    kind: str = "table"


class LaidDrawing(msgspec.Struct, frozen=True):
    """A drawing."""

    title: str
    svg: str
    kind: str = "drawing"


class LaidNote(msgspec.Struct, frozen=True):
    """A paragraph."""

    text: str
    tone: Tone
    kind: str = "note"


class LaidFigure(msgspec.Struct, frozen=True):
    """A key figure: title, value, unit, and what is to be said below."""

    title: str
    value: str
    unit: str
    below: str
    tone: Tone


class LaidSection(msgspec.Struct, frozen=True):
    """A section."""

    title: str
    figures: tuple[LaidFigure, ...]
    blocks: tuple[LaidTable | LaidDrawing | LaidNote, ...]


class Page(msgspec.Struct, frozen=True):
    """A report, ready to be set. Pairs are a label and a value."""

    language: str
    title: str
    subject: str
    span: str
    zone: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[LaidSection, ...]
    notes: tuple[LaidNote, ...]
    evidence_title: str
    evidence: tuple[tuple[str, str], ...]
    stamp_title: str
    stamp: tuple[tuple[str, str], ...]
    warning: str
    changes: LaidTable | None
    signatures: LaidTable
    appeals: LaidTable | None
    sign_lines: tuple[str, ...]
    foot: str
    page_word: str


def lay_out(edition: Edition) -> Page:
    """The report of an edition."""
    document, stamp = edition.document, edition.stamp
    speech = Speech(edition.language, document)
    notes = tuple(LaidNote(speech.text(note.text), note.tone) for note in document.notes)
    revision = f"{speech.word('stamp.revision')} {stamp.number}"
    return Page(
        language=edition.language,
        title=speech.word(document.title),
        subject=speech.text(document.subject),
        span=f"{speech.moment(document.start)} – {speech.moment(document.end)}",
        zone=speech.zone_text(),
        facts=tuple((speech.word(fact.title), speech.full(fact.value, fact.form)) for fact in document.facts),
        sections=tuple(_section(section, speech) for section in document.sections),
        notes=notes,
        evidence_title=speech.word("evidence.title"),
        evidence=tuple((speech.text(one.what), one.where) for one in document.evidence),
        stamp_title=speech.word("stamp.title"),
        stamp=(
            (speech.word("stamp.revision"), str(stamp.number)),
            (speech.word("stamp.made_at"), speech.moment(stamp.made_at)),
            (speech.word("stamp.hash"), stamp.hash),
        ),
        warning=speech.word("stamp.signed_another") if stamp.signed_another() else "",
        changes=_changes(edition, speech),
        signatures=_signatures(stamp.signatures, speech),
        appeals=_appeals(stamp.appeals, speech) if stamp.appeals else None,
        sign_lines=tuple(speech.word(f"stamp.line.{one}") for one in ("driver", "supervisor", "manager")),
        foot=f"{speech.word(document.title)} · {revision} · {stamp.hash[:12]}",
        page_word=speech.word("page"),
    )


def _section(section: Section, speech: Speech) -> LaidSection:
    figures = tuple(_figure(figure, speech) for figure in section.figures)
    blocks = tuple(laid for block in section.blocks if (laid := _block(block, speech)) is not None)
    return LaidSection(speech.text(section.said), figures, blocks)


def _figure(figure: Figure, speech: Speech) -> LaidFigure:
    below = [] if figure.note is None else [speech.text(figure.note)]
    if figure.aim is not None:
        below.insert(0, speech.word("figure.aim", aim=speech.full(figure.aim, figure.form)))
    unit = "" if figure.value is None else speech.unit(figure.form)
    lasts = figure.form.kind == "duration"
    value = speech.full(figure.value, figure.form) if lasts else speech.text(figure.value, figure.form)
    return LaidFigure(speech.word(figure.title), value, unit, " · ".join(below), figure.tone)


def _block(block: Block, speech: Speech) -> LaidTable | LaidDrawing | LaidNote | None:
    if isinstance(block, Note):
        return LaidNote(speech.text(block.text), block.tone)
    if isinstance(block, Table):
        return _table(block, speech)
    svg = draw(block, speech)
    return LaidDrawing(speech.word(block.title), svg) if svg else None


def _table(table: Table, speech: Speech) -> LaidTable | LaidNote:
    if not table.rows:
        return LaidNote(f"{speech.word(table.title)}: {speech.word(table.empty)}", "none")
    left_out = len(table.rows) - MOST_ROWS
    return LaidTable(
        title=speech.word(table.title),
        heads=tuple(speech.title(column.title, column.form) for column in table.columns),
        right=tuple(column.form.kind in _RIGHT for column in table.columns),
        widths=tuple(column.width for column in table.columns),
        rows=tuple(_row(row, table.columns, speech) for row in table.rows[:MOST_ROWS]),
        total=() if table.total is None else _row(table.total, table.columns, speech),
        more=speech.word("table.more", count=f"{left_out:,}") if left_out > 0 else "",
    )


def _row(row: tuple[Cell, ...], columns: tuple[Column, ...], speech: Speech) -> tuple[LaidCell, ...]:
    return tuple(_cell(cell, column, speech) for cell, column in zip(row, columns, strict=True))


def _cell(cell: Cell, column: Column, speech: Speech) -> LaidCell:
    tone = TONES.get(cell, "none") if column.form.kind == "state" and isinstance(cell, str) else "none"
    return LaidCell(speech.text(cell, column.form), tone)


def _plain_table(
    title: str, heads: tuple[str, ...], widths: tuple[float, ...], rows: Sequence[tuple[str, ...]]
) -> LaidTable:
    cells = tuple(tuple(LaidCell(text) for text in row) for row in rows)
    return LaidTable(title, heads, (False,) * len(heads), widths, cells)


def _changes(edition: Edition, speech: Speech) -> LaidTable | None:
    stamp = edition.stamp
    if not stamp.changes:
        return None
    heads = tuple(speech.word(f"stamp.{name}") for name in ("what", "before", "after"))
    rows = [change_cells(change, speech) for change in stamp.changes]
    title = speech.word("stamp.changes_since", revision=str(stamp.number - 1))
    return _plain_table(title, heads, (2.4, 1.0, 1.0), [tuple(row) for row in rows])


def _signatures(signatures: tuple[Signature, ...], speech: Speech) -> LaidTable:
    heads = tuple(speech.word(f"stamp.{name}") for name in ("who", "when", "revision", "comment"))
    rows = [(one.name, speech.moment(one.at), str(one.revision), one.comment) for one in signatures]
    return _plain_table(speech.word("stamp.signatures"), heads, (1.2, 1.2, 0.6, 2.0), rows)


def _appeals(appeals: tuple[Appeal, ...], speech: Speech) -> LaidTable:
    heads = tuple(speech.word(f"stamp.{name}") for name in ("who", "when", "about", "reason", "state", "decision"))
    rows = [
        (one.name, speech.moment(one.at), one.about, one.reason, speech.state(one.state), one.decision)
        for one in appeals
    ]
    return _plain_table(speech.word("stamp.appeals"), heads, (1.0, 1.2, 1.0, 1.8, 0.8, 1.4), rows)
