"""Route compliance (DOMAIN.md): planned against driven, of one plan in full or of many side by side."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.reports.compliance import many, one
from fleet.reports.compliance.judged import Judged
from fleet.reports.compliance.planned import Planned, judged
from fleet.reports.document import Document
from fleet.reports.kind import Kind
from fleet.reports.revision import Order


def reduce(order: Order, piece: Planned) -> Judged:
    """A plan judged."""
    return judged(piece)


def build(order: Order, parts: Sequence[Judged]) -> Document:
    """The report over all plans of the order that were judged."""
    ordered = sorted(parts, key=lambda each: (each.compliance.start, each.compliance.route, each.compliance.plan))
    return one.document(order, ordered[0]) if len(ordered) == 1 else many.document(order, ordered)


KIND = Kind("route_compliance", one.TITLE, Judged, build, reduce, choices=("route", "vehicle", "plan"))
