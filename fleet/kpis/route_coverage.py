"""Route coverage of drivers: how much of the planned lines was worked, of what there is data about."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

import msgspec

from fleet.evaluation.inputs import Inputs
from fleet.evaluation.kpi import Fault, Kpi, Measure, lost
from fleet.evaluation.result import Evidence


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On a sheet of deductions each line with missed stretches costs ``points``, a round at most."""

    tolerated_m: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 30
    points: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.5


def measure(params: Params, inputs: Inputs) -> Measure:
    """Each run of missed stretches costs its part of the known length of all rounds."""
    known = sum(one.covered_m + one.missed_m for judged in inputs.rounds for one in judged.passes)
    if known <= 0:
        return Measure()
    faults = []
    for judged in inputs.rounds:
        ordered = sorted(judged.stretches, key=lambda one: (one.number, one.line, one.direction, one.begin_m))
        for (number, line, direction, state), run in groupby(
            ordered, lambda one: (one.number, one.line, one.direction, one.state)
        ):
            pieces = list(run)
            metres, begin = sum(one.end_m - one.begin_m for one in pieces), pieces[0].begin_m
            if state != "missed" or metres < params.tolerated_m:
                continue
            en = f"{metres:.0f} m of line {line + 1} not worked in pass {number}, from {begin:.0f} m ({direction})"
            way = "正向" if direction == "forward" else "反向"
            zh = f"第{number}遍第{line + 1}段{way}{begin:.0f}米起{metres:.0f}米未作业"
            evidence = Evidence("stretch", judged.plan, en, zh, judged.vehicle, judged.start, judged.end)
            name = f"route:{judged.plan}:{number}:{line}:{direction}:{begin:.0f}"
            faults.append(Fault(name, metres / known, params.points, evidence))
    return lost(faults)


KPI = Kpi("route_coverage", "Route coverage", "线路覆盖", Params, measure)
