"""What the API needs for collection planning, as protocols. All raise ``TransientError`` while the store is away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec

from fleet.planning.problem import CollectionPlan

RunState = Literal["waiting", "running", "done", "failed"]


class PlanningJob(msgspec.Struct, frozen=True):
    """A planning that was asked for. ``run`` is the plan's name once it is done; ``fault`` why it failed.

    ``chosen_from`` is how many bins are known, ``nowhere`` names those that stand nobody knows where.
    """

    id: str
    state: RunState
    asked_at: int
    asked_by: str
    run: str | None = None
    plan: CollectionPlan | None = None
    entered: bool = False
    cancelled: int = 0
    chosen_from: int = 0
    nowhere: tuple[str, ...] = ()
    fault: str | None = None


class BusyError(Exception):
    """Too many plannings are waiting; try again later."""


class Planning(Protocol):
    """Plannings run beside the hub, one at a time."""

    def ask(self, wanted: Mapping[str, Any], actor: str, *, enter: bool) -> PlanningJob:
        """Begin a planning of ``hub.planning.request.Request``'s fields; ``enter``: enter its work orders too.

        Raises ValueError for fields that do not fit, and BusyError.
        """

    def job(self, job_id: str) -> PlanningJob | None:
        """A planning that was asked for of late, or None."""
