"""Reports as they are kept: a revision without and with its content."""

from __future__ import annotations

import msgspec

from fleet.reports.document import Document
from fleet.reports.revision import Order
from fleet.reports.stamp import Stamp


class ReportEntry(msgspec.Struct, frozen=True):
    """A revision. ``newest`` is the number of the newest revision of the same order.

    ``signed`` is how often this one was signed; ``appeals`` are those of it that are open.
    """

    id: int
    order: Order
    revision: int
    newest: int
    hash: str
    made_at: int
    made_by: str
    changes: int
    signed: int
    appeals: int


class Report(msgspec.Struct, frozen=True):
    """A revision with what it says. ``made`` tells that it was not there before it was asked for."""

    entry: ReportEntry
    document: Document
    stamp: Stamp
    made: bool = False


class SettledError(ValueError):
    """It was decided already."""
