from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from typing import Any

import httpx
import psycopg
import pytest
from PIL import Image

from api.app import create_app
from api.ports.services import Services
from devices.access import Role

ROOT = "/api/v1/incidents"


def form(number: int = 1, **fields: Any) -> dict[str, Any]:
    made = {"reference": f"phone-{number:05}", "category": "rubbish-heap", "lat": 30.5721, "lon": 114.3055}
    return made | fields


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), colour: str = "green") -> bytes:
    target = BytesIO()
    image = Image.new("RGB", size, colour)
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2026:11:02 15:58:00"
    image.save(target, kind, exif=exif)
    return target.getvalue()


@pytest.fixture
async def api(services: Services, city: Any) -> AsyncIterator[Any]:
    """Clients of any role and areas over one application."""
    app = create_app(services)
    opened: list[httpx.AsyncClient] = []

    def of(role: Role, areas: list[str] | None = None) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        key = {"X-API-Key": city.key(role, areas=areas)}
        opened.append(httpx.AsyncClient(transport=transport, base_url="http://hub", headers=key))
        return opened[-1]

    yield of
    for one in opened:
        await one.aclose()


async def test_a_report_from_a_phone_to_its_end(api: Any, city: Any) -> None:
    worker, dispatcher = api(Role.WORKER), api(Role.DISPATCHER)
    seen = (city.now - timedelta(hours=3)).isoformat()
    told = form(accuracy_m=8.5, text="三张床垫", place="中山路 12 号", seen_at=seen)
    entered = await worker.post(ROOT, json=told)
    assert entered.status_code == 201
    incident = entered.json()["incident"]
    assert entered.headers["location"] == f"{ROOT}/{incident['id']}"
    assert (incident["state"], incident["text"], incident["claimed_at"]) == ("reported", "三张床垫", None)
    assert incident["seen_at"] == "2026-11-02T05:00:00Z"
    assert incident["entered_at"] == "2026-11-02T08:00:00Z"

    photo = picture()
    kept = await worker.post(f"{ROOT}/1/photos", content=photo, headers={"content-type": "image/jpeg"})
    assert kept.status_code == 201
    assert kept.json() | {"entered_at": "", "entered_by": ""} == {
        "sha256": sha256(photo).hexdigest(), "media_type": "image/jpeg", "width": 64, "height": 48,
        "bytes": len(photo), "taken_at": "2026:11:02 15:58:00", "entered_at": "", "entered_by": "",
    }  # fmt: skip
    shown = await dispatcher.get(f"{ROOT}/1/photos/{sha256(photo).hexdigest()}")
    assert (shown.content, shown.headers["content-type"]) == (photo, "image/jpeg")
    assert "immutable" in shown.headers["cache-control"]

    done = await dispatcher.post(f"{ROOT}/1/done", json={"text": "Cleared."})
    assert done.json()["incident"]["state"] == "done"
    assert [line["action"] for line in done.json()["log"]] == ["reported", "photo", "done"]
    again = await dispatcher.post(f"{ROOT}/1/reject", json={"text": "None."})
    assert again.status_code == 409
    assert again.json()["detail"] == "incident 1 is done; rejected needs one that is ordered or reported"
    audited = city.sql("SELECT action FROM audit WHERE target = 'incident:1' ORDER BY id")
    assert audited == [("incident.reported",), ("incident.photo",), ("incident.done",)]


async def test_what_a_phone_sends_twice_is_one(api: Any, city: Any) -> None:
    worker = api(Role.WORKER)
    first, second = await worker.post(ROOT, json=form()), await worker.post(ROOT, json=form())
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    for _ in range(2):
        kept = await worker.post(f"{ROOT}/1/photos", content=picture("PNG"), headers={"content-type": "image/png"})
        assert kept.status_code == 201
    assert city.sql("SELECT count(*) FROM incidents") == [(1,)]
    assert city.sql("SELECT count(*) FROM incident_photos") == [(1,)]
    assert [line["action"] for line in (await worker.get(f"{ROOT}/1")).json()["log"]] == ["reported", "photo"]
    other = await api(Role.WORKER).post(ROOT, json=form())
    assert other.status_code == 422
    assert other.json()["errors"][0]["field"] == "reference"


