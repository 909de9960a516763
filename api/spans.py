"""The span of time that a query names, with its defaults."""

from __future__ import annotations

from typing import Protocol

from api.instants import DAY
from api.problems import invalid
from devices.instants import to_iso

DEFAULT_SPAN = DAY


class _Span(Protocol):
    @property
    def from_(self) -> int | None: ...

    @property
    def to(self) -> int | None: ...


def span_of(query: _Span, now: int, default_span: int = DEFAULT_SPAN) -> tuple[int, int]:
    """``[start, end)`` in µs: up to now, and a day long, where the query does not say. Raises a 422 problem."""
    end = now if query.to is None else query.to
    start = max(0, end - default_span) if query.from_ is None else query.from_
    if start >= end:
        raise invalid("from", f"expected an instant before `to` ({to_iso(end)})", to_iso(start))
    return start, end
