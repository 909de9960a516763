"""Route compliance (DOMAIN.md): planned against driven, of one plan in full or of many side by side."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from fleet.reports.compliance import many
from fleet.reports.compliance import one as in_full
from fleet.reports.compliance.judged import Judged
from fleet.reports.compliance.planned import Planned, judged
from fleet.reports.document import Document
from fleet.reports.kind import Kind
from fleet.reports.revision import Order

DETAILED_US = 3 * 86_400_000_000  #: over a longer span plans are told as rows only, whatever their number


def detailed(order: Order) -> bool:
    """Whether a plan that is alone is to be told in full."""
    return order.end - order.start <= DETAILED_US or "plan" in order.subject


def reduce(order: Order, piece: Planned) -> Judged:
    """A plan judged. Over a long span its lines are left out: of a month of a fleet they would fill the memory."""
    one = judged(piece)
    if detailed(order):
        return one
    slim = structs.replace(one.compliance, stretches=(), spells=())
    return structs.replace(one, compliance=slim, track=())


def build(order: Order, parts: Sequence[Judged]) -> Document:
    """The report over all plans of the order that were judged."""
    ordered = sorted(parts, key=lambda each: (each.compliance.start, each.compliance.route, each.compliance.plan))
    return (
        in_full.document(order, ordered[0]) if len(ordered) == 1 and detailed(order) else many.document(order, ordered)
    )


KIND = Kind("route_compliance", in_full.TITLE, Judged, build, reduce, choices=("route", "vehicle", "plan"))
