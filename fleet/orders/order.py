"""A work order and its life. Instants are microseconds since 1970, positions WGS-84.

An order is *planned* until whoever is to do it has been told (*sent*), is *accepted* by them, and *done* by their word
or by evidence: the bin was emptied. An *overdue* order can still be done.
What evidence ended, the evidence can open again, when late data show that there was none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

import msgspec

from devices.errors import SanihubError

Kind = Literal["collect", "tip", "clean", "repair", "inspect", "clear", "other"]
State = Literal["planned", "sent", "accepted", "done", "cancelled", "overdue"]
Origin = Literal["plan", "alert", "incident", "hand"]
Action = Literal["assigned", "sent", "accepted", "done", "cancelled", "commented"]

OPEN_STATES: tuple[State, ...] = ("planned", "sent", "accepted", "overdue")
_FROM: Mapping[Action, frozenset[State]] = {
    "assigned": frozenset(OPEN_STATES),
    "sent": frozenset(("planned", "sent", "overdue")),
    "accepted": frozenset(("planned", "sent", "overdue")),
    "done": frozenset(OPEN_STATES),
    "cancelled": frozenset(OPEN_STATES),
    "commented": frozenset((*OPEN_STATES, "done", "cancelled")),
}
KIND_OF: Mapping[str, Kind] = {"bin": "collect", "toilet": "clean", "vehicle": "inspect", "worker": "inspect"}
"""What is to be done about a device of a kind, where nobody says."""


class OrderStateError(SanihubError):
    """The order is not in a state in which this can be done."""


class Assignee(msgspec.Struct, frozen=True):
    """Who is to do it: a vehicle, a crew, or a worker; at most one of them, by its id."""

    vehicle: str | None = None
    crew: str | None = None
    worker: str | None = None

    @property
    def anybody(self) -> bool:
        """Whether somebody is to do it."""
        return any((self.vehicle, self.crew, self.worker))


class NewOrder(msgspec.Struct, frozen=True):
    """An order as it is given. ``start``/``end``: by when; ``alert`` and ``incident`` are what it comes of.

    ``reference`` is drawn by whoever gives it, so that what is sent twice is one order.
    """

    reference: str
    kind: Kind
    title: str
    on: date
    start: int
    end: int
    note: str = ""
    assignee: Assignee = Assignee()
    device: str | None = None
    place: str = ""
    lon: float | None = None
    lat: float | None = None
    origin: Origin = "hand"
    alert: int | None = None
    incident: int | None = None

    @property
    def id(self) -> str:
        """The order's id."""
        return f"order-{self.reference}"


class Order(msgspec.Struct, frozen=True):
    """An order as it stands. ``sent_by`` is the way on which it was told, ``fault`` why that did not work last.

    ``evidence`` is what ended it without anybody's word.
    """

    id: str
    kind: str
    state: State
    title: str
    note: str
    on: date
    vehicle: str | None
    crew: str | None
    worker: str | None
    device: str | None
    place: str
    start: int
    end: int
    sequence: int
    run: str | None
    reason: str | None
    lon: float | None
    lat: float | None
    origin: Origin
    alert: int | None
    incident: int | None
    entered_at: int
    entered_by: str
    changed_at: int
    sent_at: int | None
    sent_by: str | None
    accepted_at: int | None
    done_at: int | None
    done_by: str | None
    evidence: Mapping[str, Any] | None
    fault: str | None


class OrderLine(msgspec.Struct, frozen=True):
    """What happened to an order, when, by whom."""

    at: int
    actor: str
    action: str
    text: str
    detail: Mapping[str, Any]


class OrdersWanted(msgspec.Struct, frozen=True):
    """Which orders; what is empty or None lets all in.

    ``own`` is a worker: orders of theirs and of their crew. ``within`` are devices: orders about or by one of them.
    """

    ids: tuple[str, ...] = ()
    on: date | None = None
    run: str | None = None
    vehicles: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    origins: tuple[Origin, ...] = ()
    alert: int | None = None
    incident: int | None = None
    own: str | None = None
    within: tuple[str, ...] | None = None


class Candidate(msgspec.Struct, frozen=True):
    """A vehicle that could do it: how far away (m, straight), how old that position is (s), its orders still open.

    ``protocol`` is how it was heard, and so whether it can be told.
    """

    vehicle: str
    name: str
    type: str | None
    distance_m: float
    age_s: float
    open_orders: int
    protocol: str | None


def check(action: Action, state: State, order: str) -> None:
    """Raises OrderStateError where ``action`` is not for an order in ``state``."""
    if state not in _FROM[action]:
        fit = " or ".join(one for one in (*OPEN_STATES, "done", "cancelled") if one in _FROM[action])
        raise OrderStateError(f"order {order} is {state}; {action} needs one that is {fit}")
