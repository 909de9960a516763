from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

SERIES = "/api/v1/devices/bin-1/series"
TRACK = "/api/v1/devices/vehicle-1/track"
EVENTS = "/api/v1/devices/bin-1/events"


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


async def test_series_gives_every_stored_value(client: httpx.AsyncClient, city: Any, now: Any) -> None:
    key = city.device("bin-1")
    at = now - timedelta(hours=1)
    for value in (50.0, 20.25, 30.0):  # three values of one instant are three records
        city.reading(key, "fill_pct", value, at)
    city.reading(key, "fill_pct", 60.0, at + timedelta(microseconds=1))
    values: list[tuple[str, float]] = []
    params: dict[str, Any] = {"metric": "fill_pct", "limit": 1}
    while True:
        body = (await client.get(SERIES, params=params)).raise_for_status().json()
        values += [(point["observed_at"], point["value"]) for point in body["points"]]
        if body["next_cursor"] is None:
            break
        params["cursor"] = body["next_cursor"]
    same = "2026-11-02T07:00:00Z"
    assert values == [(same, 20.25), (same, 30.0), (same, 50.0), ("2026-11-02T07:00:00.000001Z", 60.0)]
    assert body["unit"] == "%"


async def test_series_neither_skips_nor_repeats_while_rows_arrive(
    client: httpx.AsyncClient, city: Any, now: Any
) -> None:
    key = city.device("bin-1")
    start = now - timedelta(hours=3)
    before = {start + timedelta(seconds=10 * n) for n in range(200)}
    for at in before:
        city.reading(key, "fill_pct", 1, at)
    seen: list[str] = []
    params: dict[str, Any] = {"metric": "fill_pct", "limit": 23}
    draw = random.Random(7)
    while True:
        body = (await client.get(SERIES, params=params)).raise_for_status().json()
        seen += [point["observed_at"] for point in body["points"]]
        if body["next_cursor"] is None:
            break
        params["cursor"] = body["next_cursor"]
        for _ in range(10):
            at = start + timedelta(microseconds=draw.randrange(2_000 * 10**6))
            city.reading(key, "fill_pct", 2, at)
    assert len(seen) == len(set(seen))
    assert {iso(at) for at in before} <= set(seen)
    assert seen == sorted(seen, key=datetime.fromisoformat)


