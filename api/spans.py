"""The span of time that a query names, with its defaults."""

from __future__ import annotations

from typing import Protocol

from api.instants import DAY, SECOND
from api.problems import Fault, ProblemError, invalid
from devices.instants import to_iso

DEFAULT_SPAN = DAY
MINUTE = 60 * SECOND


class _Span(Protocol):
    @property
    def from_(self) -> int | None: ...

    @property
    def to(self) -> int | None: ...


class _End(Protocol):
    @property
    def until(self) -> int | None: ...

    @property
    def minutes(self) -> float | None: ...


def end_of(form: _End, now: int, most_minutes: int) -> int:
    """The instant (µs) that a body names, as such or in minutes from now. Raises a 422 problem."""
    most = now + most_minutes * MINUTE
    until = form.until if form.until is not None else now + round(min(form.minutes or 0, 1e9) * MINUTE)
    if not now < until <= most:
        field = "until" if form.minutes is None else "minutes"
        fault = Fault("body", field, f"expected an end within the next {most_minutes} minutes")
        raise ProblemError(422, "invalid-request", f"{field}: {fault.expected}", faults=(fault,))
    return until


def span_of(query: _Span, now: int, default_span: int = DEFAULT_SPAN) -> tuple[int, int]:
    """``[start, end)`` in µs: up to now, and a day long, where the query does not say. Raises a 422 problem."""
    end = now if query.to is None else query.to
    start = max(0, end - default_span) if query.from_ is None else query.from_
    if start >= end:
        raise invalid("from", f"expected an instant before `to` ({to_iso(end)})", to_iso(start))
    return start, end
