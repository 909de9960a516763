"""A day of real refuse vehicles, published as native JSON, comes back from the API as it was.

The traces are of second resolution, and one instant in seven holds two positions or three; all must come back. The
shared corpus is used where it stands beside the checkout, otherwise a made trace of the same shape.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiomqtt
import pytest

from devices.instants import from_datetime, parse
from tests.hubs import HubProcess, mqtt_section
from tests.servers import NatsServer, wait_until

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpora" / "vehicle_traces.jsonl"
ZONE = ZoneInfo("America/New_York")
Trace = dict[str, list[tuple[int, float, float]]]


def real_trace() -> Trace:
    from datetime import datetime

    found: Trace = defaultdict(list)
    for line in CORPUS.read_text("utf-8").splitlines():
        row = json.loads(line)
        at = from_datetime(datetime.fromisoformat(row["time"]).replace(tzinfo=ZONE))
        found[f"jc-{row['vehicle']}"].append((at, row["lat"], row["lon"]))
    return found


def made_trace() -> Trace:
    """Seven vehicles, a minute apart, every seventh instant twice."""
    chance = random.Random(2015)
    found: Trace = {}
    for vehicle in range(7):
        at, lat, lon = parse("2015-12-10T07:00:00-05:00"), 40.7, -74.08
        points = []
        for step in range(150):
            at += 0 if step % 7 == 3 else chance.randrange(40, 80) * 1_000_000
            lat, lon = round(lat + chance.gauss(0, 1e-3), 5), round(lon + chance.gauss(0, 1e-3), 5)
            points.append((at, lat, lon))
        found[f"made-{vehicle}"] = points
    return found


TRACES: list[Callable[[], Trace]] = [made_trace, *([real_trace] if CORPUS.exists() else [])]


def messages(trace: Trace, *, numbered: bool) -> list[tuple[str, bytes]]:
    found = []
    for vehicle, points in trace.items():
        for number, (at, lat, lon) in enumerate(points):
            message: dict[str, Any] = {"ts": at // 1_000_000, "kind": "vehicle", "fix": {"lat": lat, "lon": lon}}
            if numbered:
                message["seq"] = number
            found.append((f"sanihub/v1/{vehicle}/telemetry", json.dumps(message).encode()))
    return found


async def publish(address: tuple[str, int], outgoing: list[tuple[str, bytes]]) -> None:
    async with aiomqtt.Client(*address) as client:
        for topic, payload in outgoing:
            await client.publish(topic, payload, qos=1)


def track(hub: HubProcess, vehicle: str) -> list[tuple[int, float, float]]:
    """The whole track, page by page."""
    points: list[tuple[int, float, float]] = []
    cursor = None
    while True:
        params = {"from": "2015-12-01T00:00:00Z", "to": "2016-01-01T00:00:00Z", "limit": 100}
        answer = hub.get(f"/api/v1/devices/{vehicle}/track", **params | ({"cursor": cursor} if cursor else {}))
        answer.raise_for_status()
        feature = answer.json()
        coordinates = feature["geometry"]["coordinates"] if feature["geometry"] else []
        if feature["geometry"] and feature["geometry"]["type"] == "Point":
            coordinates = [coordinates]
        times = feature["properties"]["coordTimes"]
        points += [(parse(t), c[1], c[0]) for t, c in zip(times, coordinates, strict=True)]
        cursor = feature["next_cursor"]
        if not cursor:
            return points


@pytest.mark.parametrize("numbered", [True, False], ids=["seq", "no-seq"])
@pytest.mark.parametrize("load", TRACES)
async def test_traces_come_back_whole(
    postgres_dsn: str, nats_broker: NatsServer, open_folder: Path, load: Callable[[], Trace], numbered: bool
) -> None:
    trace = load()
    outgoing = messages(trace, numbered=numbered)
    hub = HubProcess(open_folder, postgres_dsn, mqtt_section(nats_broker.address))
    hub.start()
    try:
        await publish(nats_broker.address, outgoing)
        await asyncio.to_thread(_committed, hub, len(outgoing))
        first = {vehicle: track(hub, vehicle) for vehicle in trace}
        for vehicle, points in trace.items():
            if numbered:
                assert first[vehicle] == points
            else:  # without numbers the order within one second is not known, and only there
                assert sorted(first[vehicle]) == sorted(points)
                assert [p[0] for p in first[vehicle]] == [p[0] for p in points]

        again = outgoing + outgoing
        random.Random(5).shuffle(again)
        await publish(nats_broker.address, again)
        await asyncio.to_thread(_committed, hub, 3 * len(outgoing))
        assert {vehicle: track(hub, vehicle) for vehicle in trace} == first
        latest = hub.get(f"/api/v1/devices/{next(iter(trace))}/latest").json()
        newest = max(at for at, _, _ in next(iter(trace.values())))
        assert parse(latest["fix"]["observed_at"]) == newest
        assert all(math.isfinite(value) for _, value, _ in next(iter(first.values())))
    finally:
        hub.kill()


def _committed(hub: HubProcess, count: int) -> None:
    wait_until(lambda: hub.status()["pipeline"]["messages_total"] >= count, f"{count} messages")  # type: ignore[index]
