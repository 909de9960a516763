"""Query parameters of emptyings, readiness and forecasts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.instants import InstantQuery
from api.params.fields import Cursor, Name, Parameters


class EmptyingsQuery(Parameters):
    """Which emptyings."""

    from_: Annotated[
        InstantQuery | None, Field(default=None, alias="from", description="Then or later; a day before `to`.")
    ]
    to: Annotated[InstantQuery | None, Field(default=None, description="Before; now, where it is not said.")]
    device: Annotated[list[Name], Field(default_factory=list, max_length=100, description="Bin; may be repeated.")]
    vehicle: Annotated[list[Name], Field(default_factory=list, max_length=100, description="By it; may be repeated.")]
    retracted: Annotated[bool, Field(default=False, description="true: also what late data showed to be none.")]
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


class ReadinessQuery(Parameters):
    """Which bins, and when somebody comes next."""

    state: Annotated[
        list[Literal["READY", "NOT_READY", "NO_DATA"]],
        Field(default_factory=list, max_length=3, description="State; may be repeated."),
    ]
    next_visit: Annotated[
        InstantQuery | None,
        Field(default=None, description="A bin that will be full by then is ready too; within 14 days."),
    ]
    cursor: Cursor
    limit: Annotated[int, Field(default=500, ge=1, le=2000)]


class ForecastQuery(Parameters):
    """For when, and who comes until then."""

    at: Annotated[InstantQuery | None, Field(default=None, description="Within 14 days; tomorrow, if it is not said.")]
    visit: Annotated[
        list[InstantQuery],
        Field(default_factory=list, max_length=50, description="When it will be emptied; may be repeated."),
    ]
    nobody: Annotated[bool, Field(default=False, description="true: nobody comes until then.")]
