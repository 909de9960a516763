"""How people write hours of the local day: ``05:30``, ``22:00-25:30``, ``mon-fri``; and how they are written again.

Minutes may run past 24:00, for what is done after midnight may belong to the day before. Plain minutes are fine too.
"""

from __future__ import annotations

import re
from typing import Any

from fleet.importing.gathering import short
from fleet.master.route import Window

DAY_MIN = 1_440
MOST_MIN = 2 * DAY_MIN
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_CLOCK = re.compile(r"([0-9]{1,2}):([0-5][0-9])\Z")
_SPAN = re.compile(r"\s*([0-9:]+)\s*(?:-|–|/)\s*([0-9:]+)\s*\Z")


def minutes(value: Any) -> int:
    """Minutes of the local day of ``HH:MM`` or of a whole number. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        found = value
    elif isinstance(value, str) and (match := _CLOCK.match(value.strip())):
        found = int(match[1]) * 60 + int(match[2])
    elif isinstance(value, str) and value.strip().isdecimal() and value.isascii():
        found = int(value)
    else:
        raise ValueError(f"expected HH:MM or minutes of the day, got {short(value)}")
    if not 0 <= found <= MOST_MIN:
        raise ValueError(f"expected at most 48:00, got {short(value)}")
    return found


def span(value: Any) -> tuple[int, int]:
    """Start and end of ``HH:MM-HH:MM``, or of a list or mapping of them. Raises ValueError."""
    if isinstance(value, str) and (match := _SPAN.match(value)):
        ends: tuple[Any, Any] = (match[1], match[2])
    elif isinstance(value, list | tuple) and len(value) == 2:
        ends = (value[0], value[1])
    elif isinstance(value, dict) and set(value) == {"start", "end"}:
        ends = (value["start"], value["end"])
    else:
        raise ValueError(f"expected HH:MM-HH:MM, got {short(value)}")
    start, end = minutes(ends[0]), minutes(ends[1])
    if end <= start:
        raise ValueError(f"ends before it starts: {short(value)}; hours past midnight go on from 24:00")
    return start, end


def windows(value: Any) -> tuple[Window, ...]:
    """Time windows of a list of spans, or of a text with ``;`` between them. Raises ValueError."""
    return tuple(Window(*span(one)) for one in listed(value))


def weekdays(value: Any) -> tuple[int, ...]:
    """Days of the week, Monday 0, of numbers or names (``mon-fri``, ``sat;sun``), in their order. Raises ValueError."""
    found: set[int] = set()
    for one in listed(value):
        first, dash, last = one.strip().lower().partition("-") if isinstance(one, str) else (one, "", "")
        if dash:
            start, end = _day(first), _day(last)
            found |= {(start + step) % 7 for step in range((end - start) % 7 + 1)}
        else:
            found.add(_day(first))
    if not found:
        raise ValueError("expected at least one day of the week")
    return tuple(sorted(found))


def listed(value: Any) -> list[Any]:
    """The items of a list, or the parts of a text between ``;``."""
    if value is None or value == "":
        return []
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str):
        return [part.strip() for part in value.split(";") if part.strip()]
    return [value]


def clock(of: int) -> str:
    """Minutes as ``HH:MM``."""
    return f"{of // 60:02}:{of % 60:02}"


def span_words(start: int, end: int) -> str:
    """A span as ``HH:MM-HH:MM``."""
    return f"{clock(start)}-{clock(end)}"


def _day(value: Any) -> int:
    if isinstance(value, str) and value.isdecimal() and value.isascii():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 6:
        return value
    if isinstance(value, str) and value[:3] in DAYS:
        return DAYS.index(value[:3])
    raise ValueError(f"expected mon to sun, or 0 (Monday) to 6; got {short(value)}")