async def test_a_wrong_clock_is_not_believed(api: Any) -> None:
    told = await api(Role.WORKER).post(ROOT, json=form(seen_at="1970-01-01T00:10:00Z"))
    incident = told.json()["incident"]
    assert (incident["seen_at"], incident["claimed_at"]) == ("2026-11-02T08:00:00Z", "1970-01-01T00:10:00Z")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"category": "ufo"}, "category"),
        ({"lat": 91}, "lat"),
        ({"lat": 0, "lon": 0}, ""),
        ({"reference": "x"}, "reference"),
        ({"text": "x" * 2001}, "text"),
        ({"seen_at": "2026-11-02T08:00:00"}, "seen_at"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_what_is_wrong_is_named(api: Any, fields: dict[str, Any], field: str) -> None:
    refused = await api(Role.WORKER).post(ROOT, json=form(**fields))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"GIF89a" + bytes(40), "is no photo; expected JPEG, PNG or WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no photo; expected JPEG, PNG or WebP"),
        (picture()[:50], "is no photo; expected JPEG, PNG or WebP"),
        (b"", "is no photo; expected JPEG, PNG or WebP"),
    ],
)
async def test_what_is_no_photo_is_refused(api: Any, city: Any, content: bytes, expected: str) -> None:
    worker = api(Role.WORKER)
    await worker.post(ROOT, json=form())
    refused = await worker.post(f"{ROOT}/1/photos", content=content, headers={"content-type": "image/jpeg"})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"where": "body", "field": "photo", "expected": expected, "got": None}]
    assert city.sql("SELECT count(*) FROM incident_photos") == [(0,)]


async def test_a_picture_of_too_many_pixels_is_refused_by_its_header(api: Any) -> None:
    worker = api(Role.WORKER)
    await worker.post(ROOT, json=form())
    bomb = picture("PNG", (16_000, 8_000))
    refused = await worker.post(f"{ROOT}/1/photos", content=bomb, headers={"content-type": "image/png"})
    assert refused.status_code == 422
    assert "16000 × 8000 pixels" in refused.json()["detail"]


async def test_other_types_and_large_bodies_are_refused(api: Any) -> None:
    worker = api(Role.WORKER)
    await worker.post(ROOT, json=form())
    typed = await worker.post(f"{ROOT}/1/photos", content=picture(), headers={"content-type": "text/html"})
    assert typed.status_code == 415
    large = await worker.post(
        f"{ROOT}/1/photos", content=bytes(8 * 1024 * 1024 + 1), headers={"content-type": "image/jpeg"}
    )
    assert large.status_code == 413
    other = await worker.post(ROOT, content=bytes(2 * 1024 * 1024), headers={"content-type": "application/json"})
    assert other.status_code == 413


