"""What reports need of others: stored data in pieces, and the judgement of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from fleet.compliance.result import Compliance
from fleet.master.places import Place
from fleet.master.plan import Plan
from fleet.master.route import Route
from fleet.reports.revision import Order
from fleet.track import Driven


class ReportSource(Protocol):
    """Where the pieces of a kind of report come from. Raises ``TransientError`` while the store is away."""

    async def keys(self, order: Order) -> Sequence[Any]:
        """What pieces there are, small things all: a vehicle, a plan. Raises OrderError for a subject that is none."""

    async def piece(self, order: Order, key: Any) -> Any:
        """What the ``reduce`` of the kind takes; None where there is nothing after all."""


class Judge(Protocol):
    """The judgement of a plan: from what was planned and what was driven, and from nothing else."""

    def __call__(
        self, plan: Plan, route: Route, shift_span: tuple[int, int], driven: Driven, places: Sequence[Place] = ()
    ) -> Compliance:
        """What became of the plan in its shift (``[start, end)``, µs)."""
