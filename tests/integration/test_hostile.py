"""Ten thousand hostile payloads: the hub stays up, and each is stored or in dead letters with a reason."""

from __future__ import annotations

import asyncio
import json
import os
import random
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiomqtt
import httpx
import psutil
import psycopg

from devices.metrics import CATALOGUE
from tests.hubs import HubProcess, mqtt_section
from tests.servers import Mosquitto, wait_until

COUNT = 10_000
MAX_GROWTH = 200 * 1024 * 1024


def nested(depth: int, chance: random.Random) -> str:
    opening = chance.choice(["[", '{"a":', '{"readings":', '{"fix":'])
    return opening * depth


def value(chance: random.Random) -> Any:
    return chance.choice(
        [
            None, True, -1, 0, 10**400, 2**63, -(2**70), 1e308, "x" * chance.randrange(200), "\u0000", "\ud800", [], {},
            [[]], "NaN", {"value": 1}, chance.random() * 1e6, "½", "1e999", 0xFFFE, 0xFFFF,
        ]
    )  # fmt: skip


def wrong(chance: random.Random) -> str:
    """A message with the right names and anything in them."""
    metric = chance.choice(CATALOGUE).name
    times = [
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        0,
        -5,
        10**18,
        10**25,
        "now",
        "2026-02-30T00:00:00Z",
        1e300,
    ]
    message = {
        "ts": chance.choice([*times, value(chance)]),
        "seq": value(chance),
        "id": value(chance),
        "readings": chance.choice([value(chance), {metric: value(chance), "x" * chance.randrange(99): 1}]),
        "fix": chance.choice([value(chance), {"lat": value(chance), "lon": value(chance), "hdop": value(chance)}]),
        "events": chance.choice([value(chance), [{"kind": value(chance), "attributes": {"k\u0000": value(chance)}}]]),
    }
    for name in chance.sample(sorted(message), chance.randrange(len(message))):
        del message[name]
    return json.dumps(message)


def payload(chance: random.Random, number: int) -> bytes:
    form = number % 8
    good = json.dumps({"ts": 1_795_000_000 + number, "readings": {"fill_pct": number % 100}}).encode()
    if form == 0:
        return good[: chance.randrange(1, len(good))] + b"#%d" % number  # cut off
    if form == 1:
        return nested(chance.randrange(10, 20_000), chance).encode() + b"%d" % number
    if form == 2:
        size = chance.choice([300_000, 900_000]) if number % 200 == 2 else chance.randrange(2_000)
        return b"%d:" % number + os.urandom(16) + b"x" * size
    if form == 3:
        return b'{"readings":{"fill_pct":NaN},"n":%d}' % number
    if form == 4:
        return b"\xff\xfe\xfd%d" % number + bytes(chance.randrange(256) for _ in range(50))
    if form == 5:
        items = [json.loads(good), value(chance), {"readings": {"fill_pct": "much"}}]
        return json.dumps([*items] * chance.randrange(1, 900)).encode()[: 250_000 - number]
    return wrong(chance).encode("utf-8", "surrogatepass")[:-1] + b',"n":%d}' % number


def topic(chance: random.Random, number: int) -> str:
    """Mostly strangers; now and then a name that is none (brokers themselves refuse control characters)."""
    if number % 11 == 0:
        letters = string.ascii_letters + string.digits + "!\"%&'()*,-.:;<=>?@[]^_`{|}~好 "
        return f"sanihub/v1/{''.join(chance.choices(letters, k=chance.randrange(1, 90)))}/telemetry"
    return f"sanihub/v1/stranger-{number % 3_000}/{chance.choice(['telemetry', 'telemetry', 'status'])}"


async def test_ten_thousand_hostile_payloads(
    postgres_dsn: str, mosquitto: Callable[..., Mosquitto], open_folder: Path
) -> None:
    server = mosquitto(max_inflight_messages=1_000)
    settings = mqtt_section(server.address, version="5") + "\n[intake]\nmax_pending_devices = 100\n"
    hub = HubProcess(open_folder, postgres_dsn, settings)
    hub.start()
    try:
        process = psutil.Process(hub.pid)
        before = process.memory_info().rss
        chance = random.Random(20261123)
        sent = 0
        async with aiomqtt.Client(*server.address) as client:
            for number in range(COUNT):
                where, what = topic(chance, number), payload(chance, number)
                await client.publish(where, what, qos=1)
                sent += 1
            await client.publish("sanihub/v1/stranger-1/telemetry", '{"readings":{"fill_pct":50},"id":"end"}', qos=1)
        await asyncio.to_thread(
            wait_until, lambda: hub.status()["pipeline"]["messages_total"] == sent + 1, "all frames have a fate", 120
        )
        counters = hub.status()["pipeline"]
        growth = process.memory_info().rss - before
        assert growth < MAX_GROWTH, f"{growth >> 20} MiB"
        assert httpx.get(hub.url + "/readyz").status_code == 200
        with psycopg.connect(postgres_dsn) as connection:
            letters = connection.execute(
                "SELECT count(*), count(*) FILTER (WHERE reason <> ''), max(length(reason)),"
                " array_agg(DISTINCT code ORDER BY code) FROM dead_letters"
            ).fetchone()
            heard = connection.execute("SELECT count(DISTINCT received_at) FROM readings").fetchone()
            pending = connection.execute("SELECT count(*) FROM devices").fetchone()
        assert letters is not None and heard is not None and pending is not None
        assert letters[0] == letters[1] == counters["dead_letters_total"]  # type: ignore[index]
        assert letters[2] <= 2_000
        assert letters[3] == ["invalid", "malformed", "oversized", "unknown_device"]
        assert pending[0] == 100
        # What is not in dead letters is sound: only whole messages and status words are.
        assert letters[0] > COUNT * 3 // 4
        assert heard[0] > 0
        assert "Traceback" not in hub.text()
    finally:
        assert hub.stop() == 0, hub.text()[-3000:]
