"""What the API needs for work orders, as a protocol. Everything raises ``TransientError`` while the store is away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from devices.errors import SanihubError
from devices.read_models import Page
from fleet.orders.order import Action, Assignee, Candidate, Order, OrderLine, OrdersWanted


class UnknownSubjectError(SanihubError):
    """The order is about something that does not exist."""

    def __init__(self, what: str, name: object) -> None:
        super().__init__(f"there is no {what} {name!r}")
        self.what, self.name = what, name


class OrderDesk(Protocol):
    """Work orders, and what people do with them; each step is noted in the order's history and in the audit."""

    async def give(self, fields: Mapping[str, Any], actor: str, *, within: tuple[str, ...] | None) -> tuple[str, bool]:
        """Enter an order; its id, and whether it is new. What is not said follows from the alert or the device.

        Raises ``UnknownSubjectError``, ``RejectedError`` for a reference or incident that does not fit, and
        ``IncidentStateError``.
        """

    async def order(self, order_id: str) -> tuple[Order, tuple[OrderLine, ...]] | None:
        """One with its history, or None."""

    async def page(self, wanted: OrdersWanted, *, cursor: str | None, limit: int) -> Page[Order]:
        """Orders by their planned start."""

    async def candidates(
        self,
        lon: float,
        lat: float,
        *,
        kind: str,
        within: tuple[str, ...] | None,
        cursor: str | None = None,
        limit: int,
    ) -> Page[Candidate]:
        """Vehicles that could do something of a kind there, the nearest first."""

    async def assign(self, order_id: str, actor: str, assignee: Assignee) -> bool:
        """Let somebody else do it; False: no such order. Raises ``OrderStateError``, ``UnknownSubjectError``."""

    async def act(self, order_id: str, actor: str, action: Action, text: str) -> bool:
        """A step of its life; False: no such order. Raises ``OrderStateError``."""

    async def send_run(self, run: str, actor: str) -> int:
        """Let the orders of a plan be sent down before they begin; how many there are."""
