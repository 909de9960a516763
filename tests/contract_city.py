"""A small city with something of everything, in a hub behind a real socket, and somebody of every role."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from PIL import Image

from api.passwords import hashed
from devices.access import Role, fingerprint
from devices.people import Person, PersonSpec, new_token
from store.access.people import People
from store.access.sessions import SessionTable
from store.writing import WriteSession
from tests.access_keys import make_key
from tests.posting import Post, posting
from tests.servers import wait_until

KEYS = ("device", "integration")
PEOPLE = ("worker", "viewer", "dispatcher", "manager", "admin")
ROLES = ("anonymous", *KEYS, *PEOPLE, "limited")
"""``limited`` is a manager who is limited to an area in which there is something."""
PASSWORD = "correct horse battery staple"
RUN = "collection-2026-11-25-0a1b2c3d4e5f"
SECRET = "whsec_Y2hhbmdlLW1lLWNoYW5nZS1tZS1jaGFuZ2UtbWU="

ELSEWHERE = {
    "/api/v1/evaluation/crews/{person_id}": {"person_id": "crew-01"},
    "/api/v1/devices/{device_id}/identities/{identity}": {"device_id": "vehicle-0007"},
}
"""Names of parameters whose other bearers are of another kind."""

MASTER = """
routes:
  - id: route-0001
    kind: collect
    lines: LINESTRING (114.300 30.580, 114.310 30.580, 114.310 30.590)
    work: [pto]
    stops:
      - {id: stop-1, lon: 114.305, lat: 30.5801, device: bin-0042, windows: ["05:00-09:30"]}
areas:
  - {id: grid-7, kind: grid, polygons: "POLYGON ((114.2 30.4, 114.4 30.4, 114.4 30.7, 114.2 30.7, 114.2 30.4))"}
  - {id: district-north, kind: district, polygons: "POLYGON ((114.2 30.4, 114.4 30.4, 114.4 30.7, 114.2 30.4))"}
places:
  - {id: depot-1, role: depot, lon: 114.301, lat: 30.581}
  - {id: tip-1, role: tip, lon: 114.290, lat: 30.570}
crews:
  - {id: crew-01, name: Crew 1, supervisor: worker-0001}
  - {id: crew-02, name: Crew 2}
  - {id: east, name: East}
workers:
  - {id: li, name: Li Mei, role: cleaner, crew: east}
  - {id: worker-0011, name: 王芳, role: cleaner}
  - {id: worker-0012, name: 李明, role: cleaner}
  - {id: worker-0001, name: 张伟, role: driver, crew: crew-01, device: badge-0001}
shifts:
  - {id: early, start: "05:00", length: 480, zone: Asia/Shanghai}
  - {id: night, start: "21:00", length: 480, zone: Asia/Shanghai, breaks: ["04:00-04:30"]}
plans:
  - {date: TODAY, shift: night, route: route-0001, vehicle: vehicle-0007, workers: [worker-0001]}
