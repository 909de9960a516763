"""What an evaluation says: points, and for each point that was lost where it comes from.

Instants are µs since 1970 UTC, durations seconds. Points are those of the scheme (100 in all). Texts come in English
and Chinese. Whatever there is no data about is None and takes no points: its weight is spread over the other items.
"""

from __future__ import annotations

from typing import Literal

import msgspec

SubjectKind = Literal["worker", "crew"]
EvidenceKind = Literal["shift", "track", "task", "inspection", "complaint", "stop", "stretch", "speed"]


class Evidence(msgspec.Struct, frozen=True, order=True):
    """Where a loss can be looked up. ``kind`` says what ``id`` names: a plan, a task, a finding, a stop.

    ``device`` and the span lead to the stored positions and readings; they never reach beyond the shift. ``refs`` are
    what people have attached (pictures, papers), as they entered them.
    """

    kind: EvidenceKind
    id: str
    en: str
    zh: str
    device: str = ""
    start: int = 0
    end: int = 0
    refs: tuple[str, ...] = ()


class Correction(msgspec.Struct, frozen=True, order=True):
    """An appeal that was accepted: the deduction costs ``points`` only (0: nothing), who says so, when and why.

    ``item``, ``start`` and ``end`` are those of the deduction when the appeal was made: where late data has moved an
    episode a little, the correction follows it.
    """

    deduction: str
    points: float
    by: str
    reason: str
    at: int
    appeal: int = 0
    item: str = ""
    start: int = 0
    end: int = 0


class Deduction(msgspec.Struct, frozen=True):
    """Points lost for one thing. ``id`` is what an appeal names; it stays the same when the evaluation is made anew.

    ``points`` is what the scheme asks for it, ``taken`` what it cost: less where it was corrected, or where the item
    had no more to lose; scaled with the weight where weights were spread.
    """

    id: str
    kpi: str
    points: float
    taken: float
    evidence: Evidence
    correction: Correction | None = None


class Item(msgspec.Struct, frozen=True):
    """One line of the scheme. ``score`` is from 0 to 1, None without data.

    ``weight`` is the scheme's, ``share`` what it weighs here: 0 without data, else more where other items have none.
    ``points`` = ``share`` · ``score``, and ``share`` - ``points`` is the sum of what its deductions took.
    """

    id: str
    title: str
    title_zh: str
    kpis: tuple[str, ...]
    weight: float
    share: float
    score: float | None
    points: float
    deductions: tuple[Deduction, ...] = ()


class Attended(msgspec.Struct, frozen=True):
    """A planned shift in the result, for the sheet of attendance; ``state`` and fields as in attendance.Presence."""

    plan: str
    worker: str
    start: int
    end: int
    state: str
    arrived: int | None
    left: int | None
    late_s: float
    early_s: float
    known_s: float
    on_post_s: float | None = None
    off_post_s: float | None = None
    covered: float | None = None


class Evaluation(msgspec.Struct, frozen=True):
    """A worker or crew over ``[start, end)`` under a scheme.

    ``points`` are None where no item has data, ``grade`` where too little has. ``completeness`` is the share of the
    planned hours that there is data about, None where nothing was planned. ``welfare`` are events that ask for a look
    and cost nothing (standing still for long). ``corrections`` are all that count here; ``loose`` those whose deduction
    is not found any more. ``revision`` is a hash over everything else: the same data gives the same.
    """

    scheme: str
    scheme_version: int
    subject: SubjectKind
    id: str
    name: str
    start: int
    end: int
    points: float | None
    grade: str | None
    grade_zh: str | None
    items: tuple[Item, ...]
    completeness: float | None
    shifts: tuple[Attended, ...] = ()
    welfare: tuple[Evidence, ...] = ()
    corrections: tuple[Correction, ...] = ()
    loose: tuple[Correction, ...] = ()
    revision: str = ""
