from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx


async def _walk(client: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get(path, params={**params, **cursor})).raise_for_status().json()
        assert len(page["items"]) <= params["limit"]
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_pages_give_every_device_once(client: httpx.AsyncClient, city: Any) -> None:
    for number in range(25):
        city.device(f"bin-{number:04d}")
    found = await _walk(client, "/api/v1/devices", limit=7)
    assert [item["id"] for item in found] == [f"bin-{number:04d}" for number in range(25)]


async def test_devices_that_appear_while_paging_neither_hide_nor_repeat_others(
    client: httpx.AsyncClient, city: Any
) -> None:
    before = [f"bin-{number:04d}" for number in range(0, 40, 2)]
    for device in before:
        city.device(device)
    page = (await client.get("/api/v1/devices", params={"limit": 10})).json()
    seen = [item["id"] for item in page["items"]]
    for number in range(1, 40, 2):
        city.device(f"bin-{number:04d}")
    while page["next_cursor"]:
        page = (await client.get("/api/v1/devices", params={"limit": 10, "cursor": page["next_cursor"]})).json()
        seen += [item["id"] for item in page["items"]]
    assert len(seen) == len(set(seen))
    assert set(before) <= set(seen)


async def test_filters(client: httpx.AsyncClient, city: Any) -> None:
    city.device("bin-1", name="人民路 12 号", dev_eui="70B3D5E75E000001")
    city.device("bin-2", status="pending")
    city.device("toilet-1", kind="toilet", name="Renmin Road")
    city.device("vehicle-1", kind="vehicle", imei="860000000000001")

    async def ids(**params: Any) -> list[str]:
        answer = (await client.get("/api/v1/devices", params=params)).raise_for_status().json()
        return [item["id"] for item in answer["items"]]

    assert await ids(kind="bin") == ["bin-1", "bin-2"]
    assert await ids(kind=["bin", "toilet"], status="active") == ["bin-1", "toilet-1"]
    assert await ids(q="人民路") == ["bin-1"]
    assert await ids(q="renmin") == ["toilet-1"]
    assert await ids(q="75e0") == ["bin-1"]
    assert await ids(q="86000000") == ["vehicle-1"]
    assert await ids(q="nothing") == []


async def test_what_is_typed_into_the_search_has_no_power(client: httpx.AsyncClient, city: Any) -> None:
    city.device("bin-1", name="50% full_bin")
    for q in ("'; DROP TABLE devices; --", "' OR '1'='1", "%", "_", "\\", '"', "%s", "%(q)s", "$1", "${x}", "a' --"):
        answer = await client.get("/api/v1/devices", params={"q": q})
        assert answer.status_code == 200, q
        expected = ["bin-1"] if q in "50% full_bin" else []
        assert [item["id"] for item in answer.json()["items"]] == expected, q
    assert (await client.get("/api/v1/devices", params={"q": "a\x00b"})).status_code == 422
    assert city.sql("SELECT count(*) FROM devices") == [(1,)]


async def test_one_device(client: httpx.AsyncClient, city: Any, now: Any) -> None:
    key = city.device("bin-1", name="Corner", dev_eui="70B3D5E75E000001", id="bin-1")
    city.heard(key)
    body = (await client.get("/api/v1/devices/bin-1")).raise_for_status().json()
    assert body["identities"] == ["dev_eui:70B3D5E75E000001", "id:bin-1"]
    assert body["received_at"] == "2026-11-02T08:00:00Z"
    assert body["registered_at"].endswith("Z")


async def test_a_device_that_nobody_knows(client: httpx.AsyncClient, city: Any) -> None:
    for tail in ("", "/latest", "/series?metric=fill_pct", "/track", "/events"):
        answer = await client.get(f"/api/v1/devices/bin-404{tail}")
        assert answer.status_code == 404, tail
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:sanihub:problem:no-such-device"
        assert "bin-404" in answer.json()["detail"]


async def test_an_id_that_cannot_be(client: httpx.AsyncClient, city: Any) -> None:
    for device in ("%00", "a%00b", "%20", "a" * 65, "-x", "%27%20OR%201=1"):
        answer = await client.get(f"/api/v1/devices/{device}")
        assert answer.status_code == 422, device
        assert answer.json()["errors"][0]["where"] == "path"
        assert answer.json()["errors"][0]["field"] == "device_id"


async def test_latest_of_one(client: httpx.AsyncClient, city: Any) -> None:
    key = city.device("bin-1")
    silent = (await client.get("/api/v1/devices/bin-1/latest")).raise_for_status().json()
    assert (silent["received_at"], silent["fix"], silent["readings"]) == (None, None, {})
    city.heard(key, lat=31.2, lon=121.5)
    city.latest(key, "fill_pct", 81.5)
    body = (await client.get("/api/v1/devices/bin-1/latest")).raise_for_status().json()
    assert body["readings"] == {"fill_pct": {"value": 81.5, "observed_at": "2026-11-02T08:00:00Z", "quality": 0}}
    assert (body["fix"]["lat"], body["fix"]["lon"], body["fix"]["heading_deg"]) == (31.2, 121.5, 90)


