"""Area coverage: the share of the post's streets that was walked on shift, of what there is data about."""

from __future__ import annotations

from typing import Annotated

import msgspec

from fleet.evaluation.inputs import Inputs
from fleet.evaluation.kpi import Fault, Kpi, Measure, lost
from fleet.evaluation.result import Evidence


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Stretches shorter than ``tolerated_m`` cost nothing; ``points`` is for a sheet of deductions, for each other."""

    tolerated_m: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 30
    points: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.5


def measure(params: Params, inputs: Inputs) -> Measure:
    """Each stretch that was not walked costs its part of the known length, over all shifts."""
    known = sum(one.planned - one.no_data for one in inputs.walks)
    if known <= 0:
        return Measure()
    faults = []
    for walk in inputs.walks:
        for one in walk.missed:
            if one.length < params.tolerated_m:
                continue
            metres, (lon, lat) = round(one.length), one.begin
            evidence = Evidence(
                "stretch",
                walk.plan,
                f"{metres} m not walked, from {lat:.5f}, {lon:.5f}",
                f"{metres}米未巡到，起点 {lat:.5f}, {lon:.5f}",
                walk.device,
                walk.start,
                walk.end,
            )
            name = f"missed:{walk.plan}:{walk.worker}:{lon:.5f},{lat:.5f}"
            faults.append(Fault(name, one.length / known, params.points, evidence))
    return lost(faults)


KPI = Kpi("coverage", "Area coverage", "责任区覆盖", Params, measure)
