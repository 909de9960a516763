"""Query parameters of devices and of where they are."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.instants import InstantQuery
from api.params.fields import PLAIN, Cursor, DatumChoice, Kinds, Parameters, Protocols, Status
from devices.kinds import STATUSES


class DeviceListQuery(Parameters):
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
            pattern=PLAIN,
            description="A piece of id, name or identity, taken as it stands, without regard to case.",
        ),
    ]
    cursor: Cursor
    limit: Annotated[int, Field(default=100, ge=1, le=1000)]


class LatestQuery(Parameters):
    """Filters of the newest states."""

    kind: Kinds
    protocol: Protocols
    since: Annotated[
        InstantQuery | None,
        Field(default=None, description="Only devices heard then or later; hand in `as_of` of the answer before."),
    ]
    cursor: Cursor
    limit: Annotated[int, Field(default=500, ge=1, le=2000)]


class PositionsQuery(Parameters):
    """Filters of the newest positions."""

    kind: Kinds
    protocol: Protocols
    datum: DatumChoice
    cursor: Cursor
    limit: Annotated[int, Field(default=2000, ge=1, le=2000)]
