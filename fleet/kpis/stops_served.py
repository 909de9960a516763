"""Stops served, of drivers: missed and late ones."""

from __future__ import annotations

from typing import Annotated

import msgspec

from fleet.compliance.result import EXCUSED
from fleet.evaluation.inputs import Inputs
from fleet.evaluation.kpi import Fault, Kpi, Measure, lost
from fleet.evaluation.result import Evidence


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stop that was served late costs the share ``late`` of one that was missed; early ones cost nothing."""

    late: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.25
    points: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.5


def measure(params: Params, inputs: Inputs) -> Measure:
    """Each stop in each pass weighs the same; left out are those without data, and those that nobody was to serve."""
    left_out = ("no_data", *EXCUSED)
    stops = [(judged, one) for judged in inputs.rounds for one in judged.stops if one.state not in left_out]
    if not stops:
        return Measure()
    faults = []
    for judged, one in stops:
        share = {"missed": 1.0, "late": params.late}.get(one.state, 0.0)
        word = ("stop missed", "漏收") if one.state == "missed" else ("stop served late", "收运超时")
        start, end = one.planned or (judged.start, judged.end)
        evidence = Evidence(
            "stop", one.stop, f"{word[0]}: {one.stop}", f"{word[1]}:{one.stop}", judged.vehicle, start, end
        )
        name = f"stop:{judged.plan}:{one.number}:{one.stop}"
        faults.append(Fault(name, share / len(stops), params.points * share, evidence))
    return lost(faults)


KPI = Kpi("stops_served", "Stops served", "收运点", Params, measure)
