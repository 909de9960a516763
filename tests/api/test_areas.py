"""What those who are limited to areas see: nothing that lies elsewhere, in lists, alone, and in actions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import numpy as np
import pytest

from api.app import create_app
from api.ports.services import Services
from devices.access import Role
from fleet.geometry.containing import Containing
from fleet.master.places import Area
from hub.areas import by_area
from store.readers.places import DevicePlace

HALF = 0.05


def square(lon: float, lat: float) -> tuple[tuple[float, float], ...]:
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    return tuple((lon + HALF * x, lat + HALF * y) for x, y in corners)


NORTH, SOUTH = (121.5, 31.4), (121.5, 31.1)


class Town:
    """Two areas: the north with `in-*` and the south with `out-*`."""

    def __init__(self, city: Any) -> None:
        self.city = city
        for name, middle in (("north", NORTH), ("south", SOUTH)):
            content = {"kind": "district", "polygons": [[square(*middle)]]}
            insert = "INSERT INTO areas (id, version, valid_from, content, entered_by) VALUES (%s, 1, %s, %s, 'test')"
            city.sql(insert, name, "1970-01-01T00:00:00Z", json.dumps(content))
        self.keys: dict[str, int] = {}
        self.alerts: dict[str, int] = {}
        self.letters: dict[str, int] = {}
        for name, kind, how in (
            ("in-place", "bin", "place"), ("in-fix", "vehicle", "fix"), ("in-named", "bin", "named"),
            ("out-place", "bin", "place"), ("out-fix", "vehicle", "fix"), ("out-named", "bin", "named"),
            ("out-nowhere", "bin", "nowhere"),
        ):  # fmt: skip
            self._device(name, kind, how)

    def _device(self, name: str, kind: str, how: str) -> None:
        city, inside = self.city, name.startswith("in-")
        key = self.keys[name] = city.device(name, kind=kind, id=name)
        lon, lat = NORTH if inside else SOUTH
        attributes: dict[str, Any] = {}
        if how == "place":
            attributes = {"lon": lon, "lat": lat}
            # What it measured lies elsewhere: a place that people gave comes before it.
            city.heard(key, lon=SOUTH[0] if inside else NORTH[0], lat=SOUTH[1] if inside else NORTH[1])
        elif how == "named":
            attributes = {"area": "north" if inside else "south"}
            city.heard(key, lon=SOUTH[0] if inside else NORTH[0], lat=SOUTH[1] if inside else NORTH[1])
        elif how == "fix":
            city.heard(key, lon=lon, lat=lat)
        city.sql("UPDATE devices SET attributes = %s WHERE key = %s", json.dumps(attributes), key)
        self.alerts[name] = city.alert(key, "bin-full", city.now)
        self.letters[name] = city.dead_letter(b"x", device=name)
        city.event(key, "emptied", city.now)


@pytest.fixture
def town(city: Any) -> Town:
    return Town(city)


@pytest.fixture
async def people(services: Services, town: Town) -> AsyncIterator[Mapping[str, httpx.AsyncClient]]:
    """Somebody of each role who is limited to the north, and a manager who is not."""
    app = create_app(services)
    clients = {}
    for name, role, areas in (
        ("viewer", Role.VIEWER, ["north"]), ("dispatcher", Role.DISPATCHER, ["north"]),
        ("manager", Role.MANAGER, ["north"]), ("whole", Role.MANAGER, None), ("both", Role.VIEWER, ["north", "south"]),
        ("lost", Role.VIEWER, ["no-such-area"]),
    ):  # fmt: skip
        key = {"X-API-Key": town.city.key(role, areas=areas)}
        transport = httpx.ASGITransport(app)
        clients[name] = httpx.AsyncClient(transport=transport, base_url="http://hub/api/v1", headers=key)
    yield clients
    for client in clients.values():
        await client.aclose()


async def listed(client: httpx.AsyncClient, path: str, name: str = "id", **params: Any) -> list[str]:
    answer = (await client.get(path, params=params)).raise_for_status().json()
    return sorted(item[name] for item in answer["items"])


INSIDE = ["in-fix", "in-named", "in-place"]


async def test_lists_hold_what_is_in_the_areas(people: Mapping[str, httpx.AsyncClient], town: Town) -> None:
    viewer = people["viewer"]
    assert await listed(viewer, "/devices") == INSIDE
    assert await listed(viewer, "/latest") == INSIDE
    assert await listed(viewer, "/alerts", "device") == INSIDE
    assert await listed(viewer, "/dead-letters", "device_id") == INSIDE
    assert await listed(viewer, "/bins/readiness", "bin") == ["in-named", "in-place"]
    assert (await viewer.get("/alerts/counts")).json()["open"] == 3
    drawn = (await viewer.get("/latest.geojson")).json()["features"]
    assert sorted(feature["id"] for feature in drawn) == INSIDE
    assert await listed(viewer, "/devices", limit=1000, q="out") == []
    assert await listed(viewer, "/alerts", device="out-fix") == []
    assert await listed(viewer, "/dead-letters", device="out-fix") == []
    pages = []
    cursor: dict[str, str] = {}
    while True:
        page = (await viewer.get("/devices", params={"limit": 1, **cursor})).json()
        pages += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert pages == INSIDE
    assert len(await listed(people["whole"], "/devices")) == len(town.keys)
    assert await listed(people["both"], "/devices") == sorted(set(town.keys) - {"out-nowhere"})
    assert await listed(people["lost"], "/devices") == []
    assert await listed(people["lost"], "/alerts") == []
    assert (await people["lost"].get("/alerts/counts")).json()["open"] == 0


@pytest.mark.parametrize(
    "path", ["", "/latest", "/series?metric=fill_pct", "/track", "/events", "/trips", "/stops", "/commands"]
)
async def test_a_device_elsewhere_is_not_there(people: Mapping[str, httpx.AsyncClient], path: str) -> None:
    for name in ("out-place", "out-fix", "out-named", "out-nowhere"):
        hidden = await people["viewer"].get(f"/devices/{name}{path}")
        missing = await people["viewer"].get(f"/devices/none{path}")
        assert hidden.status_code == missing.status_code == 404
        assert hidden.json()["detail"] == missing.json()["detail"].replace("none", name)
        assert (await people["whole"].get(f"/devices/{name}{path}")).status_code == 200
    assert (await people["viewer"].get(f"/devices/in-fix{path}")).status_code == 200


async def test_what_is_of_a_device_elsewhere_is_not_there(people: Mapping[str, httpx.AsyncClient], town: Town) -> None:
    dispatcher = people["dispatcher"]
    for name in ("out-fix", "in-fix"):
        status = 200 if name == "in-fix" else 404
        alert = f"/alerts/{town.alerts[name]}"
        assert (await dispatcher.get(alert)).status_code == status
        assert (await dispatcher.get(f"/dead-letters/{town.letters[name]}")).status_code == status
        for act, body in (
            ("acknowledge", {}), ("comment", {"comment": "seen"}), ("snooze", {"minutes": 5}), ("close", {}),
        ):  # fmt: skip
            assert (await dispatcher.post(f"{alert}/{act}", json=body)).status_code == status, act
    assert town.city.sql("SELECT count(*) FROM audit WHERE target = %s", f"alert:{town.alerts['out-fix']}") == [(0,)]
    assert (
        await dispatcher.post("/devices/out-fix/commands", json={"command": "text", "text": "x"})
    ).status_code == 404
    assert (await dispatcher.get("/bins/out-place/forecast")).status_code == 404


async def test_the_shelf(people: Mapping[str, httpx.AsyncClient], services: Services, town: Town) -> None:
    dispatcher, until = people["dispatcher"], town.city.micros(town.city.now) + 10**15
    await services.rules.enter(
        "version: 1\nrules:\n"
        "  - {id: bin-full, kind: threshold, severity: warning, params: {metric: fill_pct, above: 85}}\n",
        "test",
    )
    form = {"minutes": 300 * 24 * 60, "reason": "being mended"}
    assert (await dispatcher.post("/shelves", json={**form, "device": "out-fix"})).status_code == 404
    refused = await dispatcher.post("/shelves", json={**form, "rule": "bin-full"})
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:sanihub:problem:limited-to-areas")
    assert (await dispatcher.post("/shelves", json={**form, "device": "in-fix"})).status_code == 200
    other = await services.alert_handling.shelve(None, "out-fix", until, "elsewhere", "test")
    rule = await services.alert_handling.shelve("bin-full", None, until, "everywhere", "test")
    shown = (await dispatcher.get("/shelves")).json()["items"]
    assert {(one["rule"], one["device"]) for one in shown} == {(None, "in-fix"), ("bin-full", None)}
    for number in (other, rule):
        assert (await dispatcher.delete(f"/shelves/{number}")).status_code == 404
    (own,) = (one["id"] for one in shown if one["device"])
    assert (await dispatcher.delete(f"/shelves/{own}")).status_code == 200


async def test_the_registry(people: Mapping[str, httpx.AsyncClient], town: Town) -> None:
    manager = people["manager"]
    for attributes in ({}, {"area": "south"}, {"area": 7}, {"lon": NORTH[0], "lat": NORTH[1]}):
        refused = await manager.post("/devices", json={"id": "bin-new", "attributes": attributes})
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:sanihub:problem:limited-to-areas")
    made = await manager.post("/devices", json={"id": "bin-new", "attributes": {"area": "north"}})
    assert made.status_code == 201
    assert (await manager.get("/devices/bin-new")).status_code == 200  # at once
    for attributes in ({"area": "south"}, {"area": None}, {"lat": 31.0}):
        assert (await manager.patch("/devices/in-fix", json={"attributes": attributes})).status_code == 403
    assert (await manager.patch("/devices/in-fix", json={"name": "Sweeper 1"})).json()["name"] == "Sweeper 1"
    assert (await manager.patch("/devices/out-fix", json={"name": "x"})).status_code == 404
    assert (await manager.post("/devices/out-fix/identities", json={"identity": "imei:1"})).status_code == 404
    await people["whole"].post("/devices/out-fix/identities", json={"identity": "imei:1"})
    taken = await manager.post("/devices/in-fix/identities", json={"identity": "imei:1"})
    assert taken.status_code == 409
    assert "out-fix" not in taken.text


def test_areas_by_shape() -> None:
    hole = tuple((121.5 + 0.01 * x, 31.4 + 0.01 * y) for x, y in [(-1, -1), (-1, 1), (1, 1), (1, -1), (-1, -1)])
    street = ((121.40, 31.10), (121.60, 31.10))
    areas = (
        Area("ring", 1, "district", polygons=((square(*NORTH), hole),)),
        Area("two", 1, "grid", polygons=((square(*NORTH),), (square(*SOUTH),))),
        Area("street", 1, "post", lines=(street,), width_m=20.0),
    )
    points = [NORTH, (121.53, 31.43), (121.5, 31.1001), (121.5, 31.101), (0.0, 0.0)]
    lon, lat = (np.array(column) for column in zip(*points, strict=True))
    assert sorted(Containing(areas).areas_of(lon, lat)) == [
        (0, "two"), (1, "ring"), (1, "two"), (2, "street"), (2, "two"), (3, "two"),
    ]  # fmt: skip
    assert Containing(()).areas_of(lon, lat) == []


def test_a_name_that_people_gave_comes_before_the_place() -> None:
    places = [DevicePlace("a", "south", *NORTH), DevicePlace("b", None, *NORTH), DevicePlace("c", None, None, None)]
    areas = [Area("north", 1, "district", polygons=((square(*NORTH),),))]
    assert by_area(places, Containing(areas)) == {"south": {"a"}, "north": {"b"}}
    assert by_area(places, Containing([])) == {"south": {"a"}}
