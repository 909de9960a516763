"""Tasks: done, done late, or not done."""

from __future__ import annotations

from typing import Annotated

import msgspec

from fleet.evaluation.inputs import Inputs, Task
from fleet.evaluation.kpi import Fault, Kpi, Measure, lost
from fleet.evaluation.result import Evidence


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A task that was done late costs the share ``late`` of one that was not done."""

    late: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    points: Annotated[float, msgspec.Meta(ge=0, le=100)] = 1.0


def measure(params: Params, inputs: Inputs) -> Measure:
    """Each task that was due weighs the same; without any there is no data."""
    due = [one for one in inputs.tasks if one.due <= inputs.now]
    if not due:
        return Measure()
    return lost(
        Fault(f"task:{one.id}", share / len(due), params.points * share, _evidence(one))
        for one in due
        if (share := 1.0 if one.done_at is None else params.late if one.done_at >= one.due else 0.0)
    )


def _evidence(one: Task) -> Evidence:
    en, zh = f"task not done: {one.title}", f"任务未完成：{one.title}"
    if one.done_at is not None:
        minutes = max(1, round((one.done_at - one.due) / 60_000_000))
        en, zh = f"task {minutes} min late: {one.title}", f"任务超时{minutes}分钟：{one.title}"
    return Evidence("task", one.id, en, zh, "", one.start, one.due, one.refs)


KPI = Kpi("tasks", "Tasks", "任务", Params, measure)
