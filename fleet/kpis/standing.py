"""Standing still for long. In no ready-made scheme: it is a sign to look after somebody (docs/fleet/evaluation.md)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from fleet.evaluation.inputs import Inputs
from fleet.evaluation.kpi import Fault, Kpi, Measure, lost
from fleet.evaluation.result import Evidence


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scheme that wants it has to say what it costs: by default nothing."""

    points: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.0
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0


def measure(params: Params, inputs: Inputs) -> Measure:
    """Each span of standing costs what the scheme says."""
    if not any(one.on_s + one.off_s + one.rest_s for one in inputs.posts):
        return Measure()
    return lost(
        Fault(
            f"standing:{evidence.id}:{evidence.device}:{evidence.start // 60_000_000}",
            params.share,
            params.points,
            evidence,
        )
        for evidence in standings(inputs)
    )


def standings(inputs: Inputs) -> tuple[Evidence, ...]:
    """Spans in which somebody stood still for long, on shift, outside breaks and rest zones."""
    found = []
    for post in inputs.posts:
        for one in post.standings:
            minutes = round((one.end - one.start) / 60_000_000)
            en, zh = f"standing still for {minutes} min: ask how they are", f"静止{minutes}分钟：请关心询问"
            found.append(Evidence("track", post.plan, en, zh, post.device, one.start, one.end))
    return tuple(found)


KPI = Kpi("standing", "Standing still", "长时间静止", Params, measure)
