"""Emptyings in a running hub: from posts of a bin and a truck to what the API says."""

from __future__ import annotations

from pathlib import Path
from time import time
from typing import Any

from tests.posting import posting, until

MINUTE = 60


async def test_a_bin_that_is_posted_empty_is_told_to_be_emptied(postgres_dsn: str, tmp_path: Path) -> None:
    begin = int(time()) - 60 * MINUTE
    messages: list[dict[str, Any]] = [
        {"device": "bin-1", "ts": begin + place * 10 * MINUTE, "readings": {"fill_pct": fill}}
        for place, fill in enumerate((78, 80, 3, 4, 5))
    ]
    messages[0]["fix"] = {"lat": 30.5, "lon": 114.3}
    for at, lift in ((14, 0), (14.5, 1), (15, 0)):
        fix = {"lat": 30.50005, "lon": 114.3, "speed_kmh": 0}
        message = {"device": "vehicle-1", "ts": begin + int(at * MINUTE), "readings": {"lift": lift}, "fix": fix}
        messages.append(message)
    async with posting(postgres_dsn, tmp_path, bins={"look_every_s": 0.05}) as post:
        answer = await post.telemetry(await post.key("integration"), messages)
        assert answer.json()["accepted"] == len(messages)
        await until(lambda: post.sql("SELECT 1 FROM emptyings WHERE proof = 'lift'"), "the emptying is entered")
        (one,) = (await post.client.get("/api/v1/bins/emptyings")).raise_for_status().json()["items"]
        assert (one["bin"], one["before_pct"], one["after_pct"], one["vehicle"]) == ("bin-1", 80, 3, "vehicle-1")
        (event,) = (await post.client.get("/api/v1/devices/bin-1/events")).raise_for_status().json()["items"]
        assert (event["kind"], event["observed_at"], event["attributes"]["derived"]) == ("emptied", one["at"], True)
        (state,) = (await post.client.get("/api/v1/bins/readiness")).raise_for_status().json()["items"]
        assert (state["state"], state["level_pct"]) == ("NOT_READY", 5)
        assert (await post.client.get("/api/v1/bins/bin-1/forecast")).raise_for_status().json()["level_pct"] == 5
