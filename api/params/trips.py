"""Query parameters of trips, and of the board of the fleet."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.params.fields import Cursor, Name, Parameters, SpanQuery


class TripsQuery(SpanQuery):
    """Which trips or stops: those that lasted within the span."""

    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


class FleetLiveQuery(Parameters):
    """Filters of the fleet's board."""

    device: Annotated[list[Name], Field(default_factory=list, max_length=100, description="Id; may be repeated.")]
    route: Annotated[Name | None, Field(default=None, description="Only those whose plan is this route.")]
    cursor: Cursor
    limit: Annotated[int, Field(default=500, ge=1, le=2000)]
