"""What stands on the summary of a report: header, key figures, revision, signatures, as rows of values with a form."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fleet.reports.document import INSTANT, TEXT, Cell, Document, Form, Tone
from fleet.reports.format import Edition
from fleet.reports.speech import Speech
from fleet.reports.stamp import Change


class Row(msgspec.Struct, frozen=True):
    """A line of the summary; texts are in the language already, the value is not yet formed."""

    section: str
    title: str
    value: Cell
    form: Form = TEXT
    unit: str = ""
    aim: float | None = None
    tone: Tone = "none"


def summary_rows(document: Document, speech: Speech) -> Iterator[Row]:
    """Header and key figures."""
    head = speech.word("sheet.header")
    yield Row(head, speech.word("fact.subject"), document.subject)
    yield Row(head, speech.word("fact.from"), document.start, INSTANT)
    yield Row(head, speech.word("fact.to"), document.end, INSTANT)
    yield Row(head, speech.word("fact.zone"), speech.zone_text())
    for fact in document.facts:
        yield Row(head, speech.word(fact.title), fact.value, fact.form, speech.unit(fact.form))
    for section in document.sections:
        title = speech.text(section.said)
        for one in section.figures:
            yield Row(title, speech.word(one.title), one.value, one.form, speech.unit(one.form), one.aim, one.tone)


def stamp_rows(edition: Edition, speech: Speech) -> Iterator[Row]:
    """Revision, hash, signatures and appeals."""
    stamp, head = edition.stamp, speech.word("stamp.title")
    yield Row(head, speech.word("stamp.revision"), stamp.number, Form("number"))
    yield Row(head, speech.word("stamp.hash"), stamp.hash)
    yield Row(head, speech.word("stamp.made_at"), stamp.made_at, INSTANT)
    for one in stamp.signatures:
        said = speech.word("stamp.signed_by", name=one.name, revision=str(one.revision), when=speech.moment(one.at))
        yield Row(head, speech.word("stamp.signature"), said)
    for appeal in stamp.appeals:
        yield Row(head, speech.word("stamp.appeal"), f"{appeal.name}: {appeal.about} – {appeal.reason}")


def change_cells(change: Change, speech: Speech) -> tuple[str, str, str]:
    """A change as texts: what, before, after."""
    where = " · ".join(speech.text(part) for part in change.where)
    return where, speech.full(change.before, change.form), speech.full(change.after, change.form)
