"""Complaints that were found to be right."""

from __future__ import annotations

from fleet.evaluation.inputs import Inputs
from fleet.evaluation.kpi import Kpi, Measure, lost
from fleet.evaluation.sheet import SheetParams, chosen, faults


def measure(params: SheetParams, inputs: Inputs) -> Measure:
    """Nobody complained: full score, where anything was planned at all. Open complaints cost nothing yet."""
    found = chosen(params, inputs, "complaint")
    if not (found or inputs.presences or inputs.rounds or inputs.tasks):
        return Measure()
    return lost(faults(params, found))


KPI = Kpi("complaints", "Complaints", "投诉", SheetParams, measure)
