"""Inspections: what inspectors found at fault."""

from __future__ import annotations

from fleet.evaluation.inputs import Inputs
from fleet.evaluation.kpi import Kpi, Measure, lost
from fleet.evaluation.sheet import SheetParams, chosen, faults


def measure(params: SheetParams, inputs: Inputs) -> Measure:
    """Without any inspection in the categories there is no data; one that was passed is data."""
    looked = [one for one in chosen(params, inputs, "inspection") if one.outcome in ("passed", "fault")]
    return lost(faults(params, looked)) if looked else Measure()


KPI = Kpi("inspections", "Inspections", "检查", SheetParams, measure)
