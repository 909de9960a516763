"""Bodies of what is a worker's own: duties, tasks, appeals."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.instants import Instant, InstantQuery
from api.models.evaluation import Known, Reason

_ID = r"^[^\x00-\x1f\x7f]*$"


class MySpanBody(BaseModel):
    """A span of time; its end is not in it."""

    start: Instant
    end: Instant


class DutyBody(BaseModel):
    """A planned shift of one's own, with the post or the route that it is for. What is not known is null."""

    plan: str = Field(examples=["2026-11-24:post-0001:early"])
    on: date = Field(description="The date on which the shift begins.")
    shift: str = Field(examples=["early"])
    shift_name: str
    shift_name_zh: str = Field(examples=["早班"])
    start: Instant
    end: Instant
    breaks: list[MySpanBody]
    area: str | None = Field(examples=["post-0001"])
    area_name: str
    area_name_zh: str
    route: str | None
    route_name: str
    route_name_zh: str
    vehicle: str | None
    note: str


class CheckBody(BaseModel):
    """What the badge or phone said last about being on duty, within the last 24 hours."""

    kind: Literal["check_in", "check_out"]
    at: Instant


class TodayBody(BaseModel):
    """Who one is, what is planned from twelve hours ago until in 24 hours, and the last check-in or check-out."""

    as_of: Instant
    worker: str = Field(examples=["worker-0011"])
    name: str = Field(examples=["张伟"])
    role: str = Field(description="cleaner, driver, loader, inspector or supervisor.", examples=["cleaner"])
    crew: str | None
    device: str | None = Field(description="The badge or phone that one posts as; null: there is none.")
    duties: list[DutyBody] = Field(description="In the order of their beginning.")
    last_check: CheckBody | None


class MyAppealForm(BaseModel):
    """Against a deduction of one's own evaluation: its `id`, and the period and scheme of the evaluation."""

    model_config = ConfigDict(extra="forbid")

    deduction: Annotated[str, Field(min_length=1, max_length=400, pattern=_ID)]
    reason: Reason
    from_: InstantQuery = Field(alias="from")
    to: InstantQuery
    scheme: Known = "weighted"
    version: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


ME_FORMS: tuple[type[BaseModel], ...] = (MyAppealForm,)
