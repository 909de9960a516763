"""Bodies of reports: what is ordered, what is answered, and what people say of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from api.instants import DAY, Instant, InstantQuery
from api.params.fields import Cursor
from fleet.reports.document import Said
from fleet.reports.records import Report, ReportEntry
from fleet.reports.revision import Order
from fleet.reports.stamp import Change

MOST_DAYS = 400
_SAID = r"^[^\x00]*$"
Words = Annotated[str, Field(min_length=1, max_length=200, pattern=_SAID)]
Longer = Annotated[str, Field(max_length=2_000, pattern=_SAID)]
Choice = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]


def zone_of(name: str) -> str:
    """An IANA zone that is known here. Raises ValueError."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected an IANA time zone such as Asia/Shanghai") from None
    return name


class ReportForm(BaseModel):
    """An order for a report over a span."""

    model_config = ConfigDict(extra="forbid")

    kind: Choice = Field(examples=["route_compliance"])
    from_: InstantQuery = Field(alias="from", description="Start, included.")
    to: InstantQuery = Field(description="End, not included.")
    zone: Annotated[str, Field(max_length=60)] = Field(default="Asia/Shanghai", description="IANA time zone.")
    subject: dict[Literal["route", "vehicle", "plan", "toilet", "worker", "crew", "scheme"], Choice] = Field(
        default_factory=dict, description="Whom it is about; without any: everything."
    )

    @field_validator("zone")
    @classmethod
    def _zone(cls, name: str) -> str:
        return zone_of(name)

    @model_validator(mode="after")
    def _span(self) -> Self:
        if self.from_ >= self.to:
            raise ValueError("from: expected an instant before `to`")
        if self.to - self.from_ > MOST_DAYS * DAY:
            raise ValueError(f"to: expected at most {MOST_DAYS} days after `from`")
        return self

    def order(self) -> Order:
        """The order."""
        return Order(self.kind, self.from_, self.to, self.zone, {str(k): v for k, v in self.subject.items()})


class ReportOrderBody(BaseModel):
    """What a report is about."""

    kind: str
    from_: Instant = Field(serialization_alias="from")
    to: Instant
    zone: str
    subject: dict[str, str]

    @classmethod
    def of(cls, order: Order) -> Self:
        """The body of an order."""
        return cls(kind=order.kind, from_=order.start, to=order.end, zone=order.zone, subject=dict(order.subject))


class ReportJobBody(BaseModel):
    """A report that is being made. `report` is its number once `state` is done."""

    id: str
    order: ReportOrderBody
    state: str = Field(description="waiting, working, done, failed or cancelled.", examples=["working"])
    done: int = Field(description="Pieces that are done.")
    whole: int | None = Field(description="Pieces in all; null: not known yet.")
    report: int | None
    new_revision: bool = Field(description="Whether a new revision was made; false: the newest one says the same.")
    error: str | None
    ordered_at: Instant


class ReportBody(BaseModel):
    """A revision of a report."""

    id: int
    order: ReportOrderBody
    revision: int
    newest_revision: int
    hash: str = Field(description="SHA-256 of the content, the same for the same data.")
    made_at: Instant
    made_by: str
    changes: int = Field(description="Changes against the revision before.")
    signatures: int
    open_appeals: int

    @classmethod
    def of(cls, entry: ReportEntry) -> Self:
        """The body of a revision."""
        return cls(
            id=entry.id, order=ReportOrderBody.of(entry.order), revision=entry.revision, newest_revision=entry.newest,
            hash=entry.hash, made_at=entry.made_at, made_by=entry.made_by, changes=entry.changes,
            signatures=entry.signed, open_appeals=entry.appeals,
        )  # fmt: skip


class ReportChangeBody(BaseModel):
    """A thing that this revision says otherwise; `where` leads to it, in the language asked for."""

    where: list[str]
    before: Any
    after: Any

    @classmethod
    def of(cls, change: Change, said: list[str]) -> Self:
        """The body of a change; rows that came or went are told by their values being true or null."""
        return cls(where=said, before=_plain(change.before), after=_plain(change.after))


class ReportSignatureBody(BaseModel):
    """Somebody has signed a revision."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    revision: int
    at: Instant
    actor: str
    name: str
    comment: str


class ReportAppealBody(BaseModel):
    """Somebody does not agree with a revision."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    revision: int
    at: Instant
    actor: str
    name: str
    about: str
    reason: str
    state: str = Field(description="open, accepted or rejected.")
    decided_at: Instant | None
    decided_by: str | None
    decision: str


class ReportDetailBody(ReportBody):
    """A revision with what changed, signatures and appeals of all revisions, and the tables that it has."""

    signed_another: bool = Field(description="It was signed, and in another revision than this.")
    change_list: list[ReportChangeBody]
    signature_list: list[ReportSignatureBody]
    appeal_list: list[ReportAppealBody]
    tables: list[str] = Field(description="Names for `table` of the CSV form.")

    @classmethod
    def whole(cls, report: Report, said: list[list[str]]) -> Self:
        """The body of a revision with everything beside it."""
        stamp = report.stamp
        return cls(
            **dict(ReportBody.of(report.entry)),
            signed_another=stamp.signed_another(),
            change_list=[ReportChangeBody.of(one, words) for one, words in zip(stamp.changes, said, strict=True)],
            signature_list=[ReportSignatureBody.model_validate(one) for one in stamp.signatures],
            appeal_list=[ReportAppealBody.model_validate(one) for one in stamp.appeals],
            tables=[table.id for table in report.document.tables()],
        )


class ReportSignForm(BaseModel):
    """A signature, by the name of who signs."""

    model_config = ConfigDict(extra="forbid")

    name: Words = Field(examples=["王建国"])
    comment: Longer = ""


class ReportAppealForm(BaseModel):
    """What somebody does not agree with, and why."""

    model_config = ConfigDict(extra="forbid")

    name: Words
    about: Words = Field(examples=["Stop 4, pass 1"])
    reason: Annotated[str, Field(min_length=1, max_length=2_000, pattern=_SAID)]


class ReportDecisionForm(BaseModel):
    """What becomes of an appeal."""

    model_config = ConfigDict(extra="forbid")

    accepted: bool
    decision: Annotated[str, Field(min_length=1, max_length=2_000, pattern=_SAID)]


class ReportsQuery(BaseModel):
    """Filters of the list of reports."""

    model_config = ConfigDict(extra="forbid")

    kind: Annotated[Choice | None, Field(default=None, description="Only this kind.")]
    like: Annotated[
        int | None,
        Field(default=None, ge=1, le=2**63 - 1, description="Only revisions of the same order as that report."),
    ]
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=500)]


class ReportFileQuery(BaseModel):
    """How a report is to be shown."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["json", "csv", "xlsx", "html", "pdf"] = "pdf"
    lang: Literal["zh", "en"] = "zh"
    table: Annotated[Choice | None, Field(default=None, description="One table, of CSV only; without it: a zip.")]
    bom: Annotated[bool, Field(default=True, description="CSV begins with a byte order mark, for Excel.")]


FORMS = (ReportForm, ReportSignForm, ReportAppealForm, ReportDecisionForm)


def _plain(value: object) -> object:
    if isinstance(value, Said):
        return True if value.word == "change.row" else value.word
    return value if isinstance(value, (str, int, float, bool)) or value is None else getattr(value, "text", None)