"""
DEVICES = (
    ("bin-0042", "bin", ["dev_eui:00800000A0001234"]),
    ("vehicle-0007", "vehicle", ["imei:860000000000007"]),
    ("bin-0001", "bin", []),
    ("vehicle-0001", "vehicle", []),
    ("toilet-0003", "toilet", []),
    ("badge-0001", "worker", []),
    ("station-0001", "station", []),
)


class ContractCity:
    """The hub's address, who there is, and the names of what there is, by parameter of a path."""

    def __init__(self, post: Post, loop: asyncio.AbstractEventLoop) -> None:
        self.url, self.dsn = post.url, post.dsn
        self._post, self._loop = post, loop
        local = datetime.now(ZoneInfo("Asia/Shanghai")).date()
        self._today, self._next = str(local), str(local + timedelta(days=1))
        self._people: dict[str, Person] = {}
        self._headers: dict[str, dict[str, str]] = {"anonymous": {}}
        self.names: dict[str, Any] = {
            "protocol": "chirpstack", "device_id": "bin-0042", "identity": "imei:860000000000007",
            "route_id": "route-0001", "area_id": "grid-7", "scheme_id": "own", "run": RUN, "name": "somebody",
        }  # fmt: skip

    def path(self, template: str, **otherwise: Any) -> dict[str, Any]:
        """Values for the parameters of a path, that name what is there; ``otherwise`` where nothing is known."""
        return {**otherwise, **self.names, **ELSEWHERE.get(template, {})}

    def headers(self, role: str) -> dict[str, str]:
        """By whom a request is made."""
        return self._headers[role]

    def sign_in(self, role: str) -> None:
        """Open a session for somebody, whose last one may be over."""
        if role in self._people:
            token = new_token()
            sessions = SessionTable(WriteSession(self._post.hub._pool))
            now = int(datetime.now(UTC).timestamp() * 1_000_000)
            self._wait(sessions.open_session(self._people[role], fingerprint(token), now))
            self._headers[role] = {"Authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, role: str = "admin", **options: Any) -> Any:
        """What the hub answers somebody."""
        headers = {**self.headers(role), **options.pop("headers", {})}
        answer = httpx.request(method, f"{self.url}{path}", headers=headers, timeout=30, **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def sql(self, statement: str, *params: Any) -> list[tuple[Any, ...]]:
        """Ask the database."""
        return self._post.sql(statement, *params)

    def settle(self, filled: bool) -> None:
        """Enter everybody, and everything."""
        self._enter_people()
        if not filled:
            return
        self._enter_devices()
        self._enter_alerts()
        self._enter_work()
        self._enter_evaluation()
        self._make_documents()

    def _wait(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def _enter_people(self) -> None:
        people, digest = People(WriteSession(self._post.hub._pool)), hashed(PASSWORD)
        for role in (*PEOPLE, "limited", "somebody", "wang"):
            kind = Role(role) if role in PEOPLE else Role.MANAGER
            worker = "worker-0001" if role == "worker" else None
            areas = ("grid-7",) if role == "limited" else None
            spec = PersonSpec(name=role, display_name=role, role=kind, worker=worker, areas=areas)
            self._people[role] = self._wait(people.create(spec, digest, actor="test"))
            self.sign_in(role)
        for role in KEYS:
            key = make_key(self.dsn, role, device="bin-0042" if role == "device" else None)
            self._headers[role] = {"X-API-Key": key}
        self.names["prefix"] = self.ask("POST", "/api/v1/keys", json={"name": "spare", "role": "viewer"})["prefix"]

    def _enter_devices(self) -> None:
        for name, kind, identities in DEVICES:
            form = {"id": name, "kind": kind, "identities": identities}
            self.ask("POST", "/api/v1/devices", json=form)
            at = json.dumps({"lat": 30.58, "lon": 114.305, "type": "refuse_truck", "capacity_l": 240})
            self.sql("UPDATE devices SET attributes = attributes || %s::jsonb WHERE id = %s", at, name)
        self.ask(
            "POST",
            "/api/v1/fleet",
            content=MASTER.replace("TODAY", self._today),
            headers={"Content-Type": "application/yaml"},
        )
        now = datetime.now(UTC)
        messages: list[dict[str, Any]] = []
        for hours in range(30, 0, -1):
            at = (now - timedelta(hours=hours)).isoformat()
            messages.append({"device": "bin-0042", "ts": at, "readings": {"fill_pct": 100 - 3 * hours}})
        for minute in range(20, 0, -1):
            at = (now - timedelta(minutes=minute)).isoformat()
            fix = {"lat": 30.58, "lon": 114.300 + 0.0005 * minute, "speed_kmh": 20, "heading_deg": 90}
            messages.append({"device": "vehicle-0007", "ts": at, "fix": fix, "readings": {"ignition": 1}})
        at = now.isoformat()
        messages.append({"device": "toilet-0003", "ts": at, "readings": {"nh3_ppm": 3.5}})
        messages.append({"device": "badge-0001", "ts": at, "events": [{"kind": "sos"}]})
        self.ask("POST", "/api/v1/telemetry", "integration", json=messages)
        httpx.post(f"{self.url}/api/v1/telemetry", headers=self.headers("integration"), content=b"{", timeout=30)
        self.names["letter_id"] = self.sql("SELECT max(id) FROM dead_letters")[0][0]

    def _enter_alerts(self) -> None:
        insert = (
            "INSERT INTO alerts (device_key, rule, severity, rule_set, raised_at, raised_value)"
            " SELECT key, %s, %s, 1, now() - interval '1 hour', 91 FROM devices WHERE id = %s RETURNING id"
        )
        for rule, severity, device in (("a-full-bin", "warning", "bin-0042"), ("ammonia", "critical", "toilet-0003")):
            number = self.sql(insert, rule, severity, device)[0][0]
            self.sql("INSERT INTO alert_log (alert_id, actor, action) VALUES (%s, 'hub', 'raised')", number)
            self.names["alert_id"] = number
        shelf = {"device": "bin-0042", "minutes": 600, "reason": "The sensor is being mended."}
        self.names["shelf_id"] = self.ask("POST", "/api/v1/shelves", json=shelf)["id"]

    def _enter_work(self) -> None:
        order = {"reference": "contract-0001", "device": "bin-0042", "vehicle": "vehicle-0007"}
        self.names["work_order_id"] = self.ask("POST", "/api/v1/work-orders", json=order)["order"]["id"]
        self.ask("POST", "/api/v1/work-orders", json={"title": "Look at the hydrant", "worker": "worker-0001"})
        seen = {"category": "rubbish-heap", "lat": 30.5721, "lon": 114.3055}
        numbers = [
            self.ask("POST", "/api/v1/incidents", "worker", json={**seen, "reference": f"contract-{count}"})
            for count in range(3)
        ]
        self.names["incident_id"] = number = numbers[0]["incident"]["id"]
        photo = BytesIO()
        Image.new("RGB", (64, 48), "green").save(photo, "JPEG")
        jpeg = {"Content-Type": "image/jpeg"}
        path = f"/api/v1/incidents/{number}/photos"
        kept = self.ask("POST", path, "worker", content=photo.getvalue(), headers=jpeg)
        self.names["digest"] = kept["sha256"]

    def _enter_evaluation(self) -> None:
        span = {"start": "2026-11-20T06:00:00+08:00", "due": "2026-11-20T10:00:00+08:00"}
        task = self.ask("POST", "/api/v1/evaluation/tasks", json={"worker": "worker-0001", "title": "Flush", **span})
        finding = {
            "kind": "complaint", "worker": "worker-0001", "at": "2026-11-20T09:00:00+08:00", "outcome": "open",
            "text": "The bin was not put back",
        }  # fmt: skip
        self.ask("POST", "/api/v1/evaluation/findings", json=finding)
        self.names["number"], self.names["person_id"] = task["id"], "worker-0001"

    def _make_documents(self) -> None:
        order = {
            "kind": "route_compliance", "from": f"{self._today}T00:00:00+08:00", "to": f"{self._next}T00:00:00+08:00",
            "subject": {"route": "route-0001"},
        }  # fmt: skip
        job = self.ask("POST", "/api/v1/reports/jobs", json=order)
        span = {"begin": f"{self._next}T05:00:00+08:00", "end": f"{self._next}T13:00:00+08:00"}
        plan = {"on": self._next, **span, "enter": True, "collect_pct": 50}
        planning = self.ask("POST", "/api/v1/planning/collection", json=plan)
        self.names["order_id"], self.names["planning_id"] = job["id"], planning["id"]

        def made() -> dict[str, Any]:
            return dict(self.ask("GET", f"/api/v1/reports/jobs/{job['id']}"))

        def planned() -> dict[str, Any]:
            return dict(self.ask("GET", f"/api/v1/planning/jobs/{planning['id']}"))

        wait_until(lambda: made()["state"] not in ("waiting", "working"), "the report is made")
        wait_until(lambda: planned()["state"] not in ("waiting", "running"), "the plan is made")
        faults = (made()["error"], planned()["fault"])
        assert faults == (None, None), faults
        self.names["report_id"] = made()["report"]
        self.names["run"] = planned()["run"]
        appeal = {"name": "张伟", "about": "Stop 1", "reason": "The road was closed."}
        path = f"/api/v1/reports/{self.names['report_id']}/appeals"
        self.ask("POST", path, json=appeal)
        self.names["appeal_id"] = self.sql("SELECT max(id) FROM report_appeals")[0][0]


@contextlib.contextmanager
def contract_city(dsn: str, folder: Path, *, filled: bool = True) -> Iterator[ContractCity]:
    """A city in a running hub, on an event loop of its own: whoever tests it may wait. Not filled: only people."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    roads = {"name": "roads", "zh": "市政养护", "en": "Roads", "url": "https://roads.invalid/hook", "secrets": [SECRET]}
    hub = posting(dsn, folder, incidents={"departments": [roads]})
    try:
        post = asyncio.run_coroutine_threadsafe(hub.__aenter__(), loop).result(120)
        try:
            asyncio.run_coroutine_threadsafe(asyncio.wait_for(post.hub._ready.wait(), 60), loop).result()
            city = ContractCity(post, loop)
            city.settle(filled)
            yield city
        finally:
            asyncio.run_coroutine_threadsafe(hub.__aexit__(None, None, None), loop).result(120)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()
