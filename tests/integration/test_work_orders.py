"""Work orders from the alert to the evidence: through the API, over a real terminal and a real broker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import httpx
import pytest

from api.passwords import hashed
from devices.access import Role
from devices.people import PersonSpec
from ingest.adapters.jt808.terminals import Jt808Server
from store.access.people import People
from store.writing import WriteSession
from tests.posting import Post, posting, until
from tests.servers import NatsServer
from tests.terminal import PHONE, Terminal, position

ROOT = "/api/v1/work-orders"
QUICK = {"look_every_s": 0.1, "retry_s": 1.0}


@pytest.fixture
async def post(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Post]:
    async with posting(
        postgres_dsn, tmp_path, orders=QUICK, jt808=[{"name": "vehicles", "port": 0}]
    ) as opened:  # fmt: skip
        yield opened


class Desk:
    """A dispatcher at work."""

    def __init__(self, post: Post, key: str) -> None:
        self._post = post
        self.headers = {"X-API-Key": key}

    async def give(self, **fields: Any) -> httpx.Response:
        return await self._post.client.post(ROOT, headers=self.headers, json=fields)

    async def step(self, order: str, name: str, **fields: Any) -> httpx.Response:
        return await self._post.client.post(f"{ROOT}/{order}/{name}", headers=self.headers, json=fields)

    async def detail(self, order: str) -> dict[str, Any]:
        answer = await self._post.client.get(f"{ROOT}/{order}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def become(self, order: str, state: str) -> dict[str, Any]:
        """Wait until an order is in a state."""
        async with asyncio.timeout(60):
            while (found := await self.detail(order))["order"]["state"] != state:
                await asyncio.sleep(0)
        return found


async def dispatcher(post: Post) -> Desk:
    return Desk(post, await post.key("dispatcher"))


def device(post: Post, name: str, kind: str, **attributes: Any) -> int:
    query = "INSERT INTO devices (id, kind, status, name, attributes) VALUES (%s, %s, 'active', %s, %s) RETURNING key"
    return int(post.sql(query, name, kind, name.upper(), json.dumps(attributes))[0][0])


def emptied(post: Post, key: int, minutes: float, *, partial: bool = False) -> None:
    post.sql(
        "INSERT INTO emptyings (device_key, at, since, until, before_pct, after_pct, vehicle, proof, partial)"
        " VALUES (%s, now() + %s * interval '1 minute', now(), now(), 91, 4, 'truck-1', 'lift', %s)",
        *(key, minutes, partial),
    )


def actions(detail: dict[str, Any]) -> list[str]:
    return [line["action"] for line in detail["history"]]


async def test_in_one_click_from_an_alert_to_a_bin_that_was_emptied(post: Post) -> None:
    desk, bin_key = await dispatcher(post), device(post, "bin-1", "bin", lat=30.57, lon=114.30)
    near = device(post, "truck-1", "vehicle", type="refuse_truck")
    far, other = device(post, "truck-2", "vehicle", type="refuse_truck"), device(post, "sweeper-1", "vehicle", type="x")
    deaf = device(post, "truck-3", "vehicle", type="refuse_truck")
    state = (
        "INSERT INTO device_state (device_key, received_at, fix_at, lat, lon, protocol)"
        " VALUES (%s, now(), now(), %s, 114.3, %s)"
    )
    for key, lat in ((near, 30.58), (far, 30.70), (other, 30.571)):
        post.sql(state, key, lat, "jt808")
    post.sql(state, deaf, 30.5701, "nmea")  # nearest of all, and nobody can tell it anything
    alert = (
        "INSERT INTO alerts (device_key, rule, severity, rule_set, raised_at)"
        " VALUES (%s, %s, 'warning', 1, now()) RETURNING id"
    )
    number = post.sql(alert, bin_key, "bin-full")[0][0]
    given = await desk.give(alert=number, nearest=True)
    assert given.status_code == 201, given.text
    order = given.json()["order"]
    told = {name: order[name] for name in ("kind", "title", "device", "vehicle", "origin", "alert", "lat", "place")}
    assert told == {
        "kind": "collect", "title": "bin-full", "device": "bin-1", "vehicle": "truck-1", "origin": "alert",
        "alert": number, "lat": 30.57, "place": "BIN-1",
    }  # fmt: skip
    emptied(post, bin_key, -5)  # before it was ordered: no evidence
    emptied(post, bin_key, 0.0005, partial=True)  # not whole
    emptied(post, bin_key, 0.001)
    done = await desk.become(order["id"], "done")
    assert (done["order"]["done_by"], done["order"]["evidence"]["proof"]) == ("hub", "lift")
    assert actions(done)[0] == "ordered"
    assert actions(done)[-1] == "done"
    # Late data show that there was none: the order is open again, and ends with the next one.
    post.sql("UPDATE emptyings SET retracted = true WHERE at > now() - interval '2 minutes' AND NOT partial")
    opened = await desk.become(order["id"], "planned")
    assert (opened["order"]["evidence"], opened["order"]["done_at"]) == (None, None)
    emptied(post, bin_key, 0.01)
    again = await desk.become(order["id"], "done")
    assert [action for action in actions(again) if action in ("done", "reopened")] == ["done", "reopened", "done"]
    audited = post.sql("SELECT count(*) FROM audit WHERE target = %s", f"order:{order['id']}")
    assert audited == [(len(again["history"]),)]


async def test_an_order_to_the_display_of_a_terminal(post: Post) -> None:
    desk = await dispatcher(post)
    (server,) = (adapter for adapter in post.hub.adapters if isinstance(adapter, Jt808Server))
    terminal = await Terminal(PHONE).connect((server.tcp.host, server.tcp.port))
    async with terminal:
        await terminal.enter()
        terminal.send(0x0200, position())
        await terminal.reply()
        given = await desk.give(vehicle=PHONE, title="清运满桶", place="中山路 12 号", note="后门")
        order = given.json()["order"]
        asked = await terminal.reply()
        text = asked.body[1:].decode("gbk")
        assert asked.message_id == 0x8300
        assert text.startswith("【任务】清运满桶 中山路 12 号 ")
        assert text.endswith("前完成 后门")
        assert (await desk.detail(order["id"]))["order"]["state"] == "planned"  # not before the terminal has confirmed
        terminal.send(0x0001, asked.serial.to_bytes(2, "big") + b"\x83\x00\x00")
        sent = await desk.become(order["id"], "sent")
        assert sent["order"]["sent_by"] == "jt808"


async def test_who_cannot_be_told_is_tried_again_and_says_why(post: Post) -> None:
    desk = await dispatcher(post)
    device(post, "truck-9", "vehicle")
    order = (await desk.give(vehicle="truck-9", title="x")).json()["order"]["id"]
    async with asyncio.timeout(60):
        while (found := await desk.detail(order))["order"]["fault"] is None:
            await asyncio.sleep(0)
    assert found["order"]["fault"] == "truck-9 speaks nothing so far: no way leads there"
    assert found["order"]["state"] == "planned"


@asynccontextmanager
async def driver(broker: NatsServer, topic: str) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe(topic, qos=1)
        yield client


async def test_an_order_over_mqtt_and_the_answers_of_the_device(
    postgres_dsn: str, tmp_path: Path, nats_broker: NatsServer
) -> None:
    connection = [{"name": "city", "host": "127.0.0.1", "port": nats_broker.port}]
    async with (
        posting(postgres_dsn, tmp_path, orders=QUICK, mqtt=connection) as post,
        driver(nats_broker, "sanihub/v1/+/orders") as client,
    ):
        desk = await dispatcher(post)
        said = json.dumps({"kind": "vehicle", "readings": {"speed_kmh": 3}})
        for name in ("van-1", "van-2"):
            await client.publish(f"sanihub/v1/{name}/telemetry", said, qos=1)
        query = "SELECT count(*) FROM device_state WHERE protocol = 'mqtt-json'"
        await until(lambda: post.sql(query) == [(2,)], "both were heard")
        order = (await desk.give(vehicle="van-1", title="Broken kerb", lat=30.5, lon=114.3)).json()["order"]["id"]
        message = await asyncio.wait_for(anext(client.messages), 60)
        document = json.loads(message.payload)  # type: ignore[arg-type]
        assert str(message.topic) == "sanihub/v1/van-1/orders"
        assert (document["order"], document["title"], document["lat"]) == (order, "Broken kerb", 30.5)
        assert (await desk.become(order, "sent"))["order"]["sent_by"] == "mqtt"
        for name, kind in (("van-2", "order_done"), ("van-1", "order_accepted")):
            event = {"events": [{"kind": kind, "attributes": {"order": order}}]}
            await post.telemetry(await post.key("device", device=name), event)
        accepted = await desk.become(order, "accepted")  # and not done: another device cannot say so
        assert accepted["history"][-1]["actor"] == "device:van-1"
        event = {"events": [{"kind": "order_done", "attributes": {"order": order}}]}
        await post.telemetry(await post.key("device", device="van-1"), event)
        assert (await desk.become(order, "done"))["order"]["done_by"] == "device:van-1"


async def test_what_is_not_done_in_time_is_overdue_and_can_still_be_done(post: Post) -> None:
    desk = await dispatcher(post)
    order = (
        await desk.give(title="x", start="2026-11-24T00:00:00Z", end="2026-11-24T01:00:00Z")
    ).json()["order"]["id"]  # fmt: skip
    await desk.become(order, "overdue")
    done = await desk.step(order, "done", text="清运完毕")
    assert done.json()["order"]["state"] == "done"
    assert done.json()["history"][-1]["text"] == "清运完毕"
    refused = await desk.step(order, "cancel")
    assert refused.status_code == 409
    assert "is done; cancelled needs one that is planned or sent or accepted or overdue" in refused.json()["detail"]


async def test_an_incident_becomes_an_order_and_ends_with_it(post: Post) -> None:
    desk = await dispatcher(post)
    report = {"reference": "phone-00001", "category": "spill", "lat": 30.5, "lon": 114.3}
    incident = await post.client.post("/api/v1/incidents", headers=desk.headers, json=report)
    number = incident.json()["incident"]["id"]
    order = (await desk.give(incident=number, crew="crew-02", kind="clear")).json()["order"]
    assert (order["origin"], order["crew"], order["incident"]) == ("incident", "crew-02", number)
    once_more = await desk.give(incident=number)
    assert once_more.status_code == 409
    await desk.become(order["id"], "sent")  # their page shows it
    await desk.step(order["id"], "done")
    dossier = (await post.client.get(f"/api/v1/incidents/{number}", headers=desk.headers)).json()
    assert (dossier["incident"]["state"], dossier["incident"]["work_order"]) == ("done", order["id"])
    assert [line["action"] for line in dossier["log"]] == ["reported", "ordered", "done"]


async def test_an_incident_is_open_again_with_its_order(post: Post) -> None:
    desk, key = await dispatcher(post), device(post, "bin-3", "bin")
    report = {"reference": "phone-00003", "category": "overflowing-bin", "lat": 30.5, "lon": 114.3, "device": "bin-3"}
    number = (await post.client.post("/api/v1/incidents", headers=desk.headers, json=report)).json()["incident"]["id"]
    order = (await desk.give(incident=number, device="bin-3", end="2099-01-01T00:00:00Z")).json()["order"]["id"]
    emptied(post, key, 0.001)
    await desk.become(order, "done")
    post.sql("UPDATE emptyings SET retracted = true")
    await desk.become(order, "planned")
    dossier = (await post.client.get(f"/api/v1/incidents/{number}", headers=desk.headers)).json()
    assert dossier["incident"]["state"] == "ordered"
    assert [line["action"] for line in dossier["log"]] == ["reported", "ordered", "done", "reopened"]


async def test_given_twice_it_is_one_and_lists_find_it(post: Post) -> None:
    desk = await dispatcher(post)
    device(post, "bin-7", "bin")
    fields = {"reference": "click-000001", "device": "bin-7", "end": "2099-01-01T00:00:00Z"}
    first, second = await desk.give(**fields), await desk.give(**fields)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["order"]["id"] == second.json()["order"]["id"] == "order-click-000001"
    other = Desk(post, await post.key("manager"))
    assert (await other.give(**fields)).status_code == 422
    await other.give(title="second", end="2099-01-01T00:00:00Z")

    async def listed(**params: Any) -> list[str]:
        answer = await post.client.get(ROOT, headers=desk.headers, params=params)
        assert answer.status_code == 200, answer.text
        return [item["title"] or item["device"] for item in answer.json()["items"]]

    assert await listed() == ["bin-7", "second"]
    assert await listed(device="bin-7") == ["bin-7"]
    assert await listed(state="done") == []
    await desk.step("order-click-000001", "cancel", text="Nobody there.")
    assert await listed(open=True) == ["second"]
    page = (await post.client.get(ROOT, headers=desk.headers, params={"limit": 1})).json()
    rest = await post.client.get(ROOT, headers=desk.headers, params={"limit": 1, "cursor": page["next_cursor"]})
    assert [item["title"] for item in rest.json()["items"]] == ["second"]


async def test_an_order_is_given_to_somebody_else(post: Post) -> None:
    desk = await dispatcher(post)
    device(post, "truck-1", "vehicle")
    order = (await desk.give(title="x", worker="worker-1", end="2099-01-01T00:00:00Z")).json()["order"]["id"]
    await desk.become(order, "sent")
    given = await desk.step(order, "assign", vehicle="truck-1")
    assert (given.json()["order"]["worker"], given.json()["order"]["vehicle"]) == (None, "truck-1")
    assert given.json()["order"]["state"] == "planned"
    assert (await desk.step(order, "assign", vehicle="truck-404")).status_code == 404
    both = await desk.step(order, "assign", vehicle="truck-1", crew="crew-1")
    assert both.status_code == 422


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({}, 422, "title: expected one where there is no alert, incident or device"),
        ({"device": "nobody"}, 404, "there is no device 'nobody'"),
        ({"alert": 4}, 404, "there is no alert 4"),
        ({"incident": 4}, 422, "incident: there is no 4"),
        ({"title": "x", "lat": 3}, 422, "lat, lon: expected both or none"),
        ({"title": "x", "start": "2026-11-24T01:00:00Z", "end": "2026-11-24T00:00:00Z"}, 422, "end: expected"),
        ({"title": "x", "vehicle": "a", "worker": "b"}, 422, "vehicle, crew, worker: expected one of them"),
    ],
)
async def test_what_is_wrong_is_said(post: Post, fields: dict[str, Any], status: int, said: str) -> None:
    refused = await (await dispatcher(post)).give(**fields)
    assert (refused.status_code, said in refused.json()["detail"]) == (status, True), refused.text


async def worker(post: Post, name: str, crew: str) -> dict[str, str]:
    """Somebody of the master data who has signed in: what their requests carry."""
    content = {"id": name, "name": name, "crew": crew}
    post.sql("INSERT INTO workers (id, content) VALUES (%s, %s)", name, json.dumps(content))
    password = "a password of many words"
    spec = PersonSpec(name=name, display_name=name, role=Role.WORKER, worker=name)
    await People(WriteSession(post.hub._pool)).create(spec, hashed(password), actor="test")
    signed = await post.client.post("/api/v1/session", json={"name": name, "password": password})
    assert signed.status_code == 200, signed.text
    post.client.cookies.clear()
    return {"Authorization": f"Bearer {signed.json()['token']}"}


async def test_workers_see_and_do_their_own_and_their_crews(post: Post) -> None:
    desk = await dispatcher(post)
    own, stranger = await worker(post, "worker-1", "crew-1"), await worker(post, "worker-2", "crew-2")
    late = {"end": "2099-01-01T00:00:00Z"}
    mine = (await desk.give(title="mine", worker="worker-1", **late)).json()["order"]["id"]
    crews = (await desk.give(title="crews", crew="crew-1", **late)).json()["order"]["id"]
    await desk.give(title="nobodys", **late)
    listed = await post.client.get(ROOT, headers=own)
    assert [item["title"] for item in listed.json()["items"]] == ["mine", "crews"]
    assert (await post.client.get(ROOT, headers=stranger)).json()["items"] == []
    accepted = await post.client.post(f"{ROOT}/{crews}/accept", headers=own)
    assert accepted.json()["order"]["state"] == "accepted"
    assert (await post.client.post(f"{ROOT}/{mine}/done", headers=stranger)).status_code == 404
    assert (await post.client.post(f"{ROOT}/{mine}/cancel", headers=own)).status_code == 403
    assert (await post.client.post(ROOT, headers=own, json={"title": "x"})).status_code == 403
