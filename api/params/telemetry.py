"""Query parameters of what devices said, and of what was refused of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.instants import BucketQuery, InstantQuery
from api.params.fields import Cursor, DatumChoice, Name, Parameters, SpanQuery


class SeriesQuery(SpanQuery):
    """Which readings, and how they are summed up."""

    metric: Annotated[Name, Field(description="A name of `/api/v1/metrics`.", examples=["fill_pct"])]
    bucket: Annotated[
        BucketQuery | None,
        Field(default=None, description="Width of buckets: 30s, 5m, 1h, 1d. Without it: readings as stored."),
    ]
    cursor: Cursor
    limit: Annotated[int, Field(default=1000, ge=1, le=10_000, description="Readings a page; not for buckets.")]


class TrackQuery(SpanQuery):
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


class EventsQuery(SpanQuery):
    """Which events. Without `from`: all that there are."""

    from_: Annotated[InstantQuery | None, Field(default=None, alias="from", description="Start, included.")]
    kind: Annotated[list[Name], Field(default_factory=list, max_length=20, description="Event kind; may be repeated.")]
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


class DeadLettersQuery(Parameters):
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