@pytest.mark.parametrize("bucket", ["30s", "5m", "7m", "1h", "1d", "7d"])
async def test_buckets_equal_a_plain_count(client: httpx.AsyncClient, city: Any, now: Any, bucket: str) -> None:
    key = city.device("bin-1")
    width = {"s": 1, "m": 60, "h": 3600, "d": 86_400}[bucket[-1]] * int(bucket[:-1])
    span = min(width * 40, 40 * 86_400)
    draw = random.Random(3)
    rows = [(now - timedelta(seconds=draw.uniform(1, span)), round(draw.uniform(0, 100), 3)) for _ in range(150)]
    for at, value in rows:
        city.reading(key, "fill_pct", value, at)
    city.latest(key, "fill_pct", max(rows)[1], max(rows)[0])
    start, end = now - timedelta(seconds=span / 2), now - timedelta(seconds=span / 50)
    origin = datetime(2000, 1, 3, tzinfo=UTC)  # where TimescaleDB's time_bucket counts from
    expected: dict[str, list[tuple[datetime, float]]] = {}
    for at, value in sorted(rows):
        if start <= at < end:
            step = timedelta(seconds=width)
            expected.setdefault(iso(origin + (at - origin) // step * step), []).append((at, value))
    params = {"metric": "fill_pct", "bucket": bucket, "from": iso(start), "to": iso(end)}
    body = (await client.get(SERIES, params=params)).raise_for_status().json()
    assert body["points"] is None
    assert [item["start_at"] for item in body["buckets"]] == list(expected)
    for item in body["buckets"]:
        values = [value for _, value in expected[item["start_at"]]]
        assert (item["count"], item["min"], item["max"]) == (len(values), min(values), max(values))
        assert item["last"] == values[-1]
        assert item["avg"] == pytest.approx(sum(values) / len(values))


async def test_buckets_are_bounded(client: httpx.AsyncClient, city: Any) -> None:
    city.device("bin-1")
    params = {"metric": "fill_pct", "bucket": "1s", "from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"}
    answer = await client.get(SERIES, params=params)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == "bucket"
    assert "86400 buckets" in error["expected"]
    assert "18s or wider" in error["expected"]
    assert (await client.get(SERIES, params=params | {"bucket": "18s"})).status_code == 200


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"metric": "nonsense"}, "metric"),
        ({}, "metric"),
        ({"metric": "fill_pct", "bucket": "5"}, "bucket"),
        ({"metric": "fill_pct", "bucket": "1mo"}, "bucket"),
        ({"metric": "fill_pct", "bucket": "0s"}, "bucket"),
        ({"metric": "fill_pct", "bucket": "999999d"}, "bucket"),
        ({"metric": "fill_pct", "from": "yesterday"}, "from"),
        ({"metric": "fill_pct", "from": "2026-11-02T08:00:00"}, "from"),
        ({"metric": "fill_pct", "to": "2026-11-02"}, "to"),
        ({"metric": "fill_pct", "from": "2026-11-02T08:00:00Z", "to": "2026-11-02T08:00:00Z"}, "from"),
        ({"metric": "fill_pct", "from": "0001-01-01T00:00:00+08:00"}, "from"),
        ({"metric": "fill_pct", "limit": "0"}, "limit"),
        ({"metric": "fill_pct", "limit": "10001"}, "limit"),
        ({"metric": "fill_pct", "limit": "many"}, "limit"),
        ({"metric": "fill_pct", "form": "2026-11-02T08:00:00Z"}, "form"),
        ({"metric": "fill_pct", "cursor": "AAAA"}, "cursor"),
        ({"metric": "fill_pct", "cursor": "ü"}, "cursor"),
        ({"metric": "fill_pct", "cursor": "WyJkIiwiYmluLTEiXQ"}, "cursor"),  # a device's cursor
        ({"metric": "fill_pct", "cursor": "WyJyIiw5OTk5OTk5OTk5OTk5OTk5OTk5OTksMV0"}, "cursor"),  # beyond all time
    ],
)
async def test_errors_name_the_field(client: httpx.AsyncClient, city: Any, params: Any, field: str) -> None:
    city.device("bin-1")
    answer = await client.get(SERIES, params=params)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert [(error["where"], error["field"]) for error in body["errors"]] == [("query", field)]
    assert body["errors"][0]["expected"]
    assert field in body["detail"]
    assert (body["status"], body["instance"]) == (422, SERIES)


async def test_zones(client: httpx.AsyncClient, city: Any) -> None:
    key = city.device("bin-1")
    for hour in range(24):
        city.reading(key, "fill_pct", hour, datetime(2026, 11, 1, hour, tzinfo=UTC))

    async def values(query: str) -> list[float]:
        body = (await client.get(f"{SERIES}?metric=fill_pct&{query}")).raise_for_status().json()
        return [point["value"] for point in body["points"]]

    assert await values("from=2026-11-01T03:00:00Z&to=2026-11-01T06:00:00Z") == [3, 4, 5]
    assert await values("from=2026-11-01T11:00:00%2B08:00&to=2026-11-01T14:00:00%2B08:00") == [3, 4, 5]
    assert await values("from=2026-11-01T11:00:00+08:00&to=2026-11-01T14:00:00+08:00") == [3, 4, 5]
    assert await values("from=2026-10-31T22:30:00-04:30&to=2026-11-01T05:00:01Z") == [3, 4, 5]


async def test_without_a_span_the_last_day(client: httpx.AsyncClient, city: Any, now: Any) -> None:
    key = city.device("bin-1")
    for hours in (0, 23, 24, 25):
        city.reading(key, "fill_pct", hours, now - timedelta(hours=hours))
    body = (await client.get(SERIES, params={"metric": "fill_pct"})).json()
    assert [point["value"] for point in body["points"]] == [24, 23]  # from is included, to is not
    assert (body["from_at"], body["to_at"]) == ("2026-11-01T08:00:00Z", "2026-11-02T08:00:00Z")


