"""Query parameters of the live stream and the board."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from api.live.place import MOST_CHARS
from api.live.sight import Box
from api.params.fields import Kind, Kinds, Parameters
from devices.kinds import DEVICE_ID, KINDS

MOST_DEVICES = 500
_ID = "^" + DEVICE_ID.pattern.replace(r"\Z", "$")


def _listed(value: object) -> object:
    """Values that are separated by commas, or repeated, or both."""
    if not isinstance(value, list):
        return value
    return [part for one in value for part in (one.split(",") if isinstance(one, str) else (one,)) if part]


def parse_box(text: object) -> Box | None:
    """West, south, east, north in degrees, separated by commas (RFC 7946, 5). Raises ValueError."""
    if text is None or isinstance(text, tuple):
        return text
    expected = "expected west,south,east,north in degrees, such as 121.4,31.1,121.6,31.3"
    try:
        west, south, east, north = map(float, str(text).split(","))
    except ValueError:
        raise ValueError(expected) from None
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError(expected)
    return west, south, east, north


class LiveQuery(Parameters):
    """Which events, and how often."""

    types: Annotated[
        list[Literal["device", "alert", "order", "incident"]],
        BeforeValidator(_listed),
        Field(default_factory=list, max_length=4, description="Of events; by commas or repeated. Default: all."),
    ]
    kinds: Annotated[
        list[Kind],
        BeforeValidator(_listed),
        Field(default_factory=list, max_length=len(KINDS), description="Of devices, for states and alerts."),
    ]
    devices: Annotated[
        list[Annotated[str, Field(pattern=_ID, max_length=64)]],
        BeforeValidator(_listed),
        Field(default_factory=list, max_length=MOST_DEVICES, description="Only these, by id."),
    ]
    bbox: Annotated[
        Box | None,
        BeforeValidator(parse_box, json_schema_input_type=str),
        Field(
            default=None,
            description="States only of devices within west,south,east,north (WGS-84); one that leaves is told once.",
        ),
    ]
    min_interval_ms: Annotated[
        int,
        Field(
            default=1_000,
            ge=0,
            le=60_000,
            description="States are gathered so long and sent together, of each device the newest only.",
        ),
    ]
    after: Annotated[
        str | None,
        Field(
            default=None,
            max_length=MOST_CHARS,
            description="Where to go on: `live` of `/api/v1/board`. `Last-Event-ID` goes before it.",
        ),
    ]


class BoardQuery(Parameters):
    """Which devices."""

    kind: Kinds
