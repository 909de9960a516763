"""The readings of one metric of one device."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.instants import write_bucket
from api.models.telemetry import BucketBody, PointBody, SeriesBody
from api.openapi import problems
from api.params.telemetry import SeriesQuery
from api.problems import invalid
from api.spans import span_of
from api.wiring import KnownDevice, Wired

MAX_BUCKETS = 5_000

router = APIRouter(tags=["Telemetry"])


@router.get("/devices/{device_id}/series", summary="Readings of a metric", responses=problems(404, 422, 503))
async def get_series(wired: Wired, device: KnownDevice, query: Annotated[SeriesQuery, Query()]) -> SeriesBody:
    """Readings as stored, in pages, or summed up by buckets.

    Several values of one instant are all given. Buckets are counted from Monday 2000-01-03T00:00Z, as TimescaleDB
    counts them; a span that starts or ends inside of a bucket gives that bucket in part. At most 5,000 buckets.
    """
    metric = wired.catalogue.by_name.get(query.metric)
    if metric is None:
        raise invalid("metric", "expected a name of /api/v1/metrics", query.metric)
    start, end = span_of(query, wired.clock())
    body = SeriesBody(device=device.id, metric=metric.name, unit=metric.unit, from_at=start, to_at=end, bucket=None)
    if query.bucket is None:
        page = await wired.telemetry.series(
            device.id, metric.name, start=start, end=end, cursor=query.cursor, limit=query.limit
        )
        body.points = [PointBody.model_validate(item) for item in page.items]
        body.next_cursor = page.next_cursor
        return body
    if query.cursor is not None:
        raise invalid("cursor", "buckets come in one piece; leave cursor or bucket away")
    _check_buckets(start, end, query.bucket)
    buckets = await wired.telemetry.buckets(device.id, metric.name, start=start, end=end, width=query.bucket)
    body.bucket = write_bucket(query.bucket)
    body.buckets = [BucketBody.model_validate(item) for item in buckets]
    return body


def _check_buckets(start: int, end: int, width: int) -> None:
    count = -(-(end - start) // width)
    if count > MAX_BUCKETS:
        least = write_bucket(-(-(end - start) // MAX_BUCKETS))
        expected = (
            f"this span has {count} buckets of {write_bucket(width)} and at most {MAX_BUCKETS} are given; "
            f"expected {least} or wider, or a shorter span"
        )
        raise invalid("bucket", expected, write_bucket(width))