async def test_the_database_refuses_to_change_evidence(api: Any, city: Any) -> None:
    worker = api(Role.WORKER)
    await worker.post(ROOT, json=form())
    await worker.post(f"{ROOT}/1/photos", content=picture(), headers={"content-type": "image/jpeg"})
    for statement in (
        "UPDATE incident_photos SET width = 1",
        "UPDATE incident_log SET text = ''",
        "DELETE FROM incident_log",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            city.sql(statement)


async def test_workers_see_their_own_and_people_of_an_area_what_lies_in_it(api: Any, city: Any) -> None:
    ring = [[114.30, 30.57], [114.31, 30.57], [114.31, 30.58], [114.30, 30.58], [114.30, 30.57]]
    area = {"id": "north", "version": 1, "kind": "district", "polygons": [[ring]]}
    city.sql(
        "INSERT INTO areas (id, version, valid_from, content, entered_by) VALUES ('north', 1, '2026-01-01Z', %s, 'x')",
        json.dumps(area),
    )
    one, two = api(Role.WORKER), api(Role.WORKER)
    inside = (await one.post(ROOT, json=form(1))).json()["incident"]
    outside = (await two.post(ROOT, json=form(2, lat=30.6))).json()["incident"]
    assert (inside["area"], outside["area"]) == ("north", None)
    assert [item["id"] for item in (await one.get(ROOT)).json()["items"]] == [inside["id"]]
    assert (await one.get(f"{ROOT}/{outside['id']}")).status_code == 404
    assert (await two.post(f"{ROOT}/{inside['id']}/comments", json={"text": "x"})).status_code == 404
    north, south = api(Role.DISPATCHER, ["north"]), api(Role.DISPATCHER, ["south"])
    assert [item["id"] for item in (await north.get(ROOT)).json()["items"]] == [inside["id"]]
    assert (await south.get(ROOT)).json()["items"] == []
    assert (await south.get(f"{ROOT}/{inside['id']}")).status_code == 404
    assert (await south.get(ROOT, params={"area": "north"})).json()["items"] == []
    assert (await south.post(f"{ROOT}/{inside['id']}/done", json={})).status_code == 404
    assert (await north.get(f"{ROOT}/heat")).json()["total"] == 1
    assert len((await api(Role.VIEWER).get(ROOT)).json()["items"]) == 2


async def test_the_list_goes_on_where_the_page_ended(api: Any) -> None:
    worker = api(Role.WORKER)
    for number in range(5):
        await worker.post(ROOT, json=form(number, category="spill" if number % 2 else "other"))
    seen, cursor = [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await worker.get(ROOT, params=params)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [5, 4, 3, 2, 1]
    chosen = await worker.get(ROOT, params={"category": "spill", "bbox": "114,30,115,31", "state": "reported"})
    assert [item["id"] for item in chosen.json()["items"]] == [4, 2]
    assert (await worker.get(ROOT, params={"bbox": "115,30,114,31"})).status_code == 422
    assert (await worker.get(ROOT, params={"from": "2026-11-03T00:00:00Z"})).json()["items"] == []


async def test_where_and_how_often(api: Any) -> None:
    worker, viewer = api(Role.WORKER), api(Role.VIEWER)
    for number, lat in enumerate((30.5721, 30.5722, 30.6)):
        await worker.post(ROOT, json=form(number, lat=lat))
    await api(Role.DISPATCHER).post(f"{ROOT}/3/reject", json={"text": "Nothing there."})
    heat = (await viewer.get(f"{ROOT}/heat", params={"cell_m": 500})).json()
    assert (heat["total"], heat["categories"], heat["hours"][16]) == (2, {"rubbish-heap": 2}, 2)
    assert [cell["count"] for cell in heat["cells"]] == [2]
    assert (await viewer.get(f"{ROOT}/heat", params={"zone": "Mars/Olympus"})).status_code == 422


async def test_who_may_not(api: Any, nobody: httpx.AsyncClient) -> None:
    assert (await nobody.get(ROOT)).status_code == 401
    assert (await nobody.post(ROOT, json=form())).status_code == 401
    assert (await api(Role.VIEWER).post(ROOT, json=form())).status_code == 403
    assert (await api(Role.INTEGRATION).get(ROOT)).status_code == 403
    assert (await api(Role.WORKER).post(f"{ROOT}/1/hand-on", json={"department": "roads"})).status_code == 403


async def test_the_catalogue_names_categories_and_departments(api: Any) -> None:
    told = (await api(Role.WORKER).get(f"{ROOT}/catalogue")).json()
    assert {"id": "rubbish-heap", "zh": "垃圾堆积", "en": "Rubbish heap"} in told["categories"]
    assert told["departments"] == [{"name": "roads", "zh": "市政养护", "en": "Roads"}]


async def test_only_a_department_that_there_is_can_be_told(api: Any, city: Any) -> None:
    dispatcher = api(Role.DISPATCHER)
    await dispatcher.post(ROOT, json=form())
    refused = await dispatcher.post(f"{ROOT}/1/hand-on", json={"department": "fire"})
    assert refused.status_code == 422
    assert refused.json()["detail"] == "department: expected one of roads"
    told = await dispatcher.post(f"{ROOT}/1/hand-on", json={"department": "roads", "text": "The kerb."})
    assert told.json()["incident"]["state"] == "handed_on"
    assert [letter["department"] for letter in told.json()["letters"]] == ["roads"]
    (content,) = city.sql("SELECT content FROM incident_letters")[0]
    assert (content["category_zh"], content["note"], content["lat"]) == ("垃圾堆积", "The kerb.", 30.5721)
    assert "reporter" not in content
