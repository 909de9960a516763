"""What is kept for evaluations: versions of schemes, tasks and findings as entered, and appeals. Instants in µs."""

from __future__ import annotations

from typing import Literal

import msgspec

from devices.errors import SanihubError
from fleet.evaluation.inputs import Finding, FindingKind, Task
from fleet.evaluation.result import Correction, SubjectKind

AppealState = Literal["open", "accepted", "rejected"]


class EnteredScheme(msgspec.Struct, frozen=True):
    """A version of a scheme, as text. Periods that begin at ``since`` or later are judged by it, until the next one.

    Version 0 is a ready-made one: it is always in force where nothing else is.
    """

    id: str
    version: int
    since: int
    entered_at: int
    entered_by: str
    comment: str
    text: str


class TaskEntry(msgspec.Struct, frozen=True):
    """A task with who entered it."""

    task: Task
    entered_at: int
    external: str | None = None


class FindingEntry(msgspec.Struct, frozen=True):
    """A finding with who entered it and who decided about it last."""

    finding: Finding
    entered_at: int
    external: str | None = None
    decided_at: int | None = None
    decided_by: str | None = None
    reason: str | None = None


class RecordFilter(msgspec.Struct, frozen=True):
    """Which records: of a worker, of a crew, of a span ([start, end): when found, or when due); None lets all in."""

    workers: tuple[str, ...] | None = None
    crews: tuple[str, ...] | None = None
    start: int | None = None
    end: int | None = None
    kind: FindingKind | None = None


class Contested(msgspec.Struct, frozen=True):
    """The deduction that an appeal is about, as it stood then."""

    subject: SubjectKind
    name: str
    scheme: str
    version: int
    item: str
    deduction: str
    points: float
    start: int
    end: int
    en: str
    zh: str


class Appeal(msgspec.Struct, frozen=True):
    """An appeal with its trail: who made it and why, who decided, how and why. ``remaining`` is what is still lost."""

    id: int
    about: Contested
    reason: str
    entered_at: int
    entered_by: str
    state: AppealState = "open"
    remaining: float | None = None
    decided_at: int | None = None
    decided_by: str | None = None
    decision: str | None = None

    def correction(self) -> Correction | None:
        """The correction that it became; None unless it was accepted."""
        if self.state != "accepted" or self.decided_at is None:
            return None
        return Correction(
            *(self.about.deduction, self.remaining or 0.0, self.decided_by or "", self.decision or ""),
            at=self.decided_at,
            appeal=self.id,
            item=self.about.item,
            start=self.about.start,
            end=self.about.end,
        )


class EvaluationStateError(SanihubError):
    """It cannot be done in this state: the appeal is decided, another one is open, the scheme has a newer version."""
