"""Bodies of the API's answers. Units are part of a field's name; instants are ISO-8601 in UTC with ``Z``."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.instants import Instant
from devices.read_models import Page

Item = TypeVar("Item", bound=BaseModel)
Read = TypeVar("Read")

Quality = Annotated[
    int, Field(description="Marks, added up: 1 the device told no time, 2 its clock was wrong, 4 it doubts the value.")
]


class _Body(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class PageOf(BaseModel, Generic[Item]):
    """A page. `next_cursor` is null on the last one."""

    items: list[Item]
    next_cursor: str | None = None


def page_of(page: Page[Read], body: Callable[[Read], Item]) -> PageOf[Item]:
    """What was read, each item as its body."""
    return PageOf(items=[body(one) for one in page.items], next_cursor=page.next_cursor)


def page_of_names(names: Sequence[str], cursor: str | None, limit: int) -> tuple[Sequence[str], str | None]:
    """Of sorted names those of a page, and the cursor of the next one: the last name that was shown."""
    first = 0 if cursor is None else bisect_right(names, cursor)
    shown = names[first : first + limit]
    return shown, shown[-1] if len(names) > first + limit else None


class DeviceBody(_Body):
    """A registered device."""

    id: str = Field(examples=["bin-0042"])
    kind: str = Field(examples=["bin"])
    status: str = Field(examples=["active"])
    name: str = Field(examples=["Renmin Road 12"])
    attributes: dict[str, Any]
    identities: list[str] = Field(
        description="Other names of the device, as `scheme:value`.", examples=[["id:bin-0042"]]
    )
    registered_at: Instant
    changed_at: Instant
    received_at: Instant | None = Field(description="When the hub last heard of the device.")
    protocol: str | None = Field(description="How the newest frame came: the protocol.", examples=["jt808"])
    source: str | None = Field(description="How the newest frame came: the connection in the settings.")


class FixBody(_Body):
    """The newest valid position, WGS-84."""

    observed_at: Instant
    lat: float
    lon: float
    altitude_m: float | None
    speed_kmh: float | None
    heading_deg: float | None


class ReadingBody(_Body):
    """The newest reading of a metric; the unit is part of the metric's name or stands in `/api/v1/metrics`."""

    value: float
    observed_at: Instant
    quality: Quality


class PlaceBody(BaseModel):
    """Where a device was put, as registered; WGS-84."""

    lat: float
    lon: float

    @model_validator(mode="before")
    @classmethod
    def _of_a_pair(cls, value: Any) -> Any:
        return {"lat": value[0], "lon": value[1]} if isinstance(value, tuple) else value


class StateBody(_Body):
    """What is newest of one device. `received_at` is null for a device that was never heard."""

    id: str = Field(examples=["vehicle-0007"])
    kind: str = Field(examples=["vehicle"])
    status: str = Field(examples=["active"])
    name: str
    received_at: Instant | None
    protocol: str | None = Field(description="How the newest frame came: the protocol.", examples=["jt808"])
    source: str | None = Field(description="How the newest frame came: the connection in the settings.")
    online: bool | None = Field(description="Last word of the connection itself; null where it never spoke.")
    online_at: Instant | None
    fix: FixBody | None
    place: PlaceBody | None = Field(description="From the attributes `lat` and `lon`; for devices that report none.")
    readings: dict[str, ReadingBody] = Field(description="By name of the metric.")


class LatestBody(PageOf[StateBody]):
    """A page of states."""

    as_of: Instant = Field(
        description="Hand this in as `since` to get only what was heard after. It lies a few seconds back, so that a "
        "device may come twice but what is committed late by less than that is not missed."
    )


class PointBody(_Body):
    """One reading as stored."""

    observed_at: Instant
    value: float
    received_at: Instant
    quality: Quality
    claimed_at: Instant | None = Field(description="The device's own time where it was not believed.")


class BucketBody(_Body):
    """Readings of one bucket, `[start_at, start_at + bucket)`. Buckets without readings do not appear."""

    start_at: Instant
    count: int
    min: float = Field(validation_alias="minimum")
    max: float = Field(validation_alias="maximum")
    avg: float = Field(validation_alias="mean")
    last: float = Field(description="Value of the newest instant; of several at that instant, the greatest.")


class SeriesBody(BaseModel):
    """Readings of one metric of one device: `points`, or `buckets` when a bucket was asked for."""

    device: str
    metric: str
    unit: str
    from_at: Instant
    to_at: Instant
    bucket: str | None = Field(examples=["5m"])
    points: list[PointBody] | None = None
    buckets: list[BucketBody] | None = None
    next_cursor: str | None = None


class EventBody(_Body):
    """One event."""

    kind: str = Field(examples=["emptied"])
    observed_at: Instant
    received_at: Instant
    attributes: dict[str, Any]
    quality: Quality
    claimed_at: Instant | None


class MetricBody(_Body):
    """A metric of the catalogue. Values outside of `low`..`high` (inclusive) are refused."""

    name: str = Field(examples=["fill_pct"])
    unit: str = Field(examples=["%"])
    low: float
    high: float
    kinds: list[str]
    title: str
    title_zh: str


class MetricsBody(BaseModel):
    """The whole catalogue."""

    items: list[MetricBody]


class DeadLetterBody(_Body):
    """A frame that could not be filed, or not wholly."""

    id: int
    received_at: Instant
    adapter: str = Field(examples=["mqtt-json"])
    source: str
    channel: str = Field(examples=["sanihub/v1/bin-0042/telemetry"])
    code: str = Field(examples=["malformed"])
    reason: str
    device_id: str | None
    size_bytes: int
    replayable: bool
    replayed_at: Instant | None
    outcome: str | None


class DeadLetterContentBody(DeadLetterBody):
    """A dead letter with its bytes."""

    payload_base64: str | None = Field(description="null where policy drops the bytes.")
    payload_text: str | None = Field(description="The bytes as text, where they are UTF-8.")
