"""A report as a document: what it says, without language, format or clock.

Everything that is said is a :class:`Said` (the id of a word in the catalogue, with its values), everything that has a
name of its own a :class:`Name` or plain text, which is shown as it is and never read as markup. Instants are µs since
1970 UTC, durations seconds, shares from 0 to 1, positions WGS-84 degrees; how they are shown is the form's matter. What
is not known is None, and shown as a dash.

A document is plain data: written as JSON and read again it is the same, so that a stored one can be shown in any
format and language later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

FormKind = Literal["text", "number", "share", "instant", "duration", "state", "day"]
Tone = Literal["good", "warn", "bad", "unknown", "none"]
Point = tuple[float, float]


class Said(msgspec.Struct, frozen=True, tag="said", tag_field="is"):
    """A word of the catalogue. ``values`` fill its blanks."""

    word: str
    values: Mapping[str, Cell] = {}


class Name(msgspec.Struct, frozen=True, tag="name", tag_field="is"):
    """A name that people gave, in the languages that they gave it in. Never markup."""

    text: str
    zh: str = ""


MOMENT = "moment"  #: the word that says the instant ``at`` (µs) of its values, in the zone

Text = Said | Name | str
Cell = Said | Name | str | int | float | bool | None


class Form(msgspec.Struct, frozen=True):
    """How a value is shown: ``unit`` is a unit's word (``unit.km``: "km"), ``decimals`` are of numbers and shares.

    ``text``: any text. ``state``: the id of a state (word ``state.<id>``, tone by :data:`TONES`). ``day``: an ISO date.
    """

    kind: FormKind = "text"
    unit: str = ""
    decimals: int = 0


TEXT = Form()
INSTANT = Form("instant")
DURATION = Form("duration")
SHARE = Form("share", decimals=1)
STATE = Form("state")
DAY = Form("day")
COUNT = Form("number")


def number(unit: str, decimals: int = 1) -> Form:
    """A number with a unit."""
    return Form("number", unit, decimals)


TONES: Mapping[str, Tone] = {
    "served": "good", "covered": "good", "kept": "good", "good": "good", "present": "good", "accepted": "good",
    "late": "warn", "early": "warn", "warn": "warn", "left_early": "warn", "late_and_early": "warn", "open": "warn",
    "missed": "bad", "absent": "bad", "bad": "bad", "over_limit": "bad", "rejected": "bad", "critical": "bad",
    "warning": "warn", "no_data": "unknown", "none": "none",
}  # fmt: skip


class Fact(msgspec.Struct, frozen=True):
    """A line of the header: what it is called (a word) and its value."""

    title: str
    value: Cell
    form: Form = TEXT


class Figure(msgspec.Struct, frozen=True):
    """A key figure. ``aim`` is what is hoped for; ``tone`` says how the value stands to it. ``note`` is a remark."""

    id: str
    title: str
    value: Cell
    form: Form = COUNT
    aim: float | None = None
    tone: Tone = "none"
    note: Text | None = None


class Column(msgspec.Struct, frozen=True):
    """A column of a table. ``width`` is its share of the page beside the others."""

    id: str
    title: str
    form: Form = TEXT
    width: float = 1.0


class Table(msgspec.Struct, frozen=True, tag="table", tag_field="is"):
    """Rows in a stable order. ``key`` are the columns that tell a row from the others, by which revisions are compared.

    ``total`` is a last row. Without rows ``empty`` (a word) is shown.
    """

    id: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    key: tuple[str, ...] = ()
    total: tuple[Cell, ...] | None = None
    empty: str = "table.empty"

    def of(self, subjects: Sequence[object]) -> Table:
        """As it is shown for these subjects: without the first column, which names them, where there is only one."""
        if len(subjects) != 1:
            return self
        rows = tuple(row[1:] for row in self.rows)
        return msgspec.structs.replace(self, columns=self.columns[1:], rows=rows, key=self.key[1:])


LineRole = Literal["street", "planned", "covered", "missed", "no_data", "driven", "deviation", "area"]
PointRole = Literal["depot", "served", "late", "early", "missed", "no_data", "stand", "start", "end", "device"]


class MapLine(msgspec.Struct, frozen=True):
    """A line of a map; (longitude, latitude) each."""

    role: LineRole
    points: tuple[Point, ...]


class MapPoint(msgspec.Struct, frozen=True):
    """A point of a map, with a short label."""

    role: PointRole
    lon: float
    lat: float
    label: str = ""


class Map(msgspec.Struct, frozen=True, tag="map", tag_field="is"):
    """Where it was. ``small`` where several stand in a report."""

    id: str
    title: str
    lines: tuple[MapLine, ...] = ()
    points: tuple[MapPoint, ...] = ()
    small: bool = False


class Bar(msgspec.Struct, frozen=True):
    """A bar: what it is called, and its parts by state or series (word ``state.<id>``)."""

    label: Text
    parts: tuple[tuple[str, float], ...]


class Bars(msgspec.Struct, frozen=True, tag="bars", tag_field="is"):
    """Lying bars of stacked parts. ``form`` is that of the values; ``aim`` is drawn as a line."""

    id: str
    title: str
    bars: tuple[Bar, ...]
    form: Form = COUNT
    aim: float | None = None


class Series(msgspec.Struct, frozen=True):
    """Values over time, ascending; a value of None is a gap."""

    label: Text
    points: tuple[tuple[int, float | None], ...]


class Lines(msgspec.Struct, frozen=True, tag="lines", tag_field="is"):
    """Lines over time; ``limit`` is drawn across."""

    id: str
    title: str
    series: tuple[Series, ...]
    start: int
    end: int
    form: Form = COUNT
    limit: float | None = None


class Lane(msgspec.Struct, frozen=True):
    """A row of a timeline: spans of a state (word ``state.<id>``), in order."""

    label: Text
    spans: tuple[tuple[int, int, str], ...]


class Timeline(msgspec.Struct, frozen=True, tag="timeline", tag_field="is"):
    """What was going on from ``start`` to ``end``."""

    id: str
    title: str
    start: int
    end: int
    lanes: tuple[Lane, ...]


class Note(msgspec.Struct, frozen=True, tag="note", tag_field="is"):
    """A paragraph."""

    text: Text
    tone: Tone = "none"


Block = Table | Map | Bars | Lines | Timeline | Note


class Section(msgspec.Struct, frozen=True):
    """A part of a report: key figures, then blocks in their order. The title is a word, or a word with its values."""

    id: str
    title: str | Said
    figures: tuple[Figure, ...] = ()
    blocks: tuple[Block, ...] = ()

    @property
    def said(self) -> Said:
        """The title as it is said."""
        return Said(self.title) if isinstance(self.title, str) else self.title


class Evidence(msgspec.Struct, frozen=True):
    """Where what a report says can be looked up: the address within the API (``/api/v1/...``)."""

    what: Text
    where: str


class Document(msgspec.Struct, frozen=True):
    """A report over ``[start, end)``, whose local times are those of ``zone`` (an IANA name)."""

    kind: str
    title: str
    subject: Text
    start: int
    end: int
    zone: str
    facts: tuple[Fact, ...] = ()
    sections: tuple[Section, ...] = ()
    notes: tuple[Note, ...] = ()
    evidence: tuple[Evidence, ...] = ()

    def blocks(self) -> Iterator[tuple[Section, Block]]:
        """All blocks with their sections, in order."""
        for section in self.sections:
            for block in section.blocks:
                yield section, block

    def tables(self) -> tuple[Table, ...]:
        """All tables, in order."""
        return tuple(block for _, block in self.blocks() if isinstance(block, Table))


def against(value: float | None, aim: float, slack: float, *, at_most: bool = False) -> Tone:
    """How a value stands to its aim: good when reached, warn within ``slack`` of it, bad beyond; unknown without."""
    if value is None:
        return "unknown"
    short = (value - aim) if at_most else (aim - value)
    return "good" if short <= 0 else "warn" if short <= slack else "bad"
