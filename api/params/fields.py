"""Fields that the query parameters of several topics share, and what all of their models are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from api.instants import InstantQuery
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
PLAIN = r"^[^\x00-\x1f\x7f]*$"


def one_of(allowed: Sequence[str]) -> tuple[AfterValidator, WithJsonSchema]:
    """The check and the schema of a text that is one of these."""

    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"expected one of {', '.join(allowed)}")
        return value

    return AfterValidator(check), WithJsonSchema({"type": "string", "enum": list(allowed)})


_KIND_CHECK, _KIND_SCHEMA = one_of(KINDS)
_STATUS_CHECK, _STATUS_SCHEMA = one_of(STATUSES)
_DATUM_CHECK, _DATUM_SCHEMA = one_of(DATUMS)
Kind = Annotated[str, _KIND_CHECK, _KIND_SCHEMA]
Status = Annotated[str, _STATUS_CHECK, _STATUS_SCHEMA]
Datum = Annotated[str, _DATUM_CHECK, _DATUM_SCHEMA]
Name = Annotated[str, Field(max_length=64, pattern=PLAIN)]

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


class Parameters(BaseModel):
    """Parameters of one list; names that it does not know are refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=False)


class SpanQuery(Parameters):
    """Parameters of what lies in a span of time."""

    from_: Annotated[
        InstantQuery | None,
        Field(default=None, alias="from", description="Start, included. Default: a day before `to`."),
    ]
    to: Annotated[InstantQuery | None, Field(default=None, description="End, not included. Default: now.")]
