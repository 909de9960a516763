"""An incident and its life: reported, then ordered or handed on, then done; or rejected.

Instants are microseconds since 1970, positions WGS-84. The time of a report is the reporter's where it can be believed:
phones keep a report while they are out of reach, and their clocks are right in general, but not always.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from devices.clock import DAY, ClockPolicy, Verdict, judge
from devices.errors import SanihubError

State = Literal["reported", "ordered", "handed_on", "done", "rejected"]
Action = Literal["ordered", "handed_on", "commented", "done", "rejected"]

OLDEST_REPORT = 30 * DAY  #: a phone that was out of reach for longer is not believed to know the time
_OPEN: frozenset[State] = frozenset({"reported", "ordered", "handed_on"})
_FROM: Mapping[Action, frozenset[State]] = {
    "ordered": frozenset({"reported", "handed_on"}),
    "handed_on": frozenset({"reported", "ordered", "handed_on"}),
    "commented": frozenset({"reported", "ordered", "handed_on", "done", "rejected"}),
    "done": _OPEN,
    "rejected": frozenset({"reported", "ordered"}),
}


class IncidentStateError(SanihubError):
    """The incident is not in a state in which this can be done."""


class Report(msgspec.Struct, frozen=True):
    """What a person says. ``reference`` is drawn by them, so that a report that is sent twice is one.

    ``accuracy_m`` is what the phone says of its position; ``device`` a bin or toilet that it is about.
    """

    reference: str
    category: str
    lat: float
    lon: float
    accuracy_m: float | None = None
    text: str = ""
    place: str = ""
    device: str | None = None
    claimed_at: int | None = None


class Reporter(msgspec.Struct, frozen=True):
    """Who reports: the audit's name, the one that people know, and the worker that it is, if any."""

    actor: str
    name: str
    worker: str | None = None


class Photo(msgspec.Struct, frozen=True):
    """A photo without its bytes. ``taken_at`` is what the camera wrote into it: a claim, without a zone."""

    sha256: str
    media_type: str
    width: int
    height: int
    bytes: int
    taken_at: str | None
    entered_at: int
    entered_by: str


class LogLine(msgspec.Struct, frozen=True):
    """What happened, when, by whom."""

    at: int
    actor: str
    action: str
    text: str
    detail: Mapping[str, Any]


class Letter(msgspec.Struct, frozen=True):
    """What another department was told, and what became of it."""

    id: str
    department: str
    entered_at: int
    attempts: int
    delivered_at: int | None
    given_up_at: int | None
    answer: str | None


class Incident(msgspec.Struct, frozen=True):
    """An incident as it stands now. ``claimed_at`` is set where the reporter's clock could not be believed."""

    id: int
    reference: str
    category: str
    state: State
    text: str
    lat: float
    lon: float
    accuracy_m: float | None
    place: str
    area: str | None
    device: str | None
    seen_at: int
    claimed_at: int | None
    entered_at: int
    entered_by: str
    reporter: str
    worker: str | None
    department: str | None
    work_order: str | None
    changed_at: int
    photos: int


class Dossier(msgspec.Struct, frozen=True):
    """An incident with all that proves it, oldest first."""

    incident: Incident
    photos: tuple[Photo, ...]
    log: tuple[LogLine, ...]
    letters: tuple[Letter, ...]


class IncidentFilter(msgspec.Struct, frozen=True):
    """Which incidents; what is empty or None lets all in. ``bbox`` is west, south, east, north in degrees."""

    states: tuple[State, ...] = ()
    categories: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    start: int | None = None
    end: int | None = None
    bbox: tuple[float, float, float, float] | None = None
    entered_by: str | None = None


def believed(claimed_at: int | None, now: int) -> tuple[int, int | None]:
    """The time that an incident is filed at, and the claim where it was not believed (µs)."""
    policy = ClockPolicy(oldest=now - OLDEST_REPORT)
    if claimed_at is not None and judge(claimed_at, now, policy) is Verdict.PLAUSIBLE:
        return claimed_at, None
    return now, claimed_at


def check(action: Action, state: State, number: int) -> None:
    """Raises IncidentStateError where ``action`` is not for an incident in ``state``."""
    if state not in _FROM[action]:
        raise IncidentStateError(
            f"incident {number} is {state}; {action} needs one that is {' or '.join(sorted(_FROM[action]))}"
        )
