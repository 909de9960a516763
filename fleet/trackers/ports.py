"""What the trackers need of others: what was said of an instant, and what is planned for a device at an instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from devices.vocabulary import Position
from fleet.master.places import Area, Place
from fleet.master.route import Route


class Moment(Protocol):
    """All that one device said of one instant ``at`` (µs): sound readings by metric, and its valid position."""

    @property
    def at(self) -> int:
        """The instant, µs."""
        ...

    @property
    def readings(self) -> Mapping[str, float]:
        """Values by metric."""
        ...

    @property
    def position(self) -> Position | None:
        """Where it was."""
        ...


class Task(msgspec.Struct, frozen=True):
    """What a device has to do from ``start`` until ``end`` (µs): a plan, resolved for its service date.

    ``route`` or ``area`` is the version in force for that date.
    """

    plan: str
    start: int
    end: int
    route: Route | None = None
    area: Area | None = None


class PlanBook(Protocol):
    """What is planned, in memory: it is asked for every moment, and must answer the same while a device is folded.

    A plan that is entered or changed for a time that was folded already makes that device's history dirty from
    the plan's start on; whoever changes the book says so to the desk.
    """

    def task(self, device: str, at: int) -> Task | None:
        """What a device (its id) has to do at an instant (µs); None outside its shifts."""
        ...

    def places(self) -> Sequence[Place]:
        """Depots, tips, fuel stations and the like."""
        ...


class NoPlans:
    """A book in which nothing is planned: vehicles still have work states, trips and stops."""

    def task(self, device: str, at: int) -> Task | None:
        """None."""
        return None

    def places(self) -> Sequence[Place]:
        """None."""
        return ()