async def test_latest_of_all(client: httpx.AsyncClient, city: Any, now: Any) -> None:
    from datetime import timedelta

    for number in range(9):
        key = city.device(f"bin-{number}", status="retired" if number == 8 else "active")
        city.heard(key, now - timedelta(minutes=number), lat=31.0, lon=121.0)
        city.latest(key, "fill_pct", number)
    city.device("bin-silent")
    found = await _walk(client, "/api/v1/latest", limit=3)
    assert [(item["id"], item["readings"]["fill_pct"]["value"]) for item in found] == [
        (f"bin-{number}", number) for number in range(8)
    ]
    since = {"since": "2026-11-02T15:57:00+08:00", "limit": 3}
    assert [item["id"] for item in await _walk(client, "/api/v1/latest", **since)] == [f"bin-{n}" for n in range(4)]
    assert (await client.get("/api/v1/latest", params={"kind": "toilet"})).json()["items"] == []
    assert (await client.get("/api/v1/latest")).json()["as_of"] == "2026-11-02T07:59:50Z"


async def test_positions_as_geojson(client: httpx.AsyncClient, city: Any) -> None:
    key = city.device("vehicle-1", kind="vehicle", name="Sweeper")
    city.heard(key, lat=31.1774276, lon=121.5272106)
    city.heard(city.device("bin-1"))
    answer = await client.get("/api/v1/latest.geojson", params={"datum": "gcj02"})
    assert answer.headers["content-type"] == "application/geo+json"
    (feature,) = answer.json()["features"]
    lon, lat = feature["geometry"]["coordinates"]
    assert abs(lon - 121.53154186) < 2e-6
    assert abs(lat - 31.17530398) < 2e-6
    assert (feature["id"], answer.json()["datum"]) == ("vehicle-1", "gcj02")


async def test_devices_are_told_apart_by_how_they_were_heard(client: httpx.AsyncClient, city: Any, now: Any) -> None:
    city.heard(city.device("bin-1"), protocol="chirpstack", source="park", lat=30.5, lon=114.3)
    city.heard(city.device("vehicle-1", kind="vehicle"), protocol="jt808", source="sweepers", lat=30.6, lon=114.3)
    city.heard(city.device("vehicle-2", kind="vehicle"), now - timedelta(hours=1), protocol="jt808", source="trucks")
    city.device("bin-2")
    body = (await client.get("/api/v1/devices/vehicle-1/latest")).raise_for_status().json()
    assert (body["protocol"], body["source"]) == ("jt808", "sweepers")
    body = (await client.get("/api/v1/devices/bin-2")).raise_for_status().json()
    assert (body["protocol"], body["source"]) == (None, None)
    items = (await client.get("/api/v1/latest", params={"protocol": "jt808"})).raise_for_status().json()["items"]
    assert [(item["id"], item["source"]) for item in items] == [("vehicle-1", "sweepers"), ("vehicle-2", "trucks")]
    places = await client.get("/api/v1/latest.geojson", params={"protocol": ["chirpstack", "nmea"]})
    assert [place["properties"]["source"] for place in places.raise_for_status().json()["features"]] == ["park"]
    status = (await client.get("/api/v1/status")).raise_for_status().json()
    assert status["devices"]["by_protocol"] == [
        {"protocol": "chirpstack", "kind": "bin", "devices": 1, "reporting": 1},
        {"protocol": "jt808", "kind": "vehicle", "devices": 2, "reporting": 1},
    ]


async def test_a_bin_without_a_receiver_stands_where_it_was_registered(client: httpx.AsyncClient, city: Any) -> None:
    for name, attributes in (
        ("bin-1", '{"lat": 30.5, "lon": 114}'),
        ("bin-2", '{"lat": "north", "lon": 1}'),
        ("bin-3", '{"lat": 91, "lon": 1}'),
    ):  # fmt: skip
        city.heard(city.device(name))
        city.sql("UPDATE devices SET attributes = %s WHERE id = %s", attributes, name)
    city.heard(key := city.device("vehicle-1", kind="vehicle"), lat=31.0, lon=121.0)
    city.sql("UPDATE devices SET attributes = %s WHERE key = %s", '{"lat": 1, "lon": 2}', key)
    states = (await client.get("/api/v1/latest")).raise_for_status().json()["items"]
    assert [state["place"] for state in states] == [{"lat": 30.5, "lon": 114.0}, None, None, {"lat": 1.0, "lon": 2.0}]
    places = (await client.get("/api/v1/latest.geojson")).raise_for_status().json()["features"]
    assert [(place["id"], place["geometry"]["coordinates"]) for place in places] == [
        ("bin-1", [114.0, 30.5]), ("vehicle-1", [121.0, 31.0]),
    ]  # fmt: skip
    assert places[0]["properties"]["observed_at"] is None
