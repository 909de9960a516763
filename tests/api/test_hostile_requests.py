"""Requests that no client in its right mind would send: the hub refuses them, and says why."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.contract_city import ContractCity, contract_city

HUGE = "9" * 400
API = "/api/v1"


@pytest.fixture(scope="module")
def city(postgres_module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContractCity]:
    with contract_city(postgres_module_dsn, tmp_path_factory.mktemp("hub"), filled=False) as city:
        yield city


@pytest.fixture(scope="module")
def admin(city: ContractCity) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=city.url, headers=city.headers("admin"), timeout=30) as client:
        yield client


def raw(city: ContractCity, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, Any]:
    """A request whose target is sent as it stands; the answer with its media type."""
    host, port = city.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in {**city.headers("admin"), **headers}.items():
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        return answer.status, (answer.getheader("content-type"), answer.read())
    finally:
        connection.close()


WORDS = [
    "%00",
    "a%00b",
    "%ED%A0%80",
    "%FF%FE",
    "..%2F..%2Fetc%2Fpasswd",
    HUGE,
    "%E2%80%AE",
    "%0d%0aX:%20y",
    "-1",
    "%20",
]
PATHS = [
    "devices/{}", "devices/{}/series?metric=fill_pct", "devices/bin-0042/identities/{}", "alerts/{}", "incidents/{}",
    "incidents/1/photos/{}", "work-orders/{}", "routes/{}", "areas/{}/versions", "bins/{}/forecast", "reports/{}",
    "reports/jobs/{}", "planning/jobs/{}", "planning/runs/{}/audit", "evaluation/workers/{}", "evaluation/schemes/{}",
    "evaluation/appeals/{}", "dead-letters/{}", "users/{}", "keys/{}", "uplinks/{}",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_path_may_hold_anything(city: ContractCity, path: str) -> None:
    method = {"keys/{}": "DELETE", "users/{}": "PATCH", "uplinks/{}": "POST"}.get(path, "GET")
    method = "DELETE" if "identities" in path else method
    for word in WORDS:
        status, (kind, body) = raw(city, method, f"{API}/{path.format(word)}", {})
        assert 400 <= status < 500, (word, status, body)
        assert kind == "application/problem+json", (word, status, kind)


FILTERS = [
    "devices?q={}", "devices?kind={}", "devices?limit={}", "devices?cursor={}", "alerts?rule={}", "alerts?storm={}",
    "alerts?cursor={}", "alerts?from={}", "audit?actor={}", "audit?target={}", "dead-letters?code={}",
    "dead-letters?cursor={}", "work-orders?vehicle={}", "work-orders?on={}", "work-orders?cursor={}",
    "incidents?cursor={}", "incidents?category={}", "reports?kind={}", "reports?cursor={}", "users?cursor={}",
    "keys?cursor={}", "plans?from={}", "plans?route={}", "workers?crew={}", "fleet/live?route={}",
    "evaluation/workers?crew={}", "evaluation/workers?cursor={}", "latest?protocol={}", "latest?since={}",
    "devices/bin-0042/series?metric={}", "devices/bin-0042/series?metric=fill_pct&bucket={}",
    "devices/bin-0042/events?kind={}", "devices/bin-0042/track?cursor={}", "routes?at={}", "routes?cursor={}",
    "bins/emptyings?device={}", "bins/readiness?next_visit={}", "bins/bin-0042/forecast?at={}", "shelves?cursor={}",
    "incidents/heat?cell_m={}", "work-orders/candidates?lat={}&lon=114",
]  # fmt: skip
VALUES = [*WORDS, "nan", "inf", "-inf", "1e400", "0x10", "99999-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
          "2026-02-30T00:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00"]  # fmt: skip


@pytest.mark.parametrize("path", FILTERS)
def test_a_parameter_may_hold_anything(city: ContractCity, path: str) -> None:
    for value in VALUES:
        status, (kind, body) = raw(city, "GET", f"{API}/{path.format(quote(value, safe='%'))}", {})
        assert status < 500, (value, status, body)
        assert status < 400 or kind == "application/problem+json", (value, status, kind)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(admin: httpx.Client, number: str) -> None:
    forms = {
        "incidents": '{"reference": "hostile-1", "category": "rubbish-heap", "lat": %s, "lon": 114.3}',
        "work-orders": '{"title": "x", "lat": %s, "lon": 114.3}',
        "telemetry": '{"device": "bin-0042", "ts": "2026-11-23T08:00:00Z", "readings": {"fill_pct": %s}}',
        "alerts/1/snooze": '{"minutes": %s}',
        "planning/collection": '{"on": "2026-11-24", "begin": "2026-11-24T00:00:00Z", "end": "2026-11-24T08:00:00Z",'
        ' "tip_s": %s}',
    }
    for path, form in forms.items():
        content, kind = (form % number).encode(), {"Content-Type": "application/json"}
        answer = admin.post(f"{API}/{path}", content=content, headers=kind)
        assert answer.status_code == 422, (path, answer.text)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999"])
def test_parameters_that_are_no_numbers_are_refused(admin: httpx.Client, number: str) -> None:
    for path in ("work-orders/candidates?lat={}&lon=114", "incidents/heat?cell_m={}"):
        answer = admin.get(f"{API}/{path.format(number)}")
        assert answer.status_code == 422, (path, answer.text)


@pytest.mark.parametrize(
    "form",
    [
        {"lat": False, "lon": 114.3},
        {"lat": "30.5", "lon": 114.3},
        {"lat": 30.5, "lon": 114.3, "accuracy_m": True},
        {"lat": 30.5, "lon": 114.3, "seen_at": 1_795_392_000},
        {"lat": 30.5, "lon": 114.3, "seen_at": "1795392000"},
    ],
)
def test_a_value_of_another_type_is_refused(admin: httpx.Client, form: dict[str, Any]) -> None:
    answer = admin.post(f"{API}/incidents", json={"reference": "hostile-2", "category": "rubbish-heap", **form})
    assert answer.status_code == 422, answer.text


TEXTS = ["\\u0000", "\\ud800", "\\udfff\\ud800", "a\\u0000b"]


@pytest.mark.parametrize("text", TEXTS)
def test_text_that_no_store_can_keep_is_refused(admin: httpx.Client, text: str) -> None:
    forms: dict[str, tuple[str, dict[str, Any]]] = {
        "incidents": ("text", {"reference": "hostile-3", "category": "rubbish-heap", "lat": 30.5, "lon": 114.3}),
        "work-orders": ("title", {"lat": 30.5, "lon": 114.3}),
        "devices": ("name", {"id": "bin-9"}),
        "users": ("display_name", {"name": "mallory", "role": "viewer"}),
        "keys": ("name", {"role": "viewer"}),
        "shelves": ("reason", {"device": "bin-0042", "minutes": 5}),
        "session": ("name", {"password": "correct horse battery staple"}),
        "reports/1/appeals": ("reason", {"name": "x", "about": "x"}),
        "evaluation/tasks": ("title", {"worker": "li", "start": "2026-11-24T00:00:00Z", "due": "2026-11-24T08:00:00Z"}),
        "telemetry": ("device", {"ts": "2026-11-24T00:00:00Z", "readings": {"fill_pct": 1}}),
        "devices/bin-0042/commands": ("command", {}),
    }
    for path, (field, rest) in forms.items():
        content = json.dumps({**rest, field: "@"}).replace('"@"', f'"{text}"').encode()
        answer = admin.post(f"{API}/{path}", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (404, 422), (path, answer.status_code, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body", [b"\xff\xfe{}", b"[" * 100_000, b'{"a":' * 50_000, b"null", b"[]", b'"x"', b"", b"\x00"]
)
def test_a_body_that_is_no_form_is_refused(admin: httpx.Client, body: bytes) -> None:
    for path in (
        "incidents",
        "work-orders",
        "users",
        "keys",
        "session",
        "telemetry",
        "rules/check",
        "shelves",
        "fleet",
    ):
        kind = "application/geo+json" if path == "fleet" else "application/json"
        answer = admin.post(f"{API}/{path}", content=body, headers={"Content-Type": kind})
        assert answer.status_code in (400, 413, 422), (path, answer.status_code, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data", "application/xml", "a", ";", "application/json; charset=utf-16"]
)
def test_another_content_type_is_refused(admin: httpx.Client, kind: str) -> None:
    for path in ("incidents", "work-orders", "users", "keys", "session", "telemetry", "shelves"):
        answer = admin.post(f"{API}/{path}", content=b"{}", headers={"Content-Type": kind})
        assert answer.status_code == 415, (path, answer.status_code, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*;q=0", "nonsense", "a/b;q=x", ""])
def test_whatever_is_accepted_the_answer_is_what_it_is(admin: httpx.Client, accept: str) -> None:
    for path, kind in (
        ("/api/v1/devices", "application/json"),
        ("/metrics", "text/plain"),
        ("/healthz", "application/json"),
    ):
        answer = admin.get(path, headers={"Accept": accept})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)


def test_a_parameter_that_stands_once_and_comes_twice_is_refused(admin: httpx.Client) -> None:
    for path in ("devices?limit=1&limit=2", "alerts?open=true&open=false", "devices?q=a&q=b", "audit?actor=a&actor=b"):
        answer = admin.get(f"{API}/{path}")
        assert answer.status_code == 422, (path, answer.text)


@pytest.mark.parametrize(
    "path", ["/api/v1/devices", "/api/v1/status", "/healthz", "/readyz", "/metrics", "/openapi.json"]
)
def test_head_is_get_without_its_body(admin: httpx.Client, path: str) -> None:
    got, head = admin.get(path), admin.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


def test_a_method_that_is_not_there_is_told_which_are(admin: httpx.Client) -> None:
    answer = admin.put(f"{API}/devices")
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.headers["allow"].replace(" ", "").split(",")) == {"GET", "HEAD", "POST"}
