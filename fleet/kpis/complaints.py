"""Complaints that were found to be right."""

from __future__ import annotations

from fleet.evaluation.inputs import Inputs
from fleet.evaluation.kpi import Kpi, Measure, lost
from fleet.evaluation.sheet import SheetParams, chosen, faults


def measure(params: SheetParams, inputs: Inputs) -> Measure:
    """Nobody complained: full score, where somebody is known to have worked. Open complaints cost nothing yet."""
    found = chosen(params, inputs, "complaint")
    worked = any(one.state == "present" for one in inputs.presences) or any(one.completeness for one in inputs.rounds)
    if not (found or worked):
        return Measure()
    return lost(faults(params, found))


KPI = Kpi("complaints", "Complaints", "投诉", SheetParams, measure)
