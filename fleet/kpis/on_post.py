"""Time on post: the share of the time on duty that was spent at the post, of what there is data about."""

from __future__ import annotations

from typing import Annotated

import msgspec

from fleet.evaluation.inputs import Inputs
from fleet.evaluation.kpi import Fault, Kpi, Measure, lost
from fleet.evaluation.result import Evidence


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Episodes up to ``tolerated_s`` cost nothing (a way to the water tap); ``points`` is for a sheet of deductions."""

    tolerated_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 600
    points: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.5


def measure(params: Params, inputs: Inputs) -> Measure:
    """Each episode off post costs its part of the known time; gaps, breaks and rest zones cost nothing."""
    known = sum(one.on_s + one.off_s + one.rest_s for one in inputs.posts)
    if known <= 0:
        return Measure()
    faults = []
    for post in inputs.posts:
        for one in post.episodes:
            if one.off_s <= params.tolerated_s:
                continue
            minutes, metres = round(one.off_s / 60), round(one.greatest_m)
            evidence = Evidence(
                "track",
                post.plan,
                f"off post for {minutes} min, up to {metres} m away",
                f"离开岗位{minutes}分钟，最远{metres}米",
                post.device,
                one.start,
                one.end,
            )
            name = f"off_post:{post.plan}:{post.worker}:{one.start // 60_000_000}"
            faults.append(Fault(name, one.off_s / known, params.points, evidence))
    return lost(faults)


KPI = Kpi("on_post", "Time on post", "在岗时间", Params, measure)
