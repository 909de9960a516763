"""Query parameters, one model a list. Names that no model knows are refused: a misspelt filter must not let all in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from alerts.records import AlertFilter
from api.instants import BucketQuery, InstantQuery
from devices.datum import DATUMS
from devices.kinds import DEVICE_ID, KINDS, STATUSES

DeviceId = Annotated[
    str,
    Path(
        pattern="^" + DEVICE_ID.pattern.replace(r"\Z", "$"),
        max_length=64,
        description="The readable id of a device.",
        examples=["bin-0042"],
    ),
]

# PostgreSQL's text holds no NUL, and nothing that people search for holds a control character.
_PLAIN = r"^[^\x00-\x1f\x7f]*$"


def _one_of(allowed: Sequence[str]) -> tuple[AfterValidator, WithJsonSchema]:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"expected one of {', '.join(allowed)}")
        return value

    return AfterValidator(check), WithJsonSchema({"type": "string", "enum": list(allowed)})


_KIND_CHECK, _KIND_SCHEMA = _one_of(KINDS)
_STATUS_CHECK, _STATUS_SCHEMA = _one_of(STATUSES)
_DATUM_CHECK, _DATUM_SCHEMA = _one_of(DATUMS)
Kind = Annotated[str, _KIND_CHECK, _KIND_SCHEMA]
Status = Annotated[str, _STATUS_CHECK, _STATUS_SCHEMA]
Datum = Annotated[str, _DATUM_CHECK, _DATUM_SCHEMA]
Name = Annotated[str, Field(max_length=64, pattern=_PLAIN)]

Kinds = Annotated[list[Kind], Field(default_factory=list, max_length=len(KINDS), description="Kind; may be repeated.")]
Protocols = Annotated[
    list[Name],
    Field(default_factory=list, max_length=20, description="Protocol of the newest frame (jt808); may be repeated."),
]
Cursor = Annotated[
    str | None, Field(default=None, max_length=400, description="`next_cursor` of the page before; opaque.")
]
DatumChoice = Annotated[
    Datum,
    Field(default="wgs84", description="Datum of the coordinates that come back; anything but wgs84 is for display."),
]


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=False)


class DeviceListQuery(_Query):
    """Filters of the list of devices."""

    kind: Kinds
    status: Annotated[
        list[Status], Field(default_factory=list, max_length=len(STATUSES), description="Status; may be repeated.")
    ]
    q: Annotated[
        str,
        Field(
            default="",
            max_length=100,
            pattern=_PLAIN,
            description="A piece of id, name or identity, taken as it stands, without regard to case.",
        ),
    ]
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


class LatestQuery(_Query):
    """Filters of the newest states."""

    kind: Kinds
    protocol: Protocols
    since: Annotated[
        InstantQuery | None,
        Field(default=None, description="Only devices heard then or later; hand in `as_of` of the answer before."),
    ]
    cursor: Cursor
    limit: Annotated[int, Field(default=500, ge=1, le=2000)]


class PositionsQuery(_Query):
    """Filters of the newest positions."""

    kind: Kinds
    protocol: Protocols
    datum: DatumChoice
    cursor: Cursor
    limit: Annotated[int, Field(default=2000, ge=1, le=2000)]


class _SpanQuery(_Query):
    from_: Annotated[
        InstantQuery | None,
        Field(default=None, alias="from", description="Start, included. Default: a day before `to`."),
    ]
    to: Annotated[InstantQuery | None, Field(default=None, description="End, not included. Default: now.")]


class SeriesQuery(_SpanQuery):
    """Which readings, and how they are summed up."""

    metric: Annotated[Name, Field(description="A name of `/api/v1/metrics`.", examples=["fill_pct"])]
    bucket: Annotated[
        BucketQuery | None,
        Field(default=None, description="Width of buckets: 30s, 5m, 1h, 1d. Without it: readings as stored."),
    ]
    cursor: Cursor
    limit: Annotated[int, Field(default=1000, ge=1, le=10_000, description="Readings a page; not for buckets.")]


class TrackQuery(_SpanQuery):
    """Which positions, and in which form."""

    include_invalid: Annotated[
        bool, Field(default=False, description="Also positions that the receiver itself called invalid.")
    ]
    geometry: Annotated[
        Literal["line", "points"],
        Field(default="line", description="One Feature with a line, or a FeatureCollection of points."),
    ]
    datum: DatumChoice
    cursor: Cursor
    limit: Annotated[int, Field(default=2000, ge=1, le=10_000)]


class EventsQuery(_SpanQuery):
    """Which events. Without `from`: all that there are."""

    from_: Annotated[InstantQuery | None, Field(default=None, alias="from", description="Start, included.")]
    kind: Annotated[list[Name], Field(default_factory=list, max_length=20, description="Event kind; may be repeated.")]
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


class TripsQuery(_SpanQuery):
    """Which trips or stops: those that lasted within the span."""

    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


class FleetLiveQuery(_Query):
    """Filters of the fleet's board."""

    device: Annotated[list[Name], Field(default_factory=list, max_length=100, description="Id; may be repeated.")]
    route: Annotated[Name | None, Field(default=None, description="Only those whose plan is this route.")]
    cursor: Cursor
    limit: Annotated[int, Field(default=500, ge=1, le=2000)]


