"""People, keys and the registry, changed through the API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.ports.services import Services
from devices.access import Role


@pytest.fixture
async def admin(client: httpx.AsyncClient, city: Any) -> httpx.AsyncClient:
    client.headers["X-API-Key"] = city.key(Role.ADMIN)
    client.base_url = httpx.URL("http://hub/api/v1")
    return client


async def sign_in(client: httpx.AsyncClient, name: str, password: str) -> httpx.Response:
    answer = await client.post("/session", json={"name": name, "password": password})
    client.cookies.clear()
    return answer


async def test_people(admin: httpx.AsyncClient, city: Any) -> None:
    form = {"name": "wang", "display_name": "Wang Jianguo", "role": "dispatcher", "areas": ["north"], "language": "zh"}
    made = await admin.post("/users", json=form)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    body = made.json()
    password = body.pop("password")
    assert len(password) >= 16
    assert body | form == body
    assert (await admin.post("/users", json=form)).json()["type"] == "urn:sanihub:problem:name-taken"
    assert (await admin.get("/users")).json() == {"items": [body], "next_cursor": None}
    token = {"X-API-Key": (await sign_in(admin, "wang", password)).json()["token"]}
    renamed = await admin.patch("/users/wang", json={"display_name": "Wang J."})
    assert (renamed.json()["display_name"], renamed.json()["password"]) == ("Wang J.", None)
    assert (await admin.get("/session", headers=token)).status_code == 200  # a name takes nothing away
    assert (await admin.patch("/users/wang", json={"areas": None})).json()["areas"] is None
    assert (await admin.get("/session", headers=token)).status_code == 401  # other rights, another sign-in
    again = (await admin.patch("/users/wang", json={"reset_password": True})).json()["password"]
    assert (await sign_in(admin, "wang", password)).status_code == 401
    assert (await sign_in(admin, "wang", again)).status_code == 200
    chosen = await admin.patch("/users/wang", json={"password": "seven green lorries"})
    assert chosen.json()["password"] is None
    assert (await sign_in(admin, "wang", "seven green lorries")).status_code == 200
    assert (await admin.patch("/users/wang", json={"active": False})).json()["active"] is False
    assert (await sign_in(admin, "wang", "seven green lorries")).status_code == 401
    assert (await admin.patch("/users/nobody", json={})).status_code == 404
    done = [row[0] for row in city.sql("SELECT action FROM audit WHERE target = 'person:wang' ORDER BY id")]
    assert done == [
        "person.create", "session.begin", "person.change", "person.change", "person.password", "session.begin",
        "person.password", "session.begin", "person.change",
    ]  # fmt: skip
    assert not {password, again} & set(str(city.sql("SELECT a::text FROM audit a")).split('"'))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "Wang"}, "name"),
        ({"role": "device"}, "role"),
        ({"role": "worker"}, "worker"),
        ({"role": "admin", "areas": ["north"]}, "areas"),
        ({"areas": []}, "areas"),
        ({"password": "short"}, "password"),
        ({"password": "w" * 30}, "password"),
        ({"display_name": "a\nb"}, "display_name"),
        ({"display_name": ""}, "display_name"),
        ({"language": "fr"}, "language"),
        ({"more": 1}, "more"),
    ],
)
async def test_faults_name_the_field(admin: httpx.AsyncClient, changes: dict[str, Any], field: str) -> None:
    form = {"name": "wang", "display_name": "Wang", "role": "viewer", **changes}
    answer = await admin.post("/users", json=form)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert (await admin.get("/users")).json()["items"] == []


async def test_an_administrator_is_left(admin: httpx.AsyncClient) -> None:
    for name in ("one", "two"):
        await admin.post("/users", json={"name": name, "display_name": name, "role": "admin"})
    assert (await admin.patch("/users/one", json={"active": False})).status_code == 200
    for change in ({"active": False}, {"role": "viewer"}):
        refused = await admin.patch("/users/two", json=change)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:sanihub:problem:last-admin")
    assert (await admin.patch("/users/two", json={"role": None})).status_code == 422


async def test_keys(admin: httpx.AsyncClient, city: Any) -> None:
    made = await admin.post("/keys", json={"name": "wall", "role": "viewer", "areas": ["north"]})
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    body = made.json()
    key = body.pop("key")
    told = (await admin.get("/session", headers={"X-API-Key": key})).json()
    assert (told["role"], told["areas"]) == ("viewer", ["north"])
    listed = (await admin.get("/keys")).json()["items"]
    assert body | {"last_used_at": None} in [one | {"last_used_at": None} for one in listed]
    assert key not in str(listed)
    assert (await admin.delete(f"/keys/{body['prefix']}")).json()["revoked_at"] is not None
    assert (await admin.delete(f"/keys/{body['prefix']}")).status_code == 404
    assert body["prefix"] not in str((await admin.get("/keys")).json())
    assert body["prefix"] in str((await admin.get("/keys", params={"ended": True})).json())
    for form, field in (
        ({"role": "device"}, "device"), ({"role": "viewer", "device": "bin-1"}, "device"),
        ({"role": "integration", "areas": ["north"]}, "areas"), ({"role": "worker"}, "role"),
        ({"role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ):  # fmt: skip
        wrong = await admin.post("/keys", json={"name": "x", **form})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, field)
    rows = city.sql("SELECT action FROM audit WHERE target = %s ORDER BY id", f"key:{body['prefix']}")
    assert [row[0] for row in rows] == ["key.create", "key.revoke"]


async def test_devices(client: httpx.AsyncClient, city: Any, services: Services) -> None:
    client.headers["X-API-Key"] = city.key(Role.MANAGER)
    client.base_url = httpx.URL("http://hub/api/v1")
    form = {
        "id": "bin-0042", "name": "Renmin Road 12", "attributes": {"lat": 31.2, "lon": 121.5, "volume_l": 240},
        "identities": ["dev_eui:70b3d57ed005a1b2"],
    }  # fmt: skip
    made = await client.post("/devices", json=form)
    assert made.status_code == 201
    body = made.json()
    assert (body["kind"], body["status"]) == ("bin", "active")
    assert body["identities"] == ["dev_eui:70b3d57ed005a1b2", "id:bin-0042"]
    assert (await client.post("/devices", json={"id": "bin-0042"})).status_code == 409
    taken = await client.post("/devices", json={**form, "id": "bin-0043"})
    assert (taken.status_code, "bin-0042" in taken.json()["detail"]) == (409, True)
    assert (await client.get("/devices/bin-0043")).status_code == 404  # nothing of it
    changed = await client.patch(
        "/devices/bin-0042", json={"status": "retired", "attributes": {"lat": None, "volume_l": 360}}
    )
    assert changed.json()["status"] == "retired"
    assert changed.json()["name"] == "Renmin Road 12"
    assert changed.json()["attributes"] == {"lon": 121.5, "volume_l": 360}
    added = await client.post("/devices/bin-0042/identities", json={"identity": "imei:861234050001234"})
    assert "imei:861234050001234" in added.json()["identities"]
    again = await client.post("/devices/bin-0042/identities", json={"identity": "imei:861234050001234"})
    assert again.status_code == 200
    gone = await client.delete("/devices/bin-0042/identities/dev_eui:70b3d57ed005a1b2")
    assert gone.json()["identities"] == ["id:bin-0042", "imei:861234050001234"]
    assert (await client.delete("/devices/bin-0042/identities/dev_eui:70b3d57ed005a1b2")).status_code == 404
    assert (await client.delete("/devices/bin-0042/identities/id:bin-0042")).status_code == 422
    for wrong in (
        {"id": "bin 1"},
        {"id": "x", "kind": "boat"},
        {"id": "x", "identities": ["imei"]},
        {"id": "x", "q": 1},
    ):
        assert (await client.post("/devices", json=wrong)).status_code == 422, wrong
    rows = city.sql("SELECT action FROM audit WHERE target = 'device:bin-0042' ORDER BY id")
    assert [row[0] for row in rows] == [
        "device.create", "device.change", "device.identity.add", "device.identity.add", "device.identity.remove",
    ]  # fmt: skip
