"""The devices: they send each message until it is acknowledged, and write down what was."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

import httpx

from simulators.speakers.mqtt_json import BrokerAddress, LinkSettings, MqttSpeaker
from tests.faults.harness.ledger import Ledger
from tests.faults.harness.stream import Message
from tests.terminal import Terminal, batch

WINDOW = 8  #: live positions of a terminal that may await their answers
BATCHED = 25
PAUSE_S = 0.03  #: before a peer that does not answer is tried again

Where = Callable[[], tuple[str, int]]
"""Where a listener is at present: the hub may take another port at each start. Raises ConnectionError."""


async def publish_mqtt(
    ledger: Ledger, address: tuple[str, int], settings: LinkSettings | None = None, repeated: float = 0.0
) -> None:
    """Over MQTT at QoS 1; acknowledged by the broker's PUBACK. Such a share is ``repeated``: sent twice."""
    chance = random.Random(ledger.stream.seed)
    settings = settings or LinkSettings(window=400, in_flight=100, stall_s=8.0)
    async with MqttSpeaker(BrokerAddress(*address), settings) as speaker:
        for one in ledger.stream.of("mqtt"):
            await ledger.pace("mqtt", one.number)
            for _ in range(1 + (chance.random() < repeated)):
                await speaker.publish(one.topic, one.payload, partial(ledger.acknowledge, one.number))
        await ledger.over("mqtt")
        await speaker.drain()


async def publish_http(ledger: Ledger, url: Callable[[], str], key: Callable[[], str], clients: int = 4) -> None:
    """By POST; acknowledged by 200. Messages of one device are posted in their order, one to five at a time."""
    devices: dict[str, list[Message]] = defaultdict(list)
    for one in ledger.stream.of("http"):
        devices[one.device].append(one)
    shares: list[list[Message]] = [[] for _ in range(clients)]
    for index, device in enumerate(sorted(devices)):
        shares[index % clients] += devices[device]
    async with asyncio.TaskGroup() as group:
        for number, share in enumerate(shares):
            ordered = sorted(share, key=lambda one: one.number)
            group.create_task(_post_all(ledger, ordered, url, key, random.Random(number)))
    await ledger.over("http")


async def _post_all(
    ledger: Ledger, share: Sequence[Message], url: Callable[[], str], key: Callable[[], str], chance: random.Random
) -> None:
    at = 0
    async with httpx.AsyncClient(timeout=30) as client:
        while at < len(share):
            some = share[at : at + chance.randint(1, 5)]
            at += len(some)
            await ledger.pace("http", some[-1].number)
            ledger.sent.update(one.number for one in some)
            body = b"[" + b",".join(one.payload for one in some) + b"]"
            while not await _post(ledger, client, url, key, body):
                await asyncio.sleep(PAUSE_S)
            ledger.acknowledge_all(one.number for one in some)


async def _post(
    ledger: Ledger, client: httpx.AsyncClient, url: Callable[[], str], key: Callable[[], str], body: bytes
) -> bool:
    headers = {"Content-Type": "application/json", "X-API-Key": key()}
    try:
        answer = await client.post(f"{url()}/api/v1/telemetry", content=body, headers=headers)
    except httpx.HTTPError:
        return False
    if answer.status_code == 200:
        if answer.json()["problems"]:
            ledger.odd_answers.append(answer.text[:300])
        return True
    if answer.status_code not in (429, 503):
        ledger.odd_answers.append(f"{answer.status_code}: {answer.text[:300]}")
    return False


async def publish_jt808(ledger: Ledger, where: Where) -> None:
    """As terminals of JT/T 808; acknowledged by 0x8001 with result 0."""
    devices: dict[str, list[Message]] = defaultdict(list)
    for one in ledger.stream.of("jt808"):
        devices[one.device].append(one)
    async with asyncio.TaskGroup() as group:
        for device, messages in devices.items():
            group.create_task(_Keeper(ledger, device, messages, where).run())
    await ledger.over("jt808")


class _Keeper:
    """A terminal that keeps a position until it is answered, and sends what was not answered again in batches."""

    def __init__(self, ledger: Ledger, phone: str, messages: Sequence[Message], where: Where) -> None:
        self._ledger = ledger
        self._phone = phone
        self._messages = messages
        self._where = where
        self._made = 0
        self._kept: dict[int, Message] = {}
        self._code: bytes | None = None

    async def run(self) -> None:
        while self._made < len(self._messages) or self._kept:
            try:
                terminal = await Terminal(self._phone).connect(self._where())
            except OSError:
                await asyncio.sleep(PAUSE_S)
                continue
            try:
                await self._talk(terminal)
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                await asyncio.sleep(PAUSE_S)  # the connection has ended; what was not answered comes again
            finally:
                terminal.kill()

    async def _talk(self, terminal: Terminal) -> None:
        if self._code is None:
            self._code = await terminal.register()
        if await terminal.authenticate(self._code):
            self._ledger.odd_answers.append(f"{self._phone} was refused")
            raise ConnectionError
        sent: dict[int, list[int]] = {}
        kept = list(self._kept.values())
        for at in range(0, len(kept), BATCHED):
            chosen = kept[at : at + BATCHED]
            serial = terminal.send(0x0704, batch([one.payload for one in chosen]))
            sent[serial] = [one.number for one in chosen]
        while sent or self._made < len(self._messages):
            while self._made < len(self._messages) and len(sent) < WINDOW:
                one = self._messages[self._made]
                await self._ledger.pace("jt808", one.number)
                self._made += 1
                self._kept[one.number] = one
                sent[terminal.send(0x0200, one.payload)] = [one.number]
            serial, message_id, result = (await terminal.reply()).general
            if result:
                self._ledger.odd_answers.append(f"{self._phone}: {message_id:#06x} was answered with {result}")
                raise ConnectionError
            answered = sent.pop(serial)
            self._ledger.acknowledge_all(answered)
            for number in answered:
                del self._kept[number]
