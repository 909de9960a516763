"""Series read from InfluxDB: the requests that are made, and answers in the annotated CSV of the documentation.

No Flux runs here; what a script gives on a real server is shown where SANIHUB_TEST_INFLUX_URL names one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from devices.instants import parse, to_datetime
from devices.read_models import CursorError, SeriesBucket, SeriesPoint
from hub.influx.history import InfluxHistory
from store.influx.client import InfluxClient, InfluxTarget
from store.influx.points import Naming
from store.influx.series import InfluxSeries
from store.readers.telemetry import TelemetryReads
from tests.influx_server import BUCKET, ORG, TOKEN, InfluxServer, influx_server

BEGIN, END = parse("2026-11-23T00:00:00Z"), parse("2026-11-24T00:00:00Z")
HOUR = 3_600_000_000
NOTHING = "\r\n\r\n"

POINTS = """#datatype,string,long,dateTime:RFC3339Nano,double,long,long
#group,false,false,false,false,false,false
#default,_result,,,,,
,result,table,_time,value,quality,received_us
,,0,2026-11-23T00:00:00.123456Z,80.5,0,1795392001000000
,,0,2026-11-23T01:00:00Z,81,2,1795395600000000
,,0,2026-11-23T02:00:00Z,82,,

"""
SUMS = """#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,long,double,double,double,double
#group,false,false,false,false,false,false,false,false,false
#default,_result,,,,,,,,
,result,table,_start,_stop,count,total,minimum,maximum,last
,,0,2026-11-23T00:30:00Z,2026-11-23T01:00:00Z,2,7,3,4,4
,,0,2026-11-23T02:00:00Z,2026-11-23T03:00:00Z,1,5,5,5,5

"""


@pytest.fixture
def server() -> Iterator[InfluxServer]:
    with influx_server() as one:
        yield one


@pytest.fixture
def series(server: InfluxServer) -> Iterator[InfluxSeries]:
    client = InfluxClient(InfluxTarget(server.url, ORG, BUCKET, TOKEN, 5.0))
    yield InfluxSeries(client, Naming())
    client.close()


def options(server: InfluxServer) -> dict[str, Any]:
    """The options that the last query came with, by name."""
    body = server.queries[-1]["extern"]["body"]
    return {one["assignment"]["id"]["name"]: one["assignment"]["init"] for one in body}


async def test_readings_of_an_answer(server: InfluxServer, series: InfluxSeries) -> None:
    server.answer_csv = POINTS
    page = await series.series("bin-1", "fill_pct", start=BEGIN, end=END, cursor=None, limit=10)
    assert page.items == (
        SeriesPoint(BEGIN + 123_456, 80.5, 1_795_392_001_000_000, 0),
        SeriesPoint(BEGIN + HOUR, 81.0, 1_795_395_600_000_000, 2),
        SeriesPoint(BEGIN + 2 * HOUR, 82.0, BEGIN + 2 * HOUR, 0),
    )
    assert page.next_cursor is None
    asked = options(server)
    assert (asked["_device"]["value"], asked["_metric"]["value"], asked["_readings"]["value"]) == (
        "bin-1",
        "fill_pct",
        "readings",
    )
    assert asked["_begin"]["value"] == "2026-11-23T00:00:00.000000000Z"
    assert asked["_limit"]["value"] == "11"


async def test_a_page_goes_on_behind_its_last_instant(server: InfluxServer, series: InfluxSeries) -> None:
    server.answer_csv = POINTS
    page = await series.series("bin-1", "fill_pct", start=BEGIN, end=END, cursor=None, limit=2)
    assert len(page.items) == 2
    await series.series("bin-1", "fill_pct", start=BEGIN, end=END, cursor=page.next_cursor, limit=2)
    behind = to_datetime(BEGIN + HOUR + 1)
    assert options(server)["_begin"]["value"] == f"{behind:%Y-%m-%dT%H:%M:%S.%f}000Z"
    with pytest.raises(CursorError):
        await series.series("bin-1", "fill_pct", start=BEGIN, end=END, cursor="nonsense", limit=2)


@pytest.mark.parametrize("text", ['x" or true) |> drop() //', "a\\", "${_bucket}", "'; DROP", "\n|> yield()"])
async def test_what_is_asked_for_is_never_part_of_the_script(
    server: InfluxServer, series: InfluxSeries, text: str
) -> None:
    server.answer_csv = NOTHING
    plain = await series.series("bin-1", "fill_pct", start=BEGIN, end=END, cursor=None, limit=1)
    script = server.queries[-1]["query"]
    assert plain.items == ()
    assert (await series.series(text, text, start=BEGIN, end=END, cursor=None, limit=1)).items == ()
    assert server.queries[-1]["query"] == script
    assert options(server)["_device"] == {"type": "StringLiteral", "value": text}
    assert (await series.buckets(text, text, start=BEGIN, end=END, width=HOUR)) == ()
    assert text not in server.queries[-1]["query"]


async def test_an_empty_span_is_not_asked_for(server: InfluxServer, series: InfluxSeries) -> None:
    assert (await series.series("bin-1", "fill_pct", start=END, end=END, cursor=None, limit=1)).items == ()
    assert await series.buckets("bin-1", "fill_pct", start=END, end=BEGIN, width=HOUR) == ()
    assert server.queries == []


async def test_buckets_lie_on_the_grid_of_the_store(server: InfluxServer, series: InfluxSeries) -> None:
    server.answer_csv = SUMS
    found = await series.buckets("bin-1", "fill_pct", start=BEGIN + HOUR // 2, end=END, width=HOUR)
    assert found == (
        SeriesBucket(BEGIN, 2, 3.0, 4.0, 3.5, 4.0),  # the window began before the span
        SeriesBucket(BEGIN + 2 * HOUR, 1, 5.0, 5.0, 5.0, 5.0),
    )
    week = 7 * 24 * HOUR
    await series.buckets("bin-1", "fill_pct", start=BEGIN, end=END, width=week)
    # Weeks of InfluxDB begin on Thursdays, those of the store on Mondays.
    assert options(server)["_offset"]["values"] == [{"magnitude": 4 * 24 * HOUR, "unit": "us"}]


async def test_tracks_stay_with_the_store(series: InfluxSeries) -> None:
    class Store(TelemetryReads):
        def __init__(self) -> None: ...

        async def track(self, device_id: str, **_: Any) -> Any:
            return device_id

        async def events(self, device_id: str, **_: Any) -> Any:
            return device_id

    history = InfluxHistory(Store(), series)
    assert await history.track("v", start=0, end=1, include_invalid=True, cursor=None, limit=1) == "v"
    assert await history.events("v", start=0, end=1, cursor=None, limit=1) == "v"
