"""Axes: round steps for numbers, round hours and days for time."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil, floor, log10

from devices.instants import from_datetime
from fleet.reports.speech import Speech

_HOURS = (1, 2, 3, 4, 6, 12)


def ticks(most: float, wanted: int = 4) -> list[float]:
    """Round numbers from 0 to at least ``most``."""
    if most <= 0:
        return [0.0, 1.0]
    raw = most / wanted
    power = 10.0 ** floor(log10(raw))
    step = next(one * power for one in (1, 2, 2.5, 5, 10) if one * power >= raw * 0.999999)
    return [round(step * index, 10) for index in range(ceil(most / step - 1e-9) + 1)]


def time_ticks(start: int, end: int, speech: Speech, most: int = 12) -> list[tuple[int, str]]:
    """Full local hours within a span, or its local midnights when it is long, with their labels.

    Steps are taken on the wall clock, so that a change of the clocks moves no label off its hour.
    """
    hours = (end - start) / 3_600_000_000
    first = speech.local(start)
    if hours > 48:
        days = ceil(hours / 24 / most)
        moment = first.replace(hour=0, minute=0, second=0, microsecond=0)
        return _walk(moment, timedelta(days=days), start, end, "%m-%d")
    step = next((one for one in _HOURS if hours / one <= most), 24)
    moment = first.replace(hour=first.hour - first.hour % step, minute=0, second=0, microsecond=0)
    return _walk(moment, timedelta(hours=step), start, end, "%H:%M")


def _walk(moment: datetime, step: timedelta, start: int, end: int, spec: str) -> list[tuple[int, str]]:
    found = []
    while (at := from_datetime(moment)) < end + 1:
        if at >= start:
            found.append((at, f"{moment:{spec}}"))
        moment += step
    return found