class DeadLettersQuery(_Query):
    """Filters of the list of dead letters."""

    code: Annotated[
        list[Name],
        Field(
            default_factory=list,
            max_length=20,
            description="malformed, invalid, unknown_device, shut_device, oversized, decoder, store; may be repeated.",
        ),
    ]
    device: Annotated[Name | None, Field(default=None, description="Id of the device that the frame names.")]
    open: Annotated[
        bool | None, Field(default=None, description="true: not replayed yet; false: replayed; without it: both.")
    ]
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


Stages = Annotated[
    list[Literal["raised", "acknowledged", "cleared", "closed", "retracted"]],
    Field(default_factory=list, max_length=5, description="Stage; may be repeated."),
]
Severities = Annotated[
    list[Literal["info", "warning", "critical"]],
    Field(default_factory=list, max_length=3, description="Severity; may be repeated."),
]


class AlertsQuery(_Query):
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


class EmptyingsQuery(_Query):
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


class ReadinessQuery(_Query):
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


class ForecastQuery(_Query):
    """For when, and who comes until then."""

    at: Annotated[InstantQuery | None, Field(default=None, description="Within 14 days; tomorrow, if it is not said.")]
    visit: Annotated[
        list[InstantQuery],
        Field(default_factory=list, max_length=50, description="When it will be emptied; may be repeated."),
    ]
    nobody: Annotated[bool, Field(default=False, description="true: nobody comes until then.")]


class ShelvesQuery(_Query):
    """Filters of the shelf."""

    ended: Annotated[bool, Field(default=False, description="Also what is on the shelf no more.")]
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


class RulesQuery(_Query):
    """In which form."""

    format: Annotated[Literal["json", "yaml"], Field(default="json", description="yaml: the text as it was entered.")]


class VersionsQuery(_Query):
    """Pages of sets of rules."""

    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


class EnterRulesQuery(_Query):
    """What is said about a set of rules."""

    comment: Annotated[str, Field(default="", max_length=500, pattern=_PLAIN, description="Why, for the list.")]


class AuditQuery(_Query):
    """Filters of the audit."""

    actor: Annotated[Name | None, Field(default=None, description="Who did it.", examples=["key:k3xo2c7q5a"])]
    action: Annotated[Name | None, Field(default=None, description="What was done.", examples=["command.text"])]
    target: Annotated[
        str | None,
        Field(default=None, max_length=100, pattern=_PLAIN, description="To whom.", examples=["device:vehicle-0007"]),
    ]
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]
