"""What the API needs for evaluations, as protocols. All raise ``TransientError`` while the store is away."""

from __future__ import annotations

from typing import Protocol

from devices.read_models import Page
from fleet.evaluation.inputs import Finding, Outcome, Task
from fleet.evaluation.records import Appeal, AppealState, EnteredScheme, FindingEntry, RecordFilter, TaskEntry
from fleet.evaluation.result import Evaluation, SubjectKind
from fleet.evaluation.scheme import Scheme


class SchemeKeeper(Protocol):
    """Versions of schemes that were entered; the ready-made ones are not among them."""

    async def versions(self, scheme: str | None = None) -> tuple[EnteredScheme, ...]:
        """Every version of a scheme, or of all; by id, the newest first."""

    async def enter(
        self, scheme: str, text: str, actor: str, since: int, comment: str = "", *, expected: int | None = None
    ) -> EnteredScheme:
        """Enter a version that was found to be sound; raises ``EvaluationStateError`` where it is stale."""


class RecordKeeper(Protocol):
    """Tasks and findings. The store gives the numbers; the same ``external`` twice is one record."""

    async def enter_task(self, task: Task, external: str | None = None) -> TaskEntry:
        """Enter a task."""

    async def enter_finding(self, finding: Finding, external: str | None = None) -> FindingEntry:
        """Enter an inspection or a complaint."""

    async def settle_task(self, number: int, actor: str, done_at: int | None, cancelled: bool) -> TaskEntry | None:
        """Say that a task is done (µs), not done after all, or cancelled; None: there is none."""

    async def decide(
        self, number: int, actor: str, outcome: Outcome, points: float | None, reason: str
    ) -> FindingEntry | None:
        """Change the outcome of a finding; None: there is none."""

    async def tasks(self, wanted: RecordFilter, *, cursor: str | None, limit: int) -> Page[TaskEntry]:
        """Tasks, entered last first."""

    async def findings(self, wanted: RecordFilter, *, cursor: str | None, limit: int) -> Page[FindingEntry]:
        """Findings, entered last first."""


class AppealKeeper(Protocol):
    """Appeals with their trail."""

    async def decide(self, number: int, actor: str, accepted: bool, remaining: float, decision: str) -> Appeal | None:
        """Decide an open one; raises ``EvaluationStateError`` for any other. None: there is none."""

    async def page(
        self, *, state: AppealState | None, worker: str | None, crew: str | None, cursor: str | None, limit: int
    ) -> Page[Appeal]:
        """Appeals, made last first."""

    async def appeal(self, number: int) -> Appeal | None:
        """One, or None."""


class EvaluationDesk(Protocol):
    """Evaluations and all that belongs to them."""

    @property
    def schemes(self) -> SchemeKeeper:
        """Schemes as entered."""

    @property
    def records(self) -> RecordKeeper:
        """Tasks, inspections, complaints."""

    @property
    def appeals(self) -> AppealKeeper:
        """Appeals."""

    async def scheme(self, name: str, at: int, version: int | None = None) -> Scheme | None:
        """A scheme in the version that judges a period which begins at ``at`` (µs), or in the one asked for."""

    async def scheme_text(self, name: str, at: int, version: int | None = None) -> EnteredScheme | None:
        """The same as text; version 0 is a ready-made one."""

    async def knows(self, kind: SubjectKind, name: str) -> bool:
        """Whether there is such a worker or crew."""

    async def workers(self, crew: str | None = None) -> tuple[str, ...]:
        """The ids of active workers, of a crew or all, in order."""

    async def evaluate(self, kind: SubjectKind, name: str, start: int, end: int, scheme: Scheme) -> Evaluation | None:
        """The evaluation of a worker or crew over ``[start, end)``; None: there is no such worker or crew."""

    async def appeal(
        self,
        kind: SubjectKind,
        name: str,
        start: int,
        end: int,
        scheme: Scheme,
        deduction: str,
        reason: str,
        actor: str,
    ) -> Appeal | None:
        """Make an appeal against a deduction; None: there is none. Raises ``EvaluationStateError``."""
