"""Who is expected where and when: planned duties, and the spans of data that may be read to judge them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fleet.master.places import Area

MINUTE = 60_000_000

Span = tuple[int, int]
"""``[start, end)``, µs."""


class Duty(msgspec.Struct, frozen=True):
    """A planned shift of one worker. The span is the shift's on its date (so a shift may run past midnight).

    ``breaks`` lie within it and are the worker's own. ``area`` is the post that is to be held, in the version in force
    then; None: only attendance is asked. ``rest`` are rest zones, and ``vehicle`` is what the worker drives.
    """

    plan: str
    worker: str
    start: int
    end: int
    device: str | None = None
    area: Area | None = None
    rest: tuple[Area, ...] = ()
    breaks: tuple[Span, ...] = ()
    vehicle: str | None = None


LEAD_IN_US = 20 * MINUTE  #: how far before a shift the last ``on_duty`` may lie


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order, joined where they touch or overlap; empty ones are left out."""
    found: list[Span] = []
    for start, end in sorted(span for span in spans if span[1] > span[0]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)


def without(spans: Iterable[Span], holes: Iterable[Span]) -> tuple[Span, ...]:
    """What of ``spans`` is in none of ``holes``."""
    left, cut = joined(spans), joined(holes)
    for low, high in cut:
        left = tuple(
            piece
            for start, end in left
            for piece in ((start, min(end, low)), (max(start, high), end))
            if piece[1] > piece[0]
        )
    return joined(left)


def length_s(spans: Iterable[Span]) -> float:
    """How long spans are together, seconds; overlaps count once."""
    return sum(end - start for start, end in joined(spans)) / 1_000_000
