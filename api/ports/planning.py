"""What the API needs for collection planning, as protocols. All raise ``TransientError`` while the store is away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, Protocol

import msgspec

from devices.errors import SanihubError
from devices.instants import to_iso
from fleet.planning.audit import PlanAudit
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


class RunAudit(msgspec.Struct, frozen=True):
    """A plan that was entered, held against what was done in its shift ``[begin, end)`` (µs).

    ``in_force``: it is still what the trucks are to do; another plan has taken its place otherwise.
    """

    run: str
    on: date
    begin: int
    end: int
    in_force: bool
    audit: PlanAudit


class NotOverError(SanihubError):
    """The shift of a plan is not over yet, so nothing can be called missed."""

    def __init__(self, run: str, end: int) -> None:
        super().__init__(f"{run}: its shift is not over before {to_iso(end)}")


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

    async def audit(self, run: str) -> RunAudit | None:
        """A plan that was entered against what was done; None where there is none of that name.

        Raises NotOverError.
        """
