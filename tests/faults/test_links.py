"""Connections that break, half-close, crawl, or stay open and say nothing: between the hub, its peers and its devices.

The default size is one stream over connections that break at every turn; ``make faults`` runs each fault by itself.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable

import pytest

from tests.faults.conftest import Undisturbed
from tests.faults.harness.links import LinkedScene, Links, linked, tear
from tests.faults.harness.outcome import keep, outcome
from tests.faults.harness.survival import stream as stream_of
from tests.hubs import HubProcess
from tests.proxy import Proxy, Way
from tests.servers import NatsServer

FULL = os.environ.get("SANIHUB_TEST_FULL") == "1"
HubOver = Callable[..., HubProcess]
Fault = Callable[[LinkedScene], Awaitable[None]]
pytestmark = pytest.mark.timeout(900)


def chosen(links: Links, names: str) -> list[Proxy]:
    return [getattr(links, name) for name in names.split()]


async def torn(scene: LinkedScene) -> None:
    """Every connection breaks within a packet, again and again."""
    chance = random.Random(scene.ledger.stream.seed)
    for turn in range(12 if FULL else 5):
        await scene.reached(0.1 + turn * (0.06 if FULL else 0.15))
        for proxy in scene.links.all():
            tear(proxy, chance, 20_000)
    await scene.recovered()


def half_open(names: str) -> Fault:
    async def fault(scene: LinkedScene) -> None:
        await scene.reached(0.4)
        for proxy in chosen(scene.links, names):
            assert proxy.mute() > 0
        await scene.recovered()

    return fault


def deaf(names: str, way: Way) -> Fault:
    """One direction is lost: what is said that way does not arrive, the other goes on."""

    async def fault(scene: LinkedScene) -> None:
        await scene.reached(0.4)
        for proxy in chosen(scene.links, names):
            assert proxy.mute(frozenset({way})) > 0
        await scene.recovered()

    return fault


def half_closed(way: Way) -> Fault:
    async def fault(scene: LinkedScene) -> None:
        for turn in range(3):
            await scene.reached(0.2 + turn * 0.2)
            for proxy in scene.links.all():
                proxy.close_half(way)
        await scene.recovered()

    return fault


async def cut_off(scene: LinkedScene) -> None:
    """The network is gone for a while: connections are reset and new ones refused."""
    for turn, outage_s in enumerate((2.0, 10.0, 20.0) if FULL else (0.5,)):
        await scene.reached(0.2 + turn * 0.2)
        for proxy in scene.links.all():
            proxy.cut(refuse=True)
        await asyncio.sleep(outage_s)
        for proxy in scene.links.all():
            proxy.heal()
        await scene.recovered()


async def slow(scene: LinkedScene) -> None:
    """Everything crawls: 20 ms each way, at most 50 kB/s."""
    await scene.reached(0.3)
    for proxy in scene.links.all():
        proxy.delay_s, proxy.chunk = 0.02, 1_000
    await scene.reached(0.5)
    for proxy in scene.links.all():
        proxy.heal()
    await scene.recovered()


FAULTS: dict[str, tuple[str, str, Fault]] = {
    "links-torn": (
        "Connections break within packets",
        "every connection of hub, broker, database and devices reset 12 times at random bytes",
        torn,
    ),
    "links-cut": ("The network is gone", "all connections reset and refused for 2, 10 and 20 s", cut_off),
    "links-slow": ("The network crawls", "all connections at 20 ms and 50 kB/s each way", slow),
    "half-open-broker": (
        "Half-open connection to the broker",
        "neither hears the other, and the connection stays; keepalive of 5 s",
        half_open("broker"),
    ),
    "half-open-database": (
        "Half-open connections to the database",
        "all of the hub's go silent and stay open; new ones work",
        half_open("database"),
    ),
    "half-open-devices": (
        "Half-open connections of devices",
        "MQTT, HTTP and JT/T 808 go silent and stay open, as when a NAT forgets them",
        half_open("devices http terminals"),
    ),
    "deaf-database": (
        "The database's answers are lost",
        "the hub is heard and hears nothing; connections stay",
        deaf("database", Way.DOWN),
    ),
    "deaf-devices": (
        "Answers to devices are lost",
        "the hub hears them, they do not hear the hub",
        deaf("devices http terminals", Way.DOWN),
    ),
    "half-closed-up": ("Senders' halves are closed", "FIN towards every server, three times", half_closed(Way.UP)),
    "half-closed-down": ("Answering halves are closed", "FIN towards every client, three times", half_closed(Way.DOWN)),
}


async def torn_and_half_open(scene: LinkedScene) -> None:
    """What an ordinary run has time for: torn everywhere, and a broker's connection that nobody hears of again."""
    chance = random.Random(1)
    for turn in range(4):
        await scene.reached(0.1 + turn * 0.1)
        for proxy in scene.links.all():
            tear(proxy, chance, 20_000)
    await scene.reached(0.6)
    scene.links.broker.mute()
    await scene.recovered()


SHORT: dict[str, tuple[str, str, Fault]] = {
    "links": ("Connections break", "torn, and the broker's half-open", torn_and_half_open)
}


@pytest.mark.parametrize("name", list(FAULTS if FULL else SHORT))
async def test_what_was_acknowledged_is_stored_once_and_the_alerts_are_the_same(
    name: str, postgres_dsn: str, nats_broker: NatsServer, hub_over: HubOver, undisturbed: Undisturbed
) -> None:
    title, done, fault = (FAULTS if FULL else SHORT)[name]
    stream = stream_of(0)
    expected = await asyncio.to_thread(undisturbed, stream)
    with linked(stream, postgres_dsn, nats_broker, hub_over, keepalive_s=5) as scene:
        await scene.play(fault)  # type: ignore[arg-type]
        ending = await scene.ending(expected)
    assert ending.verdict.sound, ending.verdict
    assert ending.differences == ()
    keep(outcome(name, title, done, stream.seed, ending))
