"""Bins over HTTP: emptyings, readiness, forecasts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

EMPTYINGS, READINESS = "/api/v1/bins/emptyings", "/api/v1/bins/readiness"


def emptied(city: Any, key: int, at: Any, **columns: Any) -> None:
    row = {"vehicle": "vehicle-1", "proof": "lift", "retracted": False} | columns
    city.sql(
        "INSERT INTO emptyings"
        " (device_key, at, since, until, before_pct, after_pct, vehicle, proof, partial, retracted)"
        " VALUES (%s, %s, %s, %s, 86, 3.5, %s, %s, false, %s)",
        *(
            key,
            at,
            at - timedelta(minutes=6),
            at + timedelta(minutes=4),
            row["vehicle"],
            row["proof"],
            row["retracted"],
        ),
    )


async def items(client: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(path, params=params)).raise_for_status().json()["items"]
    return found


async def test_emptyings_come_newest_first_by_bin_and_span(client: httpx.AsyncClient, city: Any, now: Any) -> None:
    one, two = city.device("bin-1"), city.device("bin-2")
    for hours in (1, 2, 3, 30):
        emptied(city, one, now - timedelta(hours=hours))
    emptied(city, two, now - timedelta(hours=2), vehicle=None, proof="fill")
    emptied(city, two, now - timedelta(hours=4), retracted=True)
    found = await items(client, EMPTYINGS)
    assert [item["bin"] for item in found] == ["bin-1", "bin-2", "bin-1", "bin-1"]
    first = found[0]
    assert (first["at"], first["since"], first["until"]) == (
        "2026-11-02T07:00:00Z",
        "2026-11-02T06:54:00Z",
        "2026-11-02T07:04:00Z",
    )
    assert (first["before_pct"], first["after_pct"], first["vehicle"], first["proof"]) == (86, 3.5, "vehicle-1", "lift")
    assert len(await items(client, EMPTYINGS, device="bin-2")) == 1
    assert len(await items(client, EMPTYINGS, device="bin-2", retracted=True)) == 2
    assert len(await items(client, EMPTYINGS, vehicle="vehicle-1", **{"from": "2026-10-30T00:00:00Z"})) == 4
    pages, cursor = [], None
    while True:
        params = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        body = (await client.get(EMPTYINGS, params=params)).raise_for_status().json()
        pages += body["items"]
        if (cursor := body["next_cursor"]) is None:
            break
    assert pages == found


@pytest.fixture
def filling(city: Any, now: Any) -> Any:
    """A bin that gains three points an hour, by night and by day, and was emptied 26 hours ago."""
    key = city.device("bin-1")
    start = now - timedelta(hours=26)
    emptied(city, key, start)
    for step in range(26 * 2 + 1):
        city.reading(key, "fill_pct", 2 + 1.5 * step, start + timedelta(minutes=30 * step))
    return key


async def test_readiness_says_why(client: httpx.AsyncClient, city: Any, now: Any, filling: Any) -> None:
    city.device("bin-2")
    city.alert(city.device("bin-3"), "smoke", now - timedelta(minutes=5), "critical")
    city.device("vehicle-1", kind="vehicle")
    city.sql("UPDATE devices SET registered_at = %s", now - timedelta(days=2))
    found = {one["bin"]: one for one in await items(client, READINESS)}
    assert set(found) == {"bin-1", "bin-2", "bin-3"}
    first = (await client.get(READINESS, params={"limit": 2})).raise_for_status().json()
    rest = await items(client, READINESS, cursor=first["next_cursor"])
    assert [one["bin"] for one in first["items"] + rest] == ["bin-1", "bin-2", "bin-3"]
    assert (found["bin-1"]["state"], found["bin-1"]["level_pct"]) == ("NOT_READY", 80)
    assert found["bin-1"]["due_at"] > "2026-11-02T08:30"
    assert found["bin-1"]["days_since_emptied"] == pytest.approx(26 / 24)
    assert found["bin-2"]["state"] == "NO_DATA"
    assert (found["bin-3"]["state"], found["bin-3"]["reason"], found["bin-3"]["alerts"]) == (
        "READY",
        "ALERT",
        ["smoke"],
    )
    ready = await items(client, READINESS, state="READY", next_visit="2026-11-02T14:00:00Z")
    assert [(one["bin"], one["reason"]) for one in ready] == [("bin-1", "FULLNESS"), ("bin-3", "ALERT")]
    assert ready[0]["by_visit"]["median_pct"] > 90
    city.sql("""UPDATE devices SET attributes = '{"collect_pct": 78}' WHERE id = 'bin-1'""")
    assert [one["bin"] for one in await items(client, READINESS, state="READY")] == ["bin-1", "bin-3"]


async def test_a_forecast_with_and_without_visits(client: httpx.AsyncClient, filling: Any) -> None:
    path = "/api/v1/bins/bin-1/forecast"
    alone = (await client.get(path, params={"nobody": True, "at": "2026-11-02T11:00:00Z"})).raise_for_status().json()
    assert alone["level_pct"] == 80
    assert alone["median_pct"] == pytest.approx(89, abs=3)
    assert alone["low_pct"] <= alone["median_pct"] <= alone["high_pct"]
    assert "2026-11-02T09" < alone["reaches"]["85"] < "2026-11-02T11"
    visited = (await client.get(path, params={"visit": "2026-11-02T09:00:00Z", "at": "2026-11-02T11:00:00Z"})).json()
    assert visited["median_pct"] < 15
    assert (await client.get(path)).json()["at"] == "2026-11-03T08:00:00Z"


async def test_what_cannot_be_foretold_is_said(client: httpx.AsyncClient, city: Any) -> None:
    city.device("bin-1")
    city.device("vehicle-1", kind="vehicle")
    for device in ("bin-1", "vehicle-1", "bin-9"):
        assert (await client.get(f"/api/v1/bins/{device}/forecast")).status_code == 404
    late = await client.get("/api/v1/bins/bin-1/forecast", params={"at": "2027-01-01T00:00:00Z"})
    assert late.status_code == 422
    assert late.json()["errors"][0]["field"] == "at"
    past = await client.get(READINESS, params={"next_visit": "2026-11-01T00:00:00Z"})
    assert past.json()["errors"][0]["expected"] == "expected an instant within the next 14 days"
