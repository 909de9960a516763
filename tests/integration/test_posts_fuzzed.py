"""Any body gets an answer that is no fault of the hub's, and what the answer says is what is stored."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.metrics import CATALOGUE
from tests.posting import posting


class Served:
    """A hub on a thread of its own, so that a test may be plain."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn = dsn
        self._folder = folder
        self._ready = threading.Event()
        self._done = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            async with posting(self.dsn, self._folder) as post:
                key = await post.key("integration")
                self.url, self.headers = post.url, {"X-API-Key": key}
                self._ready.set()
                await self._done.wait()
        finally:
            self._ready.set()

    @contextlib.contextmanager
    def running(self) -> Iterator[Served]:
        self._thread.start()
        self._ready.wait(60)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._done.set)
            self._thread.join(60)


@pytest.fixture(scope="module")
def served(postgres_module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(postgres_module_dsn, tmp_path_factory.mktemp("data")).running() as hub:
        yield hub


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["bin-1", "2026-11-20T08:00:00Z", "\0", "\ud800", 10**400, 1e308])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "device": st.sampled_from(["bin-1", "vehicle-2"]) | ANYTHING,
        "ts": st.sampled_from(["2026-11-20T08:00:00Z", 1_763_600_000]) | ANYTHING,
        "id": ANYTHING,
        "seq": ANYTHING,
        "kind": ANYTHING,
        "readings": st.dictionaries(
            st.sampled_from([metric.name for metric in CATALOGUE]) | st.text(max_size=9), SCALARS, max_size=4
        )
        | ANYTHING,
        "fix": st.fixed_dictionaries({"lat": SCALARS, "lon": SCALARS}) | ANYTHING,
        "events": st.lists(
            st.fixed_dictionaries({"kind": st.just("sos") | SCALARS, "attributes": ANYTHING}), max_size=2
        )
        | ANYTHING,
    },
)
BODIES = (
    (MESSAGES | st.lists(MESSAGES | ANYTHING, max_size=4) | ANYTHING).map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=200)
    | st.binary(max_size=30).map(lambda junk: b'{"readings": {"fill_pct": ' + junk + b"}}")
)


def stored(dsn: str) -> tuple[int, ...]:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM readings), (SELECT count(*) FROM fixes), (SELECT count(*) FROM events)"
        ).fetchone()
        assert row is not None
        return row


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=BODIES,
    packing=st.sampled_from(["", "", "", "gzip", "lies", "cut"]),
    again=st.none() | st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
)
def test_any_body(served: Served, body: bytes, packing: str, again: str | None) -> None:
    headers: dict[str, Any] = {**served.headers, "Content-Type": "application/json"}
    if again is not None:
        headers["Idempotency-Key"] = again
    if packing:
        headers["Content-Encoding"] = "gzip"
        body = {"gzip": gzip.compress(body), "lies": body, "cut": gzip.compress(body)[:-3]}[packing]
    before = stored(served.dsn)
    answer = httpx.post(f"{served.url}/api/v1/telemetry", content=body, headers=headers, timeout=60)
    assert answer.status_code in ({200, 422} if packing in ("", "gzip") else {400, 413, 422, 200}), answer.text
    told = answer.json()
    if answer.status_code == 200:
        assert told["accepted"] > 0
        if not told["problems"]:
            assert sum(stored(served.dsn)) >= sum(before)
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert told["detail"]
        if answer.status_code == 422:
            assert told["errors"]
        assert stored(served.dsn) == before
    with psycopg.connect(served.dsn) as connection:
        codes = {row[0] for row in connection.execute("SELECT DISTINCT code FROM dead_letters").fetchall()}
    assert codes <= {"malformed", "invalid"}  # no decoder failed, and the store refused nothing that was accepted
