from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from simulators.city.observation import SECOND
from simulators.run import Progress, run
from simulators.scenario import load_scenario
from simulators.truth import read_truth


def keys(inbox: Any) -> set[tuple[str, int]]:
    return {(device_id, item["seq"]) for device_id, item in inbox.telemetry()}


async def test_a_whole_run_as_fast_as_possible(own_broker: Any, collector: Any, start_us: int, tmp_path: Path) -> None:
    inbox = collector(own_broker.address)
    await inbox.subscribe()
    path = tmp_path / "truth.jsonl"
    seen: list[Progress] = []
    summary = await run(
        load_scenario("small"),
        broker=own_broker.address,
        start_us=start_us,
        minutes=20,
        speed=0,
        truth=path,
        progress=seen.append,
    )
    truth = read_truth(path)
    assert truth.footer is not None
    assert truth.footer.observations == summary.observations
    assert (truth.header.seed, truth.header.start_us, truth.header.scenario) == (1, start_us, "small")
    assert truth.header.size == {"vehicles": 5, "bins": 40, "toilets": 3, "workers": 6}
    assert summary.unacknowledged == 0
    assert summary.acknowledged == summary.messages == sum(summary.observations.values()) + 54
    assert summary.end_us == start_us + 20 * 60 * SECOND
    assert seen[-1].phase == "done"
    assert seen[-1].done == 1.0
    await inbox.until(lambda items: len(items) >= summary.messages)
    statuses = [payload for topic, payload in inbox.items if topic.endswith("/status")]
    assert statuses == [{"status": "online"}] * 54
    assert len(keys(inbox)) == sum(summary.observations.values())


async def test_the_same_seed_sends_the_same_bytes(
    own_broker: Any, collector: Any, start_us: int, tmp_path: Path
) -> None:
    inbox = collector(own_broker.address)
    await inbox.subscribe()
    sent, truths = [], []
    for number, seed in enumerate((1, 1, 2)):
        path = tmp_path / f"{number}.jsonl"
        scenario = load_scenario("faulty", {"size.bins": 10, "size.vehicles": 3})
        summary = await run(
            scenario, broker=own_broker.address, start_us=start_us, minutes=30, speed=0, truth=path, seed=seed
        )
        inbox.items.clear()
        await inbox.until(lambda items, wanted=summary.messages: len(items) >= wanted)
        sent.append(list(inbox.items))
        truths.append(path.read_bytes())
    assert sent[0] == sent[1] != sent[2]
    assert truths[0] == truths[1] != truths[2]


async def test_history_comes_first_in_arrays_and_nothing_lies_in_the_future(own_broker: Any, collector: Any) -> None:
    inbox = collector(own_broker.address)
    await inbox.subscribe()
    stop = asyncio.Event()
    phases: list[str] = []

    def watch(progress: Progress) -> None:
        phases.append(progress.phase)
        if progress.phase == "live":
            stop.set()

    now = time.time_ns() // 1_000
    async with asyncio.timeout(60):
        summary = await run(
            load_scenario("small"),
            broker=own_broker.address,
            start_us=now,
            backfill_hours=1,
            speed=1,
            progress=watch,
            stop=stop,
        )
    assert phases[0] == "backfill"
    assert summary.start_us == now // 1_000 * 1_000 - 3_600 * SECOND
    assert summary.unacknowledged == 0
    await inbox.until(lambda items: len(items) >= summary.messages)
    arrays = [payload for _, payload in inbox.items if isinstance(payload, list)]
    assert max(map(len, arrays)) == 50
    newest = max(item["ts"] for _, item in inbox.telemetry())
    assert newest <= time.strftime("%Y-%m-%dT%H:%M:%S.999Z", time.gmtime())
    assert sum(summary.observations.values()) == len(keys(inbox))
    assert sum(summary.observations.values()) > 5 * summary.messages


async def test_a_stop_ends_a_run_whose_broker_is_away(
    own_broker: Any, start_us: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulators.run.GRACE_S", 0.01)
    own_broker.kill()
    stop = asyncio.Event()
    stop.set()
    path = tmp_path / "truth.jsonl"
    async with asyncio.timeout(30):
        summary = await run(load_scenario("load"), broker=own_broker.address, start_us=start_us, truth=path, stop=stop)
    assert summary.acknowledged == 0
    assert summary.unacknowledged == summary.messages + 1 or summary.unacknowledged == summary.messages
    assert read_truth(path).footer is not None
