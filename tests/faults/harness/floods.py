"""A stream as it must not come: doubled, again, hours late in bulk, in any order; over MQTT, HTTP and JT/T 808.

An order says which messages are sent one after the other, some of them several times. Each way sends its own share of
it as fast as the hub takes it: MQTT message by message, HTTP in posts of many, JT/T 808 in batches (0x0704).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import httpx
import psycopg

from simulators.speakers.mqtt_json import BrokerAddress, LinkSettings, MqttSpeaker
from tests.faults.harness.ledger import Ledger
from tests.faults.harness.stream import Message, Stream
from tests.terminal import Terminal, batch
from tests.tracked_hub import STOPS, TRIPS

Order = Callable[[Stream, random.Random], list[Message]]
POSTED, BATCHED = 60, 25  #: messages of a post, and of a batch
WINDOW = 6


def in_order(stream: Stream, chance: random.Random) -> list[Message]:
    """As it was made."""
    return list(stream.messages)


def tripled(stream: Stream, chance: random.Random) -> list[Message]:
    """Each message up to three times, the copies some way behind it."""
    placed = [(index, one) for index, one in enumerate(stream.messages)]
    placed += [(i + chance.randrange(300), one) for i, one in list(placed) for _ in range(2)]
    return [one for _, one in sorted(placed, key=lambda entry: entry[0])]


def again(stream: Stream, chance: random.Random) -> list[Message]:
    """The whole history, and then the whole history once more."""
    return [*stream.messages, *stream.messages]


def late(stream: Stream, chance: random.Random) -> list[Message]:
    """Half of the devices send what is newest first and what was before in bulk, among what the others send live."""
    names = sorted(stream.devices)
    absent = set(chance.sample(names, len(names) // 2))
    horizon = stream.messages[len(stream.messages) * 3 // 4].due
    held = [one for one in stream.messages if one.device in absent and one.due < horizon]
    others = [one for one in stream.messages if one.device not in absent or one.due >= horizon]
    begin = len(others) * 3 // 4
    return [*others[:begin], *_mixed(held, others[begin:], chance)]


def shuffled(stream: Stream, chance: random.Random) -> list[Message]:
    """In no order at all, within a device and across all."""
    return chance.sample(stream.messages, len(stream.messages))


def everything(stream: Stream, chance: random.Random) -> list[Message]:
    """Late, tripled and in no order."""
    return chance.sample(tripled(stream, chance), 3 * len(stream.messages))


def _mixed(held: Sequence[Message], live: Sequence[Message], chance: random.Random) -> list[Message]:
    rest, found = {id(held): list(held), id(live): list(live)}, []
    for which in chance.sample([id(held)] * len(held) + [id(live)] * len(live), len(held) + len(live)):
        found.append(rest[which].pop(0))
    return found


async def pour(
    ledger: Ledger, order: Sequence[Message], broker: tuple[str, int], url: str, key: str, terminals: tuple[str, int]
) -> None:
    """Send all of it; returns when all is acknowledged."""
    ledger.sent.update(one.number for one in order)
    ways = {way: [one for one in order if one.way == way] for way in ("mqtt", "http", "jt808")}
    phones = {one.device for one in ways["jt808"]}
    async with asyncio.timeout(300), asyncio.TaskGroup() as group:
        group.create_task(_publish(ledger, ways["mqtt"], broker))
        group.create_task(_post(ledger, ways["http"], url, key))
        for phone in phones:
            group.create_task(_report(ledger, phone, [one for one in ways["jt808"] if one.device == phone], terminals))


async def _publish(ledger: Ledger, order: Sequence[Message], broker: tuple[str, int]) -> None:
    async with MqttSpeaker(BrokerAddress(*broker), LinkSettings(window=2_000, in_flight=200)) as speaker:
        for one in order:
            await speaker.publish(one.topic, one.payload, partial(ledger.acknowledge, one.number))
        await speaker.drain()


async def _post(ledger: Ledger, order: Sequence[Message], url: str, key: str) -> None:
    headers = {"Content-Type": "application/json", "X-API-Key": key}
    async with httpx.AsyncClient(base_url=url, timeout=60, headers=headers) as client:
        for at in range(0, len(order), POSTED):
            some = order[at : at + POSTED]
            body = b"[" + b",".join(one.payload for one in some) + b"]"
            while (answer := await client.post("/api/v1/telemetry", content=body)).status_code in (429, 503):
                await asyncio.sleep(0.05)
            if answer.status_code != 200 or answer.json()["problems"]:
                ledger.odd_answers.append(answer.text[:300])
            ledger.acknowledge_all(one.number for one in some)


async def _report(ledger: Ledger, phone: str, order: Sequence[Message], terminals: tuple[str, int]) -> None:
    async with await Terminal(phone).connect(terminals) as terminal:
        await terminal.enter()
        waiting: dict[int, Sequence[Message]] = {}
        for at in range(0, len(order), BATCHED):
            some = order[at : at + BATCHED]
            waiting[terminal.send(0x0704, batch([one.payload for one in some]))] = some
            while len(waiting) >= WINDOW:
                await _answered(ledger, terminal, waiting)
        while waiting:
            await _answered(ledger, terminal, waiting)


async def _answered(ledger: Ledger, terminal: Terminal, waiting: dict[int, Sequence[Message]]) -> None:
    serial, message_id, result = (await terminal.reply()).general
    if result:
        ledger.odd_answers.append(f"{terminal.phone}: {message_id:#06x} was answered with {result}")
    ledger.acknowledge_all(one.number for one in waiting.pop(serial))


_EMPTYINGS = """SELECT d.id, e.at, e.before_pct, e.after_pct, e.proof FROM emptyings e
                  JOIN devices d ON d.key = e.device_key WHERE NOT e.retracted ORDER BY 1, 2"""
_HOURS = """SELECT d.id, m.name, r.at, r.count, r.least, r.greatest, r.total, r.last, r.last_at FROM rollup_hours r
              JOIN devices d ON d.key = r.device_key JOIN metrics m ON m.key = r.metric_key
             WHERE d.id NOT LIKE 'meter%' ORDER BY 1, 2, 3"""
_LATEST = """SELECT d.id, m.name, l.observed_at, l.value FROM latest_readings l JOIN devices d ON d.key = l.device_key
               JOIN metrics m ON m.key = l.metric_key WHERE d.id NOT LIKE 'meter%' ORDER BY 1, 2"""


def outcome_of(dsn: str) -> dict[str, list[tuple[Any, ...]]]:
    """What reports are made of: trips, stops, emptyings, sums of hours, and what is newest."""
    asked = {"trips": TRIPS, "stops": STOPS, "emptyings": _EMPTYINGS, "hours": _HOURS, "latest": _LATEST}
    with psycopg.connect(dsn) as connection:
        return {name: connection.execute(query.encode()).fetchall() for name, query in asked.items()}
