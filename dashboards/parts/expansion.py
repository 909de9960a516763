"""What Grafana makes of a query before PostgreSQL gets it, so that every query can be run without a Grafana.

First the page puts variables in: several values quoted and separated by commas, a custom value of "all" as it stands,
a constant with its quotes doubled. Then the data source expands its macros. After Grafana's documents of the PostgreSQL
data source ("Macros", "Templates and variables") and of variables ("Global variables", "Custom all value").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

_VARIABLE = re.compile(r"\$(\w+)|\[\[(\w+)(?::(\w+))?\]\]|\$\{(\w+)(?::([^}]+))?\}")
_MACRO = re.compile(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)")
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d|w)\Z")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)
MACROS = (
    "__time", "__timeEpoch", "__timeFilter", "__timeFrom", "__timeTo", "__timeGroup", "__timeGroupAlias",
    "__unixEpochFilter", "__unixEpochFrom", "__unixEpochTo", "__unixEpochGroup", "__unixEpochGroupAlias",
)  # fmt: skip


class All(NamedTuple):
    """Of a variable all was chosen, and this is its custom value of that."""

    text: str


class Constant(NamedTuple):
    """A variable of one value that nobody chooses."""

    text: str


Value = All | Constant | Sequence[str]


class Span(NamedTuple):
    """What is looked at, and how many points fit in."""

    start: datetime
    end: datetime
    points: int = 1_000

    @property
    def interval_s(self) -> int:
        """The width of a point: a round number that keeps them at ``points`` at most, and at least a minute."""
        exact = (self.end - self.start).total_seconds() / self.points
        return next((step for step in _STEPS if step >= max(exact, 60)), 86_400)


def expand(sql: str, values: Mapping[str, Value], span: Span, *, timescale: bool = False) -> str:
    """The statement that PostgreSQL gets. ``timescale`` is the data source's switch of that name.

    Raises ValueError for a variable that is not given and for a macro that the data source does not have.
    """
    return _with_macros(_with_variables(sql, values, span), span, timescale)


def _with_variables(sql: str, values: Mapping[str, Value], span: Span) -> str:
    own = {"__interval": _human(span.interval_s), "__interval_ms": str(span.interval_s * 1_000)}

    def put(found: re.Match[str]) -> str:
        name = found[1] or found[2] or found[4]
        if name in own:
            return own[name]
        if found[1] is not None and sql[found.end() : found.end() + 1] == "(":
            return found[0]  # a macro
        if name not in values:
            raise ValueError(f"{found[0]}: no such variable")
        if found[3] or found[5]:
            raise ValueError(f"{found[0]}: formats are not for queries")
        return _text(values[name])

    return _VARIABLE.sub(put, sql)


def _text(value: Value) -> str:
    if isinstance(value, All):
        return value.text
    if isinstance(value, Constant):
        return value.text.replace("'", "''")
    return ",".join("'" + one.replace("'", "''") + "'" for one in value)


def _with_macros(sql: str, span: Span, timescale: bool) -> str:
    def put(found: re.Match[str]) -> str:
        name, arguments = found[1], [one.strip(" ") for one in found[2].split(",")]
        if name == "__timeGroup" and sql[found.end() : found.end() + 1] == ",":
            name = "__timeGroupAlias"  # as the data source has it since before there was the other
        return _macro(name, arguments, span, timescale)

    expanded = _MACRO.sub(put, sql)
    if left := re.search(r"\$\w+", expanded):
        raise ValueError(f"{left[0]}: neither a variable nor a macro")
    return expanded


def _macro(name: str, arguments: list[str], span: Span, timescale: bool) -> str:
    if name not in MACROS:
        raise ValueError(f"${name}: the data source has no such macro")
    column = arguments[0]
    if not column and not name.endswith(("From", "To")):
        raise ValueError(f"${name}: the column is missing")
    start, end = int(span.start.timestamp()), int(span.end.timestamp())
    first, last = _rfc3339(span.start), _rfc3339(span.end)
    plain = {
        "__time": f'{column} AS "time"',
        "__timeEpoch": f'extract(epoch from {column}) as "time"',
        "__timeFilter": f"{column} BETWEEN '{first}' AND '{last}'",
        "__timeFrom": f"'{first}'",
        "__timeTo": f"'{last}'",
        "__unixEpochFilter": f"{column} >= {start} AND {column} <= {end}",
        "__unixEpochFrom": str(start),
        "__unixEpochTo": str(end),
    }
    if name in plain:
        return plain[name]
    if len(arguments) < 2:
        raise ValueError(f"${name}: needs a column and an interval")
    seconds = _duration(arguments[1])
    if name.startswith("__unixEpoch"):
        grouped = f"floor(({column})/{seconds:g})*{seconds:g}"
    elif timescale:
        grouped = f"time_bucket('{seconds:.3f}s',{column})"
    else:
        grouped = f"floor(extract(epoch from {column})/{seconds:g})*{seconds:g}"
    return f'{grouped} AS "time"' if name.endswith("Alias") else grouped


def _duration(text: str) -> float:
    found = _DURATION.match(text.strip("'"))
    if found is None:
        raise ValueError(f"{text}: no interval")
    return int(found[1]) * _SECONDS[found[2]]


def _human(seconds: int) -> str:
    unit = next(unit for unit in ("d", "h", "m", "s") if seconds % _SECONDS[unit] == 0)
    return f"{int(seconds // _SECONDS[unit])}{unit}"


def _rfc3339(at: datetime) -> str:
    text = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{text}Z"
