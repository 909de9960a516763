from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

import pytest

from simulators.speakers.mqtt_json import LinkSettings, MqttSpeaker

FAST = LinkSettings(backoff_s=0.02, backoff_limit_s=0.2)


def message(device: int, seq: int) -> tuple[str, bytes]:
    return f"sanihub/v1/bin-{device:04d}/telemetry", b'{"seq":%d}' % seq


def received(collector: Any) -> dict[str, list[int]]:
    sequences = defaultdict(list)
    for device_id, item in collector.telemetry():
        sequences[device_id].append(item["seq"])
    return sequences


@pytest.mark.parametrize("connections", [1, 3])
async def test_everything_arrives_in_the_order_of_its_device(own_broker: Any, collector: Any, connections: int) -> None:
    inbox = collector(own_broker.address)
    await inbox.subscribe()
    async with MqttSpeaker(own_broker.address, LinkSettings(connections=connections, window=300)) as speaker:
        await speaker.connected()
        for seq in range(300):
            for device in range(5):
                await speaker.publish(*message(device, seq))
                assert speaker.in_flight <= 300
        await speaker.drain()
        assert speaker.acknowledged == 1_500
        assert speaker.in_flight == 0
    await inbox.until(lambda items: len(items) >= 1_500)
    assert received(inbox) == {f"bin-{device:04d}": list(range(300)) for device in range(5)}


async def test_a_broker_that_is_killed_twice_loses_nothing(own_broker: Any, collector: Any) -> None:
    inbox = collector(own_broker.address)
    await inbox.subscribe()
    total = 6_000
    async with MqttSpeaker(own_broker.address, FAST) as speaker:
        for seq in range(total):
            await speaker.publish(*message(seq % 7, seq))
            if seq in (1_500, 4_000):
                assert speaker.in_flight > 0
                own_broker.kill()
                own_broker.start()
        await speaker.drain()
        assert speaker.acknowledged == total

    seen: set[tuple[str, int]] = set()
    looked = 0

    def complete(items: list[tuple[str, Any]]) -> bool:
        """Whether every message is there; some came twice. Only what is new is looked at."""
        nonlocal looked
        seen.update((topic, payload["seq"]) for topic, payload in items[looked:] if "seq" in payload)
        looked = len(items)
        return len(seen) == total

    await inbox.until(complete)
    assert {seq for sequence in received(inbox).values() for seq in sequence} == set(range(total))


async def test_a_broker_that_comes_late_gets_everything(own_broker: Any, collector: Any) -> None:
    inbox = collector(own_broker.address)
    await inbox.subscribe()
    own_broker.kill()
    async with MqttSpeaker(own_broker.address, FAST) as speaker:
        for seq in range(200):
            await speaker.publish(*message(1, seq))
        assert speaker.in_flight == 200
        own_broker.start()
        await speaker.drain()
    await inbox.until(lambda items: len(items) >= 200)
    assert received(inbox) == {"bin-0001": list(range(200))}


async def test_a_full_window_makes_the_publisher_wait(own_broker: Any) -> None:
    own_broker.kill()
    async with MqttSpeaker(own_broker.address, LinkSettings(window=10, backoff_s=0.02, backoff_limit_s=0.2)) as speaker:
        for seq in range(10):
            await speaker.publish(*message(1, seq))
        waiting = asyncio.create_task(speaker.publish(*message(1, 10)))
        done, _ = await asyncio.wait((waiting,), timeout=0)
        assert not done
        own_broker.start()
        await waiting
        await speaker.drain()
        assert speaker.acknowledged == 11


async def test_an_error_of_the_caller_comes_out_as_it_is(own_broker: Any) -> None:
    with pytest.raises(LookupError):
        async with MqttSpeaker(own_broker.address):
            raise LookupError
