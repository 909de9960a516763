"""Bodies of evaluations, schemes, tasks, findings and appeals: of answers, and of what people send."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.instants import Instant, InstantQuery

_SAID = r"^[^\x00]*$"
_ID = r"^[^\x00-\x1f\x7f]*$"
Said = Annotated[str, Field(max_length=2_000, pattern=_SAID)]
Reason = Annotated[str, Field(min_length=1, max_length=2_000, pattern=_SAID)]
Known = Annotated[str, Field(min_length=1, max_length=64, pattern=_ID)]
Refs = Annotated[list[Annotated[str, Field(min_length=1, max_length=500, pattern=_ID)]], Field(max_length=20)]
OutcomeName = Literal["open", "passed", "fault", "dismissed"]
MOST_POINTS = 100


class _Body(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class EvidenceBody(_Body):
    """Where something can be looked up. The span leads to the device's stored positions; it lies within the shift."""

    kind: str = Field(description="shift, track, task, inspection, complaint, stop, stretch or speed.")
    id: str = Field(description="The plan, task, finding or stop.")
    en: str = Field(examples=["late by 12 min"])
    zh: str = Field(examples=["迟到12分钟"])
    device: str
    start: Instant
    end: Instant
    refs: list[str] = Field(description="What people have attached.")


class CorrectionBody(_Body):
    """An appeal that was accepted: the deduction costs `points` only."""

    deduction: str
    points: float
    by: str = Field(examples=["key:k3xo2c7q5a"])
    reason: str
    at: Instant
    appeal: int


class DeductionBody(_Body):
    """Points that were lost for one thing. `id` is what an appeal names."""

    id: str = Field(examples=["late:plan-7:li"])
    kpi: str
    points: float = Field(description="What the scheme asks for it.")
    taken: float = Field(description="What it cost: corrected, capped by its item, scaled where weights are spread.")
    evidence: EvidenceBody
    correction: CorrectionBody | None


class ItemBody(_Body):
    """One line of the scheme. Without data `score` is null, and its weight is spread over the others (`share`)."""

    id: str
    title: str
    title_zh: str
    kpis: list[str]
    weight: float
    share: float
    score: float | None
    points: float
    deductions: list[DeductionBody]


class AttendedBody(_Body):
    """A planned shift: present, absent or no_data. What is not known is null."""

    plan: str
    worker: str
    start: Instant
    end: Instant
    state: str
    arrived: Instant | None
    left: Instant | None
    late_s: float
    early_s: float
    known_s: float
    on_post_s: float | None
    off_post_s: float | None
    covered: float | None


class SummaryBody(_Body):
    """The evaluation of one worker or crew in short."""

    subject: str
    id: str
    name: str
    scheme: str
    scheme_version: int
    start: Instant
    end: Instant
    points: float | None = Field(description="Of 100; null where there is no data at all.")
    grade: str | None = Field(description="null where too little of the scheme has data.")
    grade_zh: str | None
    completeness: float | None = Field(description="Share of the planned hours that there is data about.")
    revision: str = Field(description="A hash: the same data gives the same.")


class EvaluationBody(SummaryBody):
    """An evaluation: each point that was lost stands under its item, with its evidence."""

    items: list[ItemBody]
    shifts: list[AttendedBody]
    welfare: list[EvidenceBody] = Field(description="Standing still for long: ask how they are. Costs nothing.")
    corrections: list[CorrectionBody]
    loose: list[CorrectionBody] = Field(description="Corrections whose deduction is not found any more.")


class SchemeBody(_Body):
    """A version of a scheme. 0 is a ready-made one."""

    id: str = Field(examples=["weighted"])
    version: int
    since: Instant = Field(description="Periods that begin then or later are judged by it, until the next version.")
    entered_at: Instant
    entered_by: str
    comment: str


class SchemeDetailBody(SchemeBody):
    """A version of a scheme with what it says (docs/fleet/evaluation.md)."""

    scheme: dict[str, Any]


