"""Query parameters of alerts, shelves and rules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alerts.records import AlertFilter
from api.instants import InstantQuery
from api.params.fields import PLAIN, Cursor, Kinds, Name, Parameters

Stages = Annotated[
    list[Literal["raised", "acknowledged", "cleared", "closed", "retracted"]],
    Field(default_factory=list, max_length=5, description="Stage; may be repeated."),
]


Severities = Annotated[
    list[Literal["info", "warning", "critical"]],
    Field(default_factory=list, max_length=3, description="Severity; may be repeated."),
]


class AlertsQuery(Parameters):
    """Filters of the list of alerts."""

    open: Annotated[bool | None, Field(default=None, description="true: neither cleared nor closed; false: the rest.")]
    stage: Stages
    severity: Severities
    rule: Annotated[list[Name], Field(default_factory=list, max_length=100, description="Rule; may be repeated.")]
    device: Annotated[list[Name], Field(default_factory=list, max_length=100, description="Id; may be repeated.")]
    kind: Kinds
    area: Annotated[list[Name], Field(default_factory=list, max_length=100, description="Area; may be repeated.")]
    from_: Annotated[InstantQuery | None, Field(default=None, alias="from", description="Raised then or later.")]
    to: Annotated[InstantQuery | None, Field(default=None, description="Raised before.")]
    storm: Annotated[int | None, Field(default=None, ge=1, le=2**63 - 1, description="Only the parts of this alert.")]
    parts: Annotated[
        bool | None, Field(default=None, description="false: without what is part of a storm; true: only that.")
    ]
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]

    def wanted(self) -> AlertFilter:
        """The reader's view of it."""
        return AlertFilter(
            stages=tuple(self.stage),
            severities=tuple(self.severity),
            rules=tuple(self.rule),
            devices=tuple(self.device),
            kinds=tuple(self.kind),
            areas=tuple(self.area),
            open=self.open,
            since=self.from_,
            until=self.to,
            storm=self.storm,
            parts=self.parts,
        )


class ShelvesQuery(Parameters):
    """Filters of the shelf."""

    ended: Annotated[bool, Field(default=False, description="Also what is on the shelf no more.")]
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


class RulesQuery(Parameters):
    """In which form."""

    format: Annotated[Literal["json", "yaml"], Field(default="json", description="yaml: the text as it was entered.")]


class VersionsQuery(Parameters):
    """Pages of sets of rules."""

    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


class EnterRulesQuery(Parameters):
    """What is said about a set of rules."""

    comment: Annotated[str, Field(default="", max_length=500, pattern=PLAIN, description="Why, for the list.")]
