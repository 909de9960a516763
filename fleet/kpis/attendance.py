"""Attendance: planned shifts that were kept, on time and to the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from fleet.evaluation.attendance import Presence
from fleet.evaluation.inputs import Inputs
from fleet.evaluation.kpi import Fault, Kpi, Measure, lost
from fleet.evaluation.result import Evidence

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Points = Annotated[float, msgspec.Meta(ge=0, le=100)]


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to ``grace_s`` late or early costs nothing; ``full_s`` costs the whole shift, less than that its part.

    ``points`` and ``absent_points`` are what it costs on a sheet of deductions.
    """

    grace_s: Seconds = 300
    full_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 7_200
    points: Points = 0.5
    absent_points: Points = 1.0


def measure(params: Params, inputs: Inputs) -> Measure:
    """Each shift weighs the same; those without data are left out."""
    known = [one for one in inputs.presences if one.state != "no_data"]
    if not known:
        return Measure()
    return lost(fault for one in known for fault in _faults(params, one, 1 / len(known)))


def _faults(params: Params, one: Presence, each: float) -> Iterator[Fault]:
    key = f"{one.plan}:{one.worker}"
    if one.state == "absent":
        en, zh = "absent from the shift", "缺勤"
        yield Fault(f"absent:{key}", each, params.absent_points, _evidence(one, one.start, one.end, en, zh))
        return
    spare = 1.0  # a shift costs no more than itself
    late, early = one.late_s, one.early_s
    for name, seconds, start, end, en, zh in (
        ("late", late, one.start, one.start + round(late * 1e6), "late by {} min", "迟到{}分钟"),
        ("early", early, one.end - round(early * 1e6), one.end, "left {} min early", "早退{}分钟"),
        *(("away", (b - a) / 1e6, a, b, "off duty for {} min in the shift", "班中离岗{}分钟") for a, b in one.away),
    ):
        if seconds > params.grace_s:
            share = min(spare, seconds / params.full_s)
            spare -= share
            minutes = round(seconds / 60)
            evidence = _evidence(one, start, end, en.format(minutes), zh.format(minutes))
            suffix = f":{start // 600_000_000}" if name == "away" else ""
            yield Fault(f"{name}:{key}{suffix}", share * each, params.points, evidence)


def _evidence(one: Presence, start: int, end: int, en: str, zh: str) -> Evidence:
    return Evidence("shift", one.plan, en, zh, one.device, start, end)


KPI = Kpi("attendance", "Attendance", "出勤", Params, measure)