async def _track(client: httpx.AsyncClient, **params: Any) -> list[tuple[str, tuple[float, ...]]]:
    found: list[tuple[str, tuple[float, ...]]] = []
    while True:
        answer = (await client.get(TRACK, params=params)).raise_for_status()
        assert answer.headers["content-type"] == "application/geo+json"
        body = answer.json()
        times = body["properties"]["coordTimes"]
        places = body["geometry"]["coordinates"] if body["geometry"] else []
        for name in ("speeds_kmh", "headings_deg", "altitudes_m", "valid"):
            assert len(body["properties"][name]) == len(times) == len(places)
        found += zip(times, map(tuple, places), strict=True)
        if body["next_cursor"] is None:
            return found
        params["cursor"] = body["next_cursor"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_track_of_several_fixes_an_instant(client: httpx.AsyncClient, city: Any, now: Any, limit: int) -> None:
    key = city.device("vehicle-1", kind="vehicle")
    at = now - timedelta(minutes=5)
    city.fix(key, at, variant=9, seq=2, lat=31.4)
    city.fix(key, at, variant=-5, seq=10, lat=31.5)
    city.fix(key, at, variant=7, lat=31.2)
    city.fix(key, at, variant=-7, lat=31.1)
    city.fix(key, at, variant=3, seq=-1, lat=31.3)
    city.fix(key, at + timedelta(seconds=1), variant=0, lat=31.6)
    city.fix(key, at + timedelta(seconds=2), variant=0, lat=0.0, lon=0.0, valid=False)
    found = await _track(client, limit=limit)
    assert [place[1] for _, place in found] == [31.1, 31.2, 31.3, 31.4, 31.5, 31.6]
    assert [time for time, _ in found] == ["2026-11-02T07:55:00Z"] * 5 + ["2026-11-02T07:55:01Z"]
    assert len(await _track(client, limit=limit, include_invalid="true")) == 7


async def test_shapes_of_a_track(client: httpx.AsyncClient, city: Any, now: Any) -> None:
    key = city.device("vehicle-1", kind="vehicle")
    empty = (await client.get(TRACK)).json()
    assert (empty["type"], empty["geometry"]) == ("Feature", None)
    city.fix(key, now - timedelta(minutes=2), variant=0, lat=22.543847, lon=113.912316)
    assert (await client.get(TRACK)).json()["geometry"]["type"] == "MultiPoint"
    city.fix(key, now - timedelta(minutes=1), variant=0, lat=22.55, lon=113.92)
    line = (await client.get(TRACK, params={"datum": "gcj02"})).json()
    assert (line["geometry"]["type"], line["properties"]["datum"]) == ("LineString", "gcj02")
    assert line["geometry"]["coordinates"][0] == pytest.approx([113.91717658, 22.54079613], abs=2e-6)
    baidu = (await client.get(TRACK, params={"datum": "bd09"})).json()["geometry"]["coordinates"][0]
    assert 0.005 < baidu[0] - 113.91717658 < 0.008
    points = (await client.get(TRACK, params={"geometry": "points"})).json()
    assert points["type"] == "FeatureCollection"
    assert points["features"][0]["geometry"] == {"type": "Point", "coordinates": [113.912316, 22.543847]}
    assert points["features"][0]["properties"]["constellations"] == ["GPS", "BDS"]
    for params, field in (({"datum": "mars"}, "datum"), ({"geometry": "circle"}, "geometry")):
        wrong = await client.get(TRACK, params=params)
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, field)


async def test_events_run_backwards(client: httpx.AsyncClient, city: Any, now: Any) -> None:
    key = city.device("bin-1")
    for minute in range(4):
        at = now - timedelta(minutes=minute)
        city.event(key, "emptied", at, variant=1, fill_before_pct=90 + minute)
        city.event(key, "emptied", at, variant=-2, fill_before_pct=80 + minute)
        city.event(key, "lid_open", at)
    found: list[tuple[str, str, Any]] = []
    params: dict[str, Any] = {"limit": 5}
    while True:
        body = (await client.get(EVENTS, params=params)).raise_for_status().json()
        found += [(e["observed_at"], e["kind"], e["attributes"].get("fill_before_pct")) for e in body["items"]]
        if body["next_cursor"] is None:
            break
        params["cursor"] = body["next_cursor"]
    assert len(found) == len(set(found)) == 12
    assert [item[0] for item in found] == sorted((item[0] for item in found), reverse=True)
    only = (await client.get(EVENTS, params={"kind": "lid_open", "from": iso(now - timedelta(minutes=1))})).json()
    assert [item["observed_at"] for item in only["items"]] == ["2026-11-02T08:00:00Z", "2026-11-02T07:59:00Z"]
    until = (await client.get(EVENTS, params={"to": iso(now)})).json()
    assert len(until["items"]) == 9
    newest = (await client.get(EVENTS, params={"limit": 1})).json()["next_cursor"]
    shorter = (await client.get(EVENTS, params={"cursor": newest, "to": iso(now - timedelta(minutes=2))})).json()
    assert {item["observed_at"] for item in shorter["items"]} == {"2026-11-02T07:57:00Z"}
