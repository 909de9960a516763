"""What a file of master data holds: sound items with their lines, and everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fleet.master.collection import Item, Section
from fleet.master.route import Line, Stop


class Fault(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong: on which line (from 1), at which field ("" for the whole), and why."""

    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class Found(msgspec.Struct, frozen=True):
    """An item, where it stands, on which lines its fields do, and what the file calls them where it is otherwise."""

    section: Section
    item: Item
    line: int
    lines: Mapping[str, int] = {}
    path: str = ""
    names: Mapping[str, str] = {}


class Loose(msgspec.Struct, frozen=True):
    """Something that belongs to a route that may stand elsewhere: lines to work, ways of access, or one stop.

    ``kind`` is what a route is that is not known yet, where the file says it.
    """

    route: str
    line: int
    path: str = ""
    lines: tuple[Line, ...] = ()
    access: tuple[Line, ...] = ()
    stop: Stop | None = None
    kind: str | None = None


class Gathered(msgspec.Struct):
    """The content of one file. With any fault in it nothing of it is to be entered. ``notes`` are for people."""

    found: list[Found] = []
    loose: list[Loose] = []
    faults: list[Fault] = []
    notes: list[str] = []


class Spot(msgspec.Struct):
    """Where something stands in a file, for telling what is wrong with it.

    ``path`` comes before the names of fields (``features[3].``); ``lines`` are those of the
    fields (``stops``), and of items in them (``stops[2]``) as far as they are known. ``names`` are what the file calls
    fields that the struct calls otherwise.
    """

    line: int
    faults: list[Fault]
    path: str = ""
    lines: Mapping[str, int] = {}
    names: Mapping[str, str] = {}

    def fault(self, field: str, reason: str) -> None:
        """Tell that something is wrong with a field (``stops[2].lon``), or with the whole ("")."""
        field = self.names.get(field, field)
        self.faults.append(Fault(self._at(field), f"{self.path}{field}".rstrip("."), reason))

    def within(self, field: str) -> Spot:
        """The spot of what stands in a field."""
        return Spot(self._at(field), self.faults, f"{self.path}{field}.")

    def _at(self, field: str) -> int:
        item = field.partition(".")[0]
        return self.lines.get(item, self.lines.get(item.partition("[")[0], self.line))


def short(value: Any) -> str:
    """A value, in a message."""
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
