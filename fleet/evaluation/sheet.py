"""Findings on a sheet of deductions: which of them a KPI takes, and what each costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec

from fleet.evaluation.inputs import Finding, FindingKind, Inputs
from fleet.evaluation.kpi import Fault
from fleet.evaluation.result import Evidence


class SheetParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Findings of ``categories`` (none: all). One without points of its own costs ``points``; ``full`` cost the score.

    0.5 to 1 point for each is what individual sheets take (DOMAIN.md).
    """

    categories: tuple[str, ...] = ()
    points: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.5
    full: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 5.0


def chosen(params: SheetParams, inputs: Inputs, kind: FindingKind) -> list[Finding]:
    """The findings of a kind that these parameters are about."""
    return [
        one
        for one in inputs.findings
        if one.kind == kind and (not params.categories or one.category in params.categories)
    ]


def faults(params: SheetParams, findings: Iterable[Finding]) -> Iterator[Fault]:
    """A fault for each finding that was found to be one."""
    for one in findings:
        if one.outcome == "fault":
            points = params.points if one.points is None else one.points
            what = one.text or one.category or one.id
            en, zh = ("inspection: ", "检查：") if one.kind == "inspection" else ("complaint: ", "投诉：")
            evidence = Evidence(one.kind, one.id, en + what, zh + what, "", one.at, one.at, one.refs)
            yield Fault(f"{one.kind}:{one.id}", points / params.full, points, evidence)
