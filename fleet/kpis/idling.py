"""Idling, of drivers: standing with the engine on and nothing at work, beyond what a shift allows."""

from __future__ import annotations

from typing import Annotated

import msgspec

from fleet.evaluation.inputs import Inputs
from fleet.evaluation.kpi import Fault, Kpi, Measure, lost
from fleet.evaluation.result import Evidence


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to ``allowed`` of the time with the engine on costs nothing; a shift idled away costs all of it."""

    allowed: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.15
    points: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.5


def measure(params: Params, inputs: Inputs) -> Measure:
    """Each round in which the engine ran weighs the same."""
    running = [(one, one.split.work_s + one.split.transit_s + one.split.idle_s) for one in inputs.rounds]
    running = [(one, seconds) for one, seconds in running if seconds > 0]
    if not running:
        return Measure()
    faults = []
    for judged, seconds in running:
        idle = judged.split.idle_s / seconds
        share = max(0.0, idle - params.allowed) / (1 - params.allowed)
        if not share:
            continue
        minutes = round(judged.split.idle_s / 60)
        en, zh = f"{minutes} min idling, {idle:.0%} of the engine's time", f"怠速{minutes}分钟，占发动机运行{idle:.0%}"
        evidence = Evidence("track", judged.plan, en, zh, judged.vehicle, judged.start, judged.end)
        faults.append(Fault(f"idling:{judged.plan}", share / len(running), params.points, evidence))
    return lost(faults)


KPI = Kpi("idling", "Idling", "怠速", Params, measure)
