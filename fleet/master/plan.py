"""Shifts, and plans: who does what, where, with which vehicle, on which date."""

from __future__ import annotations

from datetime import date

import msgspec


class Shift(msgspec.Struct, frozen=True):
    """Hours of duty. ``start`` and ``length`` are minutes of the local day in ``zone``; one past midnight is fine.

    ``weekdays`` are those on which it begins (Monday 0). ``breaks`` are (start, length) in minutes from its beginning.
    ``withdrawn``: from this instant (µs) on it begins no more.
    """

    id: str
    start: int
    length: int
    zone: str = "Asia/Shanghai"
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    breaks: tuple[tuple[int, int], ...] = ()
    name: str = ""
    name_zh: str = ""
    withdrawn: int | None = None


class Plan(msgspec.Struct, frozen=True):
    """What is to be done on a service date: a route by a vehicle, or an area (a post) by workers; ids all.

    The date is that on which the shift begins. The route or area counts in the version that is in force then. One that
    is withdrawn stays, and counts for nothing.
    """

    id: str
    on: date
    shift: str
    route: str | None = None
    area: str | None = None
    vehicle: str | None = None
    workers: tuple[str, ...] = ()
    crew: str | None = None
    note: str = ""
    withdrawn: bool = False
