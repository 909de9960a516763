"""A device as the hub tracks it, for tests: live while it can, else folded again from a checkpoint."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

from alerts.moment import Moment, gather
from devices.vocabulary import Device, Fix, Position, Reading
from fleet.trackers.checkpoint import pack, unpack
from fleet.trackers.fold import Fold, Proposal
from fleet.trackers.ports import NoPlans, PlanBook
from fleet.trackers.tracker import Derived, State, Tracker

SECOND = 1_000_000
MINUTE = 60 * SECOND
START = 1_780_243_200_000_000
VEHICLE = Device(1, "truck-1", "vehicle")
Stored = Reading | Fix
Line = tuple[int, str, Any]


def said(
    at_s: float, device: Device = VEHICLE, place: tuple[float, float] | None = None, **readings: float
) -> list[Stored]:
    """What a device says ``at_s`` seconds after the start, ``place`` metres east and north of a crossing."""
    at = START + round(at_s * SECOND)
    stored: list[Stored] = [Reading(device, name, value, at, at) for name, value in readings.items()]
    if place is not None:
        stored.append(Fix(device, at, at, Position(*on_earth(*place))))
    return stored


def on_earth(east_m: float, north_m: float) -> tuple[float, float]:
    """Latitude and longitude of a point near the crossing (a degree there is 111,195 m, and 96,299 m east)."""
    return 30.0 + north_m / 111_195.0, 114.0 + east_m / 96_297.6


def gathered(stored: Iterable[Stored]) -> dict[int, dict[int, Moment]]:
    one = list(stored)
    return gather([r for r in one if isinstance(r, Reading)], [f for f in one if isinstance(f, Fix)], [])


def moments(stored: Iterable[Stored], device: Device = VEHICLE) -> list[Moment]:
    found = gathered(stored).get(device.key, {})
    return [found[at] for at in sorted(found)]


def lines(derived: Iterable[Derived]) -> list[Line]:
    """Derived records, flat: readings, events, and the last form of each trip and stop."""
    flat: list[Line] = []
    rows: dict[tuple[str, int], Line] = {}
    for one in derived:
        flat += [(one.at, name, value) for name, value in one.readings.items()]
        flat += [(one.at, kind, tuple(attributes.items())) for kind, attributes in one.events()]
        rows |= {("trip", trip.start): (trip.start, "row", (trip, *spots)) for trip, *spots in one.trips}
        rows |= {("halt", halt.start): (halt.start, "row", (halt, spot)) for halt, spot in one.halts}
    return sorted([*flat, *rows.values()], key=repr)


def ordered(stored: Iterable[Stored], book: PlanBook | None = None, device: Device = VEHICLE) -> list[Derived]:
    """What a history derives that came in order, once."""
    return Fold(Tracker(book or NoPlans())).run(State(), device, moments(stored, device))


class Hub:
    """The hub's way with one device."""

    def __init__(self, book: PlanBook | None = None, device: Device = VEHICLE) -> None:
        self.device = device
        self.fold = Fold(Tracker(book or NoPlans()))
        self.fold.admit(device.key, State())
        self.stored: list[Stored] = []
        self.derived: list[Derived] = []
        self.checkpoints: list[tuple[int, bytes]] = []
        self.repairs = 0

    def deliver(self, batch: Sequence[Stored], *, committed: bool = True) -> None:
        """A batch, that may fail to be committed; then what is dirty is repaired."""
        proposal = self.fold.propose(gathered(batch), {self.device.key: self.device})
        if not committed:
            return
        self.stored += batch
        self._take(proposal)
        if self.fold.dirty:
            self.repair()

    def die(self) -> None:
        """The hub is killed: what is left is the store, and the newest checkpoint that it holds."""
        self.fold = Fold(self.fold.tracker)
        kept = self.checkpoints[-1] if self.checkpoints else None
        state = unpack(kept[1]) if kept else State()
        assert state is not None
        since = state.at
        known = [one for one in moments(self.stored, self.device) if one.at >= since]
        self.fold.run(state, self.device, [one for one in known if one.at > since])
        self.fold.admit(self.device.key, state, recent=known)

    def repair(self) -> None:
        self.repairs += 1
        since = self.fold.dirty[self.device.key]
        self.checkpoints = [one for one in self.checkpoints if one[0] < since]
        state = unpack(self.checkpoints[-1][1]) if self.checkpoints else State()
        assert state is not None
        start = state.at
        later = [one for one in moments(self.stored, self.device) if one.at > start]
        self.derived = [one for one in self.derived if one.at <= start]
        self.derived += self.fold.run(state, self.device, later)
        self.fold.admit(self.device.key, state, recent=later)

    def _take(self, proposal: Proposal) -> None:
        self.derived += [one for _, one in proposal.derived]
        self.checkpoints += proposal.checkpoints.values()
        for key, state in proposal.states.items():
            if not proposal.checkpoints and random.Random(state.at).random() < 0.3:
                self.checkpoints.append((state.at, pack(state)))
            assert key == self.device.key
        self.fold.accept(proposal)
