"""Bodies of work orders."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.instants import DateQuery, Instant, InstantQuery
from api.params.fields import Cursor, Name
from fleet.orders.order import Assignee

KindName = Literal["collect", "tip", "clean", "repair", "inspect", "clear", "other"]
StateName = Literal["planned", "sent", "accepted", "done", "cancelled", "overdue"]
OriginName = Literal["plan", "alert", "incident", "hand"]
_LINE = r"^[^\x00-\x1f\x7f]*$"
Text = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]
Line = Annotated[str, Field(max_length=200, pattern=_LINE)]
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
Id = Annotated[str, Field(min_length=1, max_length=64, pattern=_LINE)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Body(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class AssigneeForm(_Form):
    """Who is to do it: a vehicle, a crew, or a worker. None of them: nobody yet."""

    vehicle: Id | None = Field(default=None, examples=["vehicle-0007"])
    crew: Id | None = Field(default=None, examples=["crew-02"])
    worker: Id | None = Field(default=None, examples=["worker-0011"])

    @model_validator(mode="after")
    def _at_most_one(self) -> AssigneeForm:
        if sum(name is not None for name in (self.vehicle, self.crew, self.worker)) > 1:
            raise ValueError("vehicle, crew, worker: expected one of them")
        return self

    def assignee(self) -> Assignee:
        """The desk's view of it."""
        return Assignee(self.vehicle, self.crew, self.worker)


class OrderForm(AssigneeForm):
    """An order. Of an `alert` or a `device` the rest follows; `nearest` lets the nearest vehicle do it."""

    reference: str = Field(
        default_factory=lambda: uuid4().hex, min_length=8, max_length=64, pattern=r"^[A-Za-z0-9._-]+$",
        description="Drawn by whoever gives the order: sent twice it is still one.",
        examples=["0d5c6a9e4f7b"],
    )  # fmt: skip
    alert: Number | None = Field(default=None, description="The alert that it comes of.", examples=[17])
    incident: Number | None = Field(default=None, description="The incident that it comes of.")
    kind: KindName | None = Field(default=None, description="What is to be done; without it, by the kind of device.")
    title: Line | None = Field(default=None, examples=["清运满桶"])
    note: Text | None = Field(default=None, examples=["后门进入"])
    device: Id | None = Field(default=None, description="What it is about.", examples=["bin-0042"])
    place: Line | None = Field(default=None, examples=["中山路 12 号"])
    lat: float | None = Field(default=None, ge=-90, le=90)
    lon: float | None = Field(default=None, ge=-180, le=180)
    start: InstantQuery | None = Field(default=None, description="Not before; now, where it is not said.")
    end: InstantQuery | None = Field(default=None, description="By when; `orders.due_within_min` after `start`.")
    nearest: bool = Field(default=False, description="Nobody is named: the nearest vehicle is to do it.")

    @model_validator(mode="after")
    def _has_a_subject(self) -> OrderForm:
        if (self.lat is None) != (self.lon is None):
            raise ValueError("lat, lon: expected both or none")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("end: expected a time after start")
        if not any((self.alert, self.incident, self.device, self.title)):
            raise ValueError("title: expected one where there is no alert, incident or device")
        return self


class OrderRemarkForm(_Form):
    """A remark on a step."""

    text: Text = Field(default="", examples=["清运完毕"])


class SendRunForm(_Form):
    """Which plan's orders are to be sent down."""

    run: Annotated[str, Field(min_length=1, max_length=64, pattern=_LINE)] = Field(
        examples=["collection-2026-11-25-0a1b2c3d4e5f"]
    )


class OrderBody(_Body):
    """A work order as it stands."""

    id: str = Field(examples=["order-0d5c6a9e4f7b"])
    kind: str = Field(examples=["collect"])
    state: StateName
    title: str
    note: str
    on: date = Field(description="The service date.")
    vehicle: str | None = Field(examples=["vehicle-0007"])
    crew: str | None
    worker: str | None
    device: str | None = Field(description="What it is about.", examples=["bin-0042"])
    place: str
    start: Instant
    end: Instant
    sequence: int = Field(description="Its place in the tour.")
    run: str | None = Field(description="The plan that it comes from.")
    reason: str | None = Field(description="FULLNESS, AGE or ALERT.")
    lon: float | None
    lat: float | None
    origin: OriginName
    alert: int | None
    incident: int | None
    entered_at: Instant
    entered_by: str
    changed_at: Instant
    sent_at: Instant | None
    sent_by: str | None = Field(description="On which way it was told.", examples=["jt808"])
    accepted_at: Instant | None
    done_at: Instant | None = Field(description="Of evidence: the device's time.")
    done_by: str | None
    evidence: dict[str, Any] | None = Field(description="What ended it without anybody's word.")
    fault: str | None = Field(description="Why it could not be sent.")


class OrderLineBody(_Body):
    """What happened to an order, when, by whom."""

    at: Instant
    actor: str
    action: str
    text: str
    detail: dict[str, Any]


class OrderDetailBody(BaseModel):
    """An order with its history."""

    order: OrderBody
    history: list[OrderLineBody]


class CandidateBody(_Body):
    """A vehicle that could do it."""

    vehicle: str
    name: str
    type: str | None
    distance_m: float = Field(description="Straight.")
    age_s: float = Field(description="Of its position.")
    open_orders: int
    protocol: str | None = Field(description="How it was heard, and so whether it can be told.", examples=["jt808"])


class SentRunBody(BaseModel):
    """How many orders are to be sent down."""

    run: str
    orders: int


class OrdersQuery(BaseModel):
    """Filters of the list of work orders."""

    model_config = ConfigDict(extra="forbid")

    on: Annotated[DateQuery | None, Field(default=None, description="Service date.")]
    run: Annotated[Name | None, Field(default=None, description="The plan that they come from.")]
    vehicle: Annotated[list[Name], Field(default_factory=list, max_length=100, description="Id; may be repeated.")]
    device: Annotated[list[Name], Field(default_factory=list, max_length=100, description="May be repeated.")]
    state: Annotated[list[StateName], Field(default_factory=list, max_length=6, description="May be repeated.")]
    origin: Annotated[list[OriginName], Field(default_factory=list, max_length=4, description="May be repeated.")]
    alert: Annotated[Number | None, Field(default=None, description="The alert that they come of.")]
    incident: Annotated[Number | None, Field(default=None, description="The incident that they come of.")]
    open: Annotated[bool, Field(default=False, description="true: only what is neither done nor cancelled.")]
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


class CandidatesQuery(BaseModel):
    """Where somebody is needed, and for what."""

    model_config = ConfigDict(extra="forbid")

    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    kind: Annotated[KindName, Field(default="other")]
    cursor: Cursor
    limit: Annotated[int, Field(default=5, ge=1, le=50)]


ORDER_FORMS = (OrderForm, AssigneeForm, OrderRemarkForm, SendRunForm)
