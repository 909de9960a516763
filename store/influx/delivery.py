"""Delivering points to InfluxDB, and finding those at fault when it refuses some.

InfluxDB tells of one fault of a request at most, and drops a point whole for one of its fields. So what is refused is
divided until the faults stand alone: first the field that it names from all others, then by halves. A group of which it
says that it dropped every point is at fault as a whole, and costs no more questions. All else is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Protocol

import msgspec

from store.influx.client import RefusedError, TooLargeError
from store.influx.lines import Point, Value, encode, writable


class LineWriter(Protocol):
    """What takes lines (:meth:`store.influx.client.InfluxClient.write`)."""

    async def write(self, make: partial[bytes], /) -> None:
        """Write what ``make`` makes. Raises InfluxAwayError, RefusedError, TooLargeError."""
        ...


class Refusal(msgspec.Struct, frozen=True):
    """A value that InfluxDB does not take, and why."""

    measurement: str
    device: str
    at: int
    field: str
    value: Value
    reason: str


async def deliver(client: LineWriter, points: Sequence[Point]) -> list[Refusal]:
    """Write points; returns what was refused. When it returns, all else is in InfluxDB. Raises InfluxAwayError."""
    refused: list[Refusal] = []
    groups = [_writable(points, refused)]
    while groups:
        group = groups.pop()
        if not group:
            continue
        try:
            await client.write(partial(encode, group))
        except TooLargeError as error:
            parts = _halves(group)
            if len(parts) == 1:
                refused += _refusals(group, f"too large: {error}")
            else:
                groups += parts
        except RefusedError as error:
            parts = _divided(group, error)
            if len(parts) == 1:
                refused += _refusals(group, str(error))
            else:
                groups += parts
    return refused


def _writable(points: Sequence[Point], refused: list[Refusal]) -> list[Point]:
    """The points without numbers that no line can hold, which are refused here."""
    found = []
    for point in points:
        bad = [name for name, value in point.fields.items() if not writable(value)]
        if bad:
            refused += _refusals([_only(point, bad)], "not a finite number")
            point = _only(point, [name for name in point.fields if name not in bad])  # noqa: PLW2901 - the same point
        if point.fields:
            found.append(point)
    return found


def _divided(group: list[Point], error: RefusedError) -> list[list[Point]]:
    """A refused group in two, or alone when all of it is at fault."""
    named = error.field
    if named is not None and any(named in point.fields for point in group):
        having = [_only(point, [named]) for point in group if named in point.fields]
        without = [_only(point, [name for name in point.fields if name != named]) for point in group]
        without = [point for point in without if point.fields]
        if without:
            return [having, without]
    if error.dropped == len(group):
        return [group]
    return _halves(group)


def _halves(group: list[Point]) -> list[list[Point]]:
    """A group as two: by points, and one point by its fields. A single value stays alone."""
    if len(group) > 1:
        middle = len(group) // 2
        return [group[:middle], group[middle:]]
    (point,) = group
    names = list(point.fields)
    if len(names) == 1:
        return [group]
    middle = len(names) // 2
    return [[_only(point, names[:middle])], [_only(point, names[middle:])]]


def _only(point: Point, names: Sequence[str]) -> Point:
    return Point(point.measurement, point.device, point.at, {name: point.fields[name] for name in names}, point.tags)


def _refusals(group: Sequence[Point], reason: str) -> Iterator[Refusal]:
    for point in group:
        for field, value in point.fields.items():
            yield Refusal(point.measurement, point.device, point.at, field, value, reason)
