"""Query parameters of evaluations, and what their routes are given."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Path, Query
from pydantic import Field

from api.instants import DAY, InstantQuery
from api.params.fields import PLAIN, Cursor, Name, Parameters
from api.ports.evaluation import EvaluationDesk
from api.problems import Fault, ProblemError, invalid, not_found
from api.spans import span_of
from api.wiring import Wired
from fleet.evaluation.scheme import Scheme

MOST_DAYS = 366
MOST_LISTED = 50  #: evaluations in one answer

PersonId = Annotated[
    str, Path(min_length=1, max_length=64, pattern=PLAIN, description="Id of a worker or crew.", examples=["li"])
]
SchemeId = Annotated[
    str, Path(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$", description="Id of a scheme.", examples=["weighted"])
]
Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="Its number.", examples=[7])]


class PeriodQuery(Parameters):
    """Which period, by which scheme."""

    from_: Annotated[
        InstantQuery | None,
        Field(default=None, alias="from", description="Start, included: shifts that begin then. Default: 30 days."),
    ]
    to: Annotated[InstantQuery | None, Field(default=None, description="End, not included. Default: now.")]
    scheme: Annotated[Name, Field(default="weighted", description="Id of a scheme.")]
    version: Annotated[
        int | None, Field(default=None, ge=0, le=2**31 - 1, description="Default: the one in force at the start.")
    ]


class EvaluationsQuery(PeriodQuery):
    """Which workers."""

    crew: Annotated[Name | None, Field(default=None, description="Only workers of this crew.")]
    cursor: Cursor
    limit: Annotated[int, Field(default=20, ge=1, le=MOST_LISTED)]


class SchemesQuery(Parameters):
    """Pages of schemes."""

    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


class SchemeQuery(Parameters):
    """Which version of a scheme, in which form."""

    version: Annotated[int | None, Field(default=None, ge=0, le=2**31 - 1, description="Default: the one in force.")]
    format: Annotated[Literal["json", "yaml"], Field(default="json", description="yaml: the text as it was entered.")]


class EnterSchemeQuery(Parameters):
    """On what a scheme is based, from when on it judges, and why it was changed."""

    based_on: Annotated[
        int | None, Field(default=None, ge=0, description="The newest version that you know; 0: none was entered.")
    ]
    since: Annotated[InstantQuery | None, Field(default=None, description="Judges periods from then on. Default: now.")]
    comment: Annotated[str, Field(default="", max_length=500, pattern=PLAIN)]


Period = Annotated[PeriodQuery, Query()]


class RecordsQuery(Parameters):
    """Which tasks or findings."""

    worker: Annotated[Name | None, Field(default=None)]
    crew: Annotated[Name | None, Field(default=None)]
    kind: Annotated[Literal["inspection", "complaint"] | None, Field(default=None, description="Of findings.")]
    from_: Annotated[
        InstantQuery | None, Field(default=None, alias="from", description="Found, or due, then or later.")
    ]
    to: Annotated[InstantQuery | None, Field(default=None, description="Found, or due, before.")]
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


class AppealsQuery(Parameters):
    """Which appeals."""

    state: Annotated[Literal["open", "accepted", "rejected"] | None, Field(default=None)]
    worker: Annotated[Name | None, Field(default=None)]
    crew: Annotated[Name | None, Field(default=None)]
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


async def desk(wired: Wired) -> EvaluationDesk:
    """The desk of evaluations. Raises a 404 problem where the hub has none."""
    if wired.evaluation is None:
        raise ProblemError(404, "no-evaluations", "this hub makes no evaluations")
    return wired.evaluation


Desk = Annotated[EvaluationDesk, Depends(desk)]


def period_of(query: PeriodQuery, now: int) -> tuple[int, int]:
    """``[start, end)`` in µs. Raises a 422 problem for one that is longer than a year."""
    start, end = span_of(query, now, 30 * DAY)
    if end - start > MOST_DAYS * DAY:
        raise invalid("from", f"expected at most {MOST_DAYS} days before `to`")
    return start, end


def period_told(start: int, end: int) -> tuple[int, int]:
    """The period in a body, ``[start, end)`` in µs. Raises a 422 problem."""
    if not start < end <= start + MOST_DAYS * DAY:
        fault = Fault("body", "to", f"expected an instant after `from`, within {MOST_DAYS} days")
        raise ProblemError(422, "invalid-request", f"to: {fault.expected}", faults=(fault,))
    return start, end


async def known_scheme(desk: EvaluationDesk, name: str, at: int, version: int | None) -> Scheme:
    """The scheme of that name. Raises a 404 problem."""
    scheme = await desk.scheme(name, at, version)
    if scheme is None:
        raise not_found("scheme", name if version is None else f"{name}, version {version}")
    return scheme
