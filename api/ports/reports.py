"""What the API needs for reports. All but the jobs raise ``TransientError`` while the store is away."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from devices.errors import SanihubError
from devices.read_models import Page
from fleet.reports.records import Report, ReportEntry
from fleet.reports.revision import Order
from fleet.reports.words import Language

JobState = Literal["waiting", "working", "done", "failed", "cancelled"]


class BusyError(SanihubError):
    """Too many reports are waiting to be made."""


class JobEntry(msgspec.Struct, frozen=True):
    """A report that is being made: ``done`` of ``whole`` pieces (None: not known yet).

    ``report`` is the revision that says it, once it is done; ``made`` whether that revision is a new one.
    """

    id: str
    order: Order
    actor: str
    ordered_at: int
    state: JobState = "waiting"
    done: int = 0
    whole: int | None = None
    report: int | None = None
    made: bool = False
    error: str | None = None
    ended_at: int | None = None


class RenderedReport(msgspec.Struct, frozen=True):
    """A report as a file."""

    content: bytes
    media_type: str
    name: str


class ReportDesk(Protocol):
    """Reports, and the jobs that make them."""

    def order(self, order: Order, actor: str) -> JobEntry:
        """Enter a job. Raises OrderError for one that cannot be made, BusyError when too many wait."""

    def job(self, job_id: str) -> JobEntry | None:
        """How far a job is."""

    def cancel(self, job_id: str) -> JobEntry | None:
        """End a job that is not done."""

    async def reports(
        self, *, kind: str | None, like: int | None, without: tuple[str, ...], cursor: str | None, limit: int
    ) -> Page[ReportEntry]:
        """Revisions, the newest first.

        ``like``: those of the same order as that report; ``without``: kinds that are left out.
        """

    async def report(self, report_id: int) -> Report | None:
        """A revision with what it says, or None."""

    async def rendered(
        self, report: Report, name: str, language: Language, table: str | None, bom: bool = True
    ) -> RenderedReport:
        """A revision in a format. Raises ValueError for a table that is not there."""

    async def sign(self, report_id: int, actor: str, name: str, comment: str) -> int | None:
        """Somebody signs a revision; None: there is no such report."""

    async def appeal(self, report_id: int, actor: str, name: str, about: str, reason: str) -> int | None:
        """Somebody does not agree; the appeal's number, None: there is no such report."""

    async def decide(self, report_id: int, appeal: int, *, accepted: bool, decision: str, actor: str) -> bool:
        """Decide an appeal. False: there is none. Raises SettledError where it was decided already."""
