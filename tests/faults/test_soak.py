"""Many hours of a city: what a hub holds is flat, and everything that was acknowledged is there.

An hour of the city's time in an ordinary run, a day of it with ``make faults``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.faults.harness.flatness import Bound, findings
from tests.faults.harness.gauges import BOUNDS
from tests.faults.harness.outcome import RESULTS
from tests.faults.harness.soak import Soak, run, site
from tests.hubs import HubProcess
from tests.servers import NatsServer, PostgresServer, wait_until

FULL = os.environ.get("SANIHUB_TEST_FULL") == "1"
CITY = {"vehicles": 10, "bins": 50, "toilets": 5, "workers": 10}
HAMLET = {"vehicles": 6, "bins": 30, "toilets": 3, "workers": 6}
DAY = Soak(24, float(os.environ.get("SANIHUB_SOAK_SPEED", "240")), 10, CITY)
HOUR = Soak(1, 360, 2, HAMLET)
# In ten seconds the pages of a young process are still being touched; what it holds in numbers is settled.
SHORT = {name: bound for name, bound in BOUNDS.items() if name not in ("rss_mb", "standing_mb")}
pytestmark = pytest.mark.timeout(3_600)


def test_growth_is_told_from_noise() -> None:
    """A leak of a hundredth a sample is found, noise and single peaks are not."""
    flat = [100.0 + (7 * n) % 5 + (40 if n % 17 == 0 else 0) for n in range(90)]
    warm = [50.0 + n for n in range(30)] + [80.0] * 60
    leaking = [100.0 + 0.2 * n + (7 * n) % 5 for n in range(90)]
    samples = [{"flat": a, "warm": b, "leaking": c} for a, b, c in zip(flat, warm, leaking, strict=True)]
    judged = {one.name: one.flat for one in findings(samples, dict.fromkeys(samples[0], Bound(3.0, 0.02)))}
    assert judged == {"flat": True, "warm": True, "leaking": False}


def settled(hub: HubProcess) -> bool:
    """Whether nothing is on its way; a connection may just have been cut."""
    try:
        return bool(hub.status()["pipeline"]["in_flight"] == 0)  # type: ignore[index]
    except httpx.HTTPError:
        return False


def test_what_a_hub_holds_is_flat(
    postgres_server: PostgresServer,
    nats_broker: NatsServer,
    open_folder: Path,
    hub_over: Callable[..., HubProcess],
) -> None:
    soak = DAY if FULL else HOUR
    with (
        postgres_server.database() as dsn,
        site(soak, dsn, nats_broker, open_folder, hub_over) as place,
    ):
        found = asyncio.run(run(soak, place, lambda said: print(said, file=sys.stderr) if FULL else None))  # noqa: T201
        summary = found.summary
        assert summary is not None
        wait_until(lambda: settled(place.hub), "all is committed")
        with psycopg.connect(dsn) as connection:
            letters = connection.execute("SELECT code, reason FROM dead_letters LIMIT 5").fetchall()
            rows = connection.execute("SELECT (SELECT count(*) FROM readings), (SELECT count(*) FROM fixes)").fetchone()
        judged = findings(found.samples, BOUNDS if FULL else SHORT)
        if FULL:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / "soak").mkdir(exist_ok=True)
            told = {
                "soak": asdict(soak), "samples": found.samples, "findings": [asdict(one) for one in judged],
                "answers": found.answers, "cuts": found.cuts, "messages": summary.messages,
                "acknowledged": summary.acknowledged, "rows": rows, "alerts_differ": None,
            }  # fmt: skip
            (RESULTS / "soak" / "day.json").write_text(json.dumps(told, indent=1) + "\n")
        assert [one for one in judged if not one.flat] == []
        assert letters == []
        assert summary.acknowledged + summary.refused + summary.unconfirmed == summary.messages
        assert summary.refused == 0
        assert found.cuts > 0
        assert found.answers["200"] > 0
        assert found.answers["stream 200"] > 0
        assert place.hub.stop() == 0
