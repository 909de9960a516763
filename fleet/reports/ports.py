"""What reports need of others: stored data, in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from fleet.reports.revision import Order


class ReportSource(Protocol):
    """Where the pieces of a kind of report come from. Raises ``TransientError`` while the store is away."""

    async def keys(self, order: Order) -> Sequence[Any]:
        """What pieces there are, small things all: a vehicle, a plan. Raises OrderError for a subject that is none."""

    async def piece(self, order: Order, key: Any) -> Any:
        """What the ``reduce`` of the kind takes; None where there is nothing after all."""
