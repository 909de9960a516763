"""Speeding, of drivers: kilometres above the limit of work or transit."""

from __future__ import annotations

from typing import Annotated

import msgspec

from fleet.evaluation.inputs import Inputs
from fleet.evaluation.kpi import Fault, Kpi, Measure, lost
from fleet.evaluation.result import Evidence


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``share`` is what one spell costs in a shift; ``least_m``: shorter ones cost nothing."""

    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.2
    least_m: Annotated[float, msgspec.Meta(ge=0, le=100_000)] = 100
    points: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.5


def measure(params: Params, inputs: Inputs) -> Measure:
    """Each round with data weighs the same; without any there is no data."""
    rounds = [one for one in inputs.rounds if one.completeness > 0]
    if not rounds:
        return Measure()
    faults = []
    for judged in rounds:
        for one in judged.speedings:
            if one.length_m < params.least_m:
                continue
            en = f"{one.greatest_kmh:.0f} km/h over {one.length_m:.0f} m, limit {one.limit_kmh:.0f}"
            zh = f"超速{one.length_m:.0f}米，最高{one.greatest_kmh:.0f}公里/小时，限速{one.limit_kmh:.0f}"
            evidence = Evidence("speed", judged.plan, en, zh, judged.vehicle, one.start, one.end)
            name = f"speeding:{judged.plan}:{one.start // 60_000_000}"
            faults.append(Fault(name, params.share / len(rounds), params.points, evidence))
    return lost(faults)


KPI = Kpi("speeding", "Speeding", "超速", Params, measure)
