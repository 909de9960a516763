"""What is planned, over tables that hold it: versions, pages, filters, and that GeoJSON goes in again."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import httpx
import msgspec
import pytest
from psycopg_pool import AsyncConnectionPool

from api.ports.services import Services
from devices.access import Role
from devices.datum import wgs84_to_gcj02
from fleet.importing.geojson import from_geojson
from fleet.importing.joining import join
from fleet.master.collection import Master
from fleet.master.people import Crew, Worker
from fleet.master.places import Area, Place
from fleet.master.plan import Plan, Shift
from fleet.master.route import Route, Stop, Window
from store.fleet.entry import FleetEntry
from store.writing import WriteSession

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


async def key_of(services: Services, role: Role) -> dict[str, str]:
    made, _ = await services.keys.create(role.value, role, device=None, expires_at=None, actor="test")  # type: ignore[attr-defined]
    return {"X-API-Key": made}


def collection(*features: Any) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features}, indent=1)


def line(**properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"role": "route", "id": "route-9", "kind": "sweep"} | properties,
        "geometry": {"type": "LineString", "coordinates": LINE},
    }


async def test_a_manager_enters_and_changes_a_route(client: httpx.AsyncClient, services: Services) -> None:
    headers = await key_of(services, Role.MANAGER) | {"Content-Type": "application/geo+json"}

    async def enter(text: str, **params: str) -> Any:
        answer = await client.post("/api/v1/fleet", content=text, headers=headers, params=params)
        return answer.raise_for_status().json()

    first = await enter(collection(line(fid=3)))
    assert first["sections"] == {"routes": {"created": ["route-9"], "changed": [], "unchanged": 0}}
    assert "left out: fid" in first["notes"][0]
    assert (await enter(collection(line())))["sections"]["routes"]["unchanged"] == 1
    changed = await enter(collection(line(passes=3)), valid_from="2026-06-01T00:00:00Z")
    assert changed["sections"]["routes"]["changed"] == ["route-9"]
    headers["Content-Type"] = "application/yaml"
    shift = "shifts:\n- {id: s, start: '05:00', length: 60}\n"
    plan = "plans:\n- {date: 2026-06-01, shift: s, route: route-9, crew: c}\n"
    crew = "crews:\n- {id: c, name: C}\n"
    assert set((await enter(shift + plan + crew))["sections"]) == {"shifts", "plans", "crews"}
    audit = await services.audit.entries(actor=None, action="fleet.enter", target=None, cursor=None, limit=9)
    assert len(audit.items) == 3
    assert {entry.actor[:4] for entry in audit.items} == {"key:"}


@pytest.mark.parametrize(
    ("kind", "text", "status", "error"),
    [
        ("application/geo+json", collection(line(kind="dance")), 422, ("features[0].kind", 4)),
        (
            "application/yaml",
            "plans:\n- date: 2026-06-01\n  shift: s\n  route: r\n  crew: c\n",
            422,
            ("plans[0].shift", 3),
        ),
        ("application/yaml", "plans: 7\n", 422, ("plans", 1)),
        ("application/yaml", b"\xff", 422, ("", 1)),
        ("text/html", "x", 415, None),
    ],
)
async def test_what_is_wrong_changes_nothing(
    client: httpx.AsyncClient, services: Services, kind: str, text: str | bytes, status: int, error: Any
) -> None:
    headers = await key_of(services, Role.MANAGER) | {"Content-Type": kind}
    answer = await client.post("/api/v1/fleet", content=text, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    if error is not None:
        assert error in [(one["field"], one["line"]) for one in answer.json()["errors"]]
    assert (await get(client, "/routes"))["features"] == []
    assert (await get(client, "/plans", **{"from": "2026-06-01"}))["items"] == []


async def test_others_may_not(client: httpx.AsyncClient, nobody: httpx.AsyncClient, services: Services) -> None:
    assert (await nobody.post("/api/v1/fleet", content="x")).status_code == 401
    headers = await key_of(services, Role.DISPATCHER)
    assert (await client.post("/api/v1/fleet", content="x", headers=headers)).status_code == 403
