"""What is planned, over tables that hold it: versions, pages, filters, and that GeoJSON goes in again."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import httpx
import msgspec
import pytest
from psycopg_pool import AsyncConnectionPool

from devices.datum import wgs84_to_gcj02
from fleet.importing.geojson import from_geojson
from fleet.importing.joining import join
from fleet.master.collection import Master
from fleet.master.people import Crew, Worker
from fleet.master.places import Area, Place
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route, Stop, Window
from store.fleet_entry import FleetEntry
from store.writers_session import WriteSession

JUNE = 1_780_272_000_000_000
LINE = ((114.30, 30.58), (114.31, 30.58))
ROUTES = tuple(
    Route(f"route-{number}", 0, "collect", (LINE,), name_zh="东线", access=(((114.29, 30.58), (114.30, 30.58)),),
          stops=(Stop("s1", 114.302, 30.58, device="bin-1", windows=(Window(1_380, 1_500),)),))
    for number in range(3)
)  # fmt: skip
MASTER = Master(
    routes=ROUTES,
    places=(Place("tip", "tip", 114.3, 30.5, name_zh="转运站"),),
    areas=(
        Area("a1", 0, "post", lines=(LINE,), width_m=80.0),
        Area("a2", 0, "grid", polygons=((((114.0, 30.0), (114.1, 30.0), (114.1, 30.1), (114.0, 30.0)),),)),
    ),
    crews=(Crew("c1", "Crew", "班"),),
    workers=(Worker("w1", "张伟", crew="c1"), Worker("w2", "李娜", "driver")),
    shifts=(Shift("night", 1_320, 480, weekdays=(0, 6), breaks=((240, 30),)),),
    plans=(
        Plan("p1", date(2026, 6, 1), "night", route="route-1", vehicle="vehicle-1", workers=("w2",)),
        Plan("p2", date(2026, 6, 1), "night", area="a1", crew="c1"),
        Plan("p3", date(2026, 6, 2), "night", route="route-1", vehicle="vehicle-1"),
    ),
)


@pytest.fixture
async def planned(city: Any) -> None:
    city.device("bin-1")
    city.device("vehicle-1", kind="vehicle")
    changed = msgspec.structs.replace(ROUTES[1], passes=3)
    async with AsyncConnectionPool(city.dsn, min_size=1, max_size=1, open=False) as pool:
        entry = FleetEntry(WriteSession(pool))
        await entry.enter(MASTER, "test")
        await entry.enter(Master(routes=(changed,)), "test", valid_from=JUNE)


async def get(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    return (await client.get(f"/api/v1{path}", params=params)).raise_for_status().json()


@pytest.mark.usefixtures("planned")
async def test_routes_in_force_and_in_all_versions(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/routes", params={"at": "2026-05-31T23:59:59Z"})
    assert answer.headers["content-type"] == "application/geo+json"
    whole = answer.json()
    routes = [one["properties"] for one in whole["features"] if one["properties"]["role"] == "route"]
    assert [(one["id"], one["version"], one["passes"]) for one in routes] == [
        *(("route-0", 1, 1), ("route-1", 1, 1), ("route-2", 1, 1))
    ]
    assert routes[1]["valid_until"] == "2026-06-01T00:00:00Z"
    assert routes[0]["stops"][0]["windows"] == ["23:00-25:00"]
    read = join([from_geojson(json.dumps(whole))], {})
    assert (read.faults, [one.stops for one in read.master.routes]) == ([], [one.stops for one in ROUTES])
    assert [one.access for one in read.master.routes] == [one.access for one in ROUTES]
    first = await get(client, "/routes", limit=2)
    rest = await get(client, "/routes", limit=2, cursor=first["next_cursor"])
    ids = [one["properties"].get("id") for page in (first, rest) for one in page["features"]]
    assert [one for one in ids if one] == ["route-0", "route-1", "route-2"]
    now = (await get(client, "/routes/route-1"))["features"][0]["properties"]
    assert (now["version"], now["passes"], now["valid_from"]) == (2, 3, "2026-06-01T00:00:00Z")
    versions = await get(client, "/routes/route-1/versions")
    assert [one["properties"]["version"] for one in versions["features"]] == [1, 1, 2, 2]


@pytest.mark.usefixtures("planned")
async def test_for_chinese_base_maps(client: httpx.AsyncClient) -> None:
    drawn = await get(client, "/routes/route-0", datum="gcj02")
    lat, lon = wgs84_to_gcj02(30.58, 114.30)
    assert drawn["datum"] == "gcj02"
    assert drawn["features"][0]["geometry"]["coordinates"][0][0] == pytest.approx([lon, lat], abs=1e-6)
    assert only(drawn) == only(await get(client, "/routes/route-0"))


def only(answer: Any) -> Any:
    (route,) = join([from_geojson(json.dumps(answer))], {}).master.routes
    rounded = tuple(tuple((round(lon, 5), round(lat, 5)) for lon, lat in line) for line in route.lines)
    return msgspec.structs.replace(route, lines=rounded, access=(), stops=())


@pytest.mark.usefixtures("planned")
async def test_areas_places_and_people(client: httpx.AsyncClient) -> None:
    areas = (await get(client, "/areas"))["features"]
    assert [(one["properties"]["role"], one["geometry"]["type"]) for one in areas] == [
        ("post", "MultiLineString"),
        ("grid", "MultiPolygon"),
    ]
    assert len((await get(client, "/areas/a1/versions"))["features"]) == 1
    assert [one["name_zh"] for one in (await get(client, "/places"))["items"]] == ["转运站"]
    assert [one["id"] for one in (await get(client, "/crews"))["items"]] == ["c1"]
    assert [one["name"] for one in (await get(client, "/workers"))["items"]] == ["张伟", "李娜"]
    assert [one["id"] for one in (await get(client, "/workers", crew="c1"))["items"]] == ["w1"]
    (shift,) = (await get(client, "/shifts"))["items"]
    assert (shift["start"], shift["weekdays"], shift["breaks"]) == ("22:00", ["mon", "sun"], ["04:00-04:30"])


@pytest.mark.usefixtures("planned")
async def test_plans(client: httpx.AsyncClient) -> None:
    async def ids(**params: Any) -> list[str]:
        return [one["id"] for one in (await get(client, "/plans", **{"from": "2026-06-01"} | params))["items"]]

    assert await ids() == ["p1", "p2"]
    assert await ids(to="2026-06-02") == ["p1", "p2", "p3"]
    assert (
        await ids(to="2026-06-02", vehicle="vehicle-1") == await ids(to="2026-06-02", route="route-1") == ["p1", "p3"]
    )
    assert await ids(worker="w1") == ["p2"]
    assert await ids(worker="w2") == ["p1"]
    first = await get(client, "/plans", **{"from": "2026-06-01", "to": "2026-06-30", "limit": 2})
    assert await ids(to="2026-06-30", cursor=first["next_cursor"]) == ["p3"]


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/routes/none", 404, None),
        ("/routes/none/versions", 404, None),
        ("/areas/none/versions", 404, None),
        ("/routes?at=yesterday", 422, "at"),
        ("/routes?cursor=x", 422, "cursor"),
        ("/plans", 422, "from"),
        ("/plans?from=2026-06-02&to=2026-06-01", 422, "to"),
        ("/plans?from=2026-06-02&to=2030-06-01", 422, "to"),
        ("/plans?from=2026-06-01&driver=w1", 422, "driver"),
        ("/workers?crew=%00", 422, "crew"),
    ],
)
async def test_what_cannot_be_answered(client: httpx.AsyncClient, path: str, status: int, field: str | None) -> None:
    answer = await client.get(f"/api/v1{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    if field is not None:
        assert field in [one["field"] for one in answer.json()["errors"]]
