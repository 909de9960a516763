"""Trips, stops and the board of the fleet over tables that hold them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx


def trip(city: Any, key: int, start: datetime, end: datetime | None, **values: Any) -> None:
    row = {
        **{"device_key": key, "started_at": start, "ended_at": end, "told_at": end, "ended": "off" if end else None},
        **{"origin_lat": 30.5, "origin_lon": 114.2, "origin": "depot", "goal_lat": 30.6, "goal_lon": 114.3},
        **{"driven_m": 1_000, "work_m": 600, "work_s": 60, "transit_s": 30, "idle_s": 5, "off_s": 0, "no_data_s": 5},
    } | values
    city.sql(f"INSERT INTO trips ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", *row.values())


async def get(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    return (await client.get(f"/api/v1{path}", params=params)).raise_for_status().json()


async def test_trips_within_a_span_in_pages(client: httpx.AsyncClient, city: Any, now: Any) -> None:
    key = city.device("vehicle-1", kind="vehicle")
    hours = [timedelta(hours=number) for number in range(6)]
    for number in range(1, 6):
        trip(city, key, now - hours[number], now - hours[number] + timedelta(minutes=30))
    trip(city, key, now - timedelta(minutes=10), None, goal_lat=None, goal_lon=None)
    path = "/devices/vehicle-1/trips"
    everything = (await get(client, path))["items"]
    assert [one["ended_at"] is None for one in everything] == [True, False, False, False, False, False]
    assert everything[0]["goal"] is None
    assert everything[1]["origin"] == {"lat": 30.5, "lon": 114.2, "place": "depot"}
    assert everything[1]["goal"] == {"lat": 30.6, "lon": 114.3, "place": None}
    assert (everything[1]["driven_m"], everything[1]["idle_s"], everything[1]["ended"]) == (1_000, 5, "off")
    cut = {"from": (now - timedelta(hours=2, minutes=45)).isoformat(), "to": (now - timedelta(minutes=45)).isoformat()}
    assert len((await get(client, path, **cut))["items"]) == 2 + 1  # one lasts into the span
    pages, cursor = [], None
    while True:
        page = await get(client, path, limit=4, **({"cursor": cursor} if cursor else {}))
        pages += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert pages == everything


async def test_stops(client: httpx.AsyncClient, city: Any, now: Any) -> None:
    key = city.device("vehicle-1", kind="vehicle")
    for place, ended in (("tip-1", now - timedelta(hours=1)), ("", None)):
        city.sql(
            "INSERT INTO vehicle_stops (device_key, started_at, ended_at, told_at, lat, lon, place, role, idle_s)"
            " VALUES (%s, %s, %s, %s, 30.5, 114.2, %s, %s, 90)",
            *(key, now - timedelta(hours=2 if place else 0.5), ended, ended, place, "tip" if place else ""),
        )
    lasting, over = (await get(client, "/devices/vehicle-1/stops"))["items"]
    assert (lasting["ended_at"], lasting["where"]["place"], lasting["role"]) == (None, None, None)
    assert (over["where"]["place"], over["role"], over["idle_s"]) == ("tip-1", "tip", 90)


async def test_the_board(client: httpx.AsyncClient, city: Any, now: Any) -> None:
    for number, (ago, state) in enumerate(((10, 4), (10, 2), (3_600, 3))):
        key = city.device(f"vehicle-{number}", kind="vehicle")
        at = now - timedelta(seconds=ago)
        city.sql(
            "INSERT INTO fleet_live (device_key, at, work_state, since, idle_s, trip_m) VALUES (%s, %s, %s, %s, 0, 0)",
            *(key, at, state, at),
        )
    city.sql(
        "UPDATE fleet_live SET plan = 'p', route = 'r-1', coverage_pct = 40, progress_m = 800, length_m = 2000,"
        " next_stop = 'bin-7', next_m = 120, eta = %s WHERE work_state = 4",
        now + timedelta(minutes=2),
    )
    items = (await get(client, "/fleet/live"))["items"]
    assert [(one["id"], one["state"], one["last_state"]) for one in items] == [
        ("vehicle-0", "working", "working"),
        ("vehicle-1", "idle", "idle"),
        ("vehicle-2", "no_data", "transit"),
    ]
    assert items[0]["progress"]["coverage_pct"] == 40
    assert items[0]["progress"]["next_stop"] == {"stop": "bin-7", "distance_m": 120, "eta": "2026-11-02T08:02:00Z"}
    assert items[1]["progress"] is None
    assert [one["id"] for one in (await get(client, "/fleet/live", route="r-1"))["items"]] == ["vehicle-0"]
    assert [one["id"] for one in (await get(client, "/fleet/live", device="vehicle-2"))["items"]] == ["vehicle-2"]
    first = await get(client, "/fleet/live", limit=2)
    rest = await get(client, "/fleet/live", limit=2, cursor=first["next_cursor"])
    assert first["items"] + rest["items"] == items


async def test_what_is_wrong_is_named(client: httpx.AsyncClient, city: Any) -> None:
    city.device("vehicle-1", kind="vehicle")
    assert (await client.get("/api/v1/devices/nobody/trips")).status_code == 404
    span = {"from": "2026-11-02T08:00:00Z", "to": "2026-11-02T07:00:00Z"}
    assert (await client.get("/api/v1/devices/vehicle-1/stops", params=span)).status_code == 422
    assert (await client.get("/api/v1/fleet/live", params={"rout": "r"})).status_code == 422