class TaskBody(BaseModel):
    """A task."""

    id: int
    external: str | None
    title: str
    worker: str | None
    crew: str | None
    category: str
    area: str | None
    start: Instant
    due: Instant
    done_at: Instant | None
    cancelled: bool
    refs: list[str]
    entered_by: str
    entered_at: Instant


class FindingBody(BaseModel):
    """What was found in an inspection, or complained of."""

    id: int
    external: str | None
    kind: str
    at: Instant
    outcome: str
    category: str
    text: str
    points: float | None
    worker: str | None
    crew: str | None
    area: str | None
    refs: list[str]
    entered_by: str
    entered_at: Instant
    decided_at: Instant | None
    decided_by: str | None
    reason: str | None


class ContestedBody(_Body):
    """The deduction that an appeal is about, as it stood then."""

    subject: str
    name: str
    scheme: str
    version: int
    item: str
    deduction: str
    points: float
    start: Instant
    end: Instant
    en: str
    zh: str


class AppealBody(_Body):
    """An appeal with its trail."""

    id: int
    about: ContestedBody
    reason: str
    entered_at: Instant
    entered_by: str
    state: str = Field(description="open, accepted or rejected.")
    remaining: float | None = Field(description="What the deduction still costs, in points of the scheme.")
    decided_at: Instant | None
    decided_by: str | None
    decision: str | None


# -- what people send --------------------------------------------------------------------------------------------------


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _NamedForm(_Form):
    worker: Known | None = Field(default=None, examples=["li"])
    crew: Known | None = Field(default=None, examples=["east"])

    @model_validator(mode="after")
    def _names_somebody(self) -> _NamedForm:
        if (self.worker is None) == (self.crew is None):
            raise ValueError("expected either worker or crew")
        return self


class TaskForm(_NamedForm):
    """A task for a worker or a crew. `external` is your own name for it: sent twice it is entered once."""

    title: Annotated[str, Field(min_length=1, max_length=200, pattern=_SAID)]
    start: InstantQuery
    due: InstantQuery
    category: Annotated[str, Field(max_length=64, pattern=_ID)] = ""
    area: Known | None = None
    refs: Refs = []
    external: Annotated[str, Field(min_length=1, max_length=200, pattern=_ID)] | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> TaskForm:
        if self.due <= self.start:
            raise ValueError("expected due after start")
        return self


class SettleForm(_Form):
    """When a task was done; null: it was not. Or that it is cancelled, and counts no more."""

    done_at: InstantQuery | None = None
    cancelled: bool = False


class FindingForm(_NamedForm):
    """An inspection or a complaint. `points` is what it costs by a sheet of deductions; else the scheme says."""

    kind: Literal["inspection", "complaint"]
    at: InstantQuery
    outcome: OutcomeName
    category: Annotated[str, Field(max_length=64, pattern=_ID)] = ""
    text: Said = ""
    points: Annotated[float, Field(ge=0, le=MOST_POINTS, allow_inf_nan=False)] | None = None
    area: Known | None = None
    refs: Refs = []
    external: Annotated[str, Field(min_length=1, max_length=200, pattern=_ID)] | None = None


class DecideFindingForm(_Form):
    """What came of looking into a finding, and why."""

    outcome: OutcomeName
    reason: Reason
    points: Annotated[float, Field(ge=0, le=MOST_POINTS, allow_inf_nan=False)] | None = None


class AppealForm(_NamedForm):
    """Against a deduction of an evaluation: its `id`, and the period and scheme of the evaluation that has it."""

    deduction: Annotated[str, Field(min_length=1, max_length=400, pattern=_ID)]
    reason: Reason
    from_: InstantQuery = Field(alias="from")
    to: InstantQuery
    scheme: Known = "weighted"
    version: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


class DecideAppealForm(_Form):
    """Accepted or not, why, and what the deduction still costs (0: nothing)."""

    accepted: bool
    reason: Reason
    remaining: Annotated[float, Field(ge=0, le=MOST_POINTS, allow_inf_nan=False)] = 0.0


EVALUATION_FORMS: tuple[type[BaseModel], ...] = (
    TaskForm, SettleForm, FindingForm, DecideFindingForm, AppealForm, DecideAppealForm,
)  # fmt: skip
