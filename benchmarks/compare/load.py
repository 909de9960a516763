"""The load of the comparison: floods by the generator of the hub's benches, and waiting until all of it has arrived."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from time import perf_counter, time_ns
from typing import Any

import msgspec

from benchmarks.compare.brokers import Broker
from benchmarks.compare.contenders import Process
from benchmarks.compare.stored import Counter, Found, Span
from hub.bench.load import connect, packet, payload, publish

STEP_US = 10_000_000  #: of a device's time between two of its messages
LAST = 20  #: messages at the end of a flood whose arrival is asked for before all are counted
LOOK_S = 0.02
DEADLINE_S = 300.0
PROBE = 0


class Load(msgspec.Struct, frozen=True):
    """``messages`` of ``devices``: of all kinds with ``mixed``, else a fix and three readings each.

    ``start_us`` is the first one's time; with a ``rate`` (a second) each is stamped as it is made.
    """

    messages: int
    devices: int
    mixed: bool
    start_us: int
    rate: float = 0.0

    def span(self) -> Span:
        """What to look for. A load with a rate is looked for from now on."""
        if self.rate:
            return Span(time_ns() // 1_000, 2**52)
        last = [divmod(index, self.devices) for index in range(max(0, self.messages - LAST), self.messages)]
        when = tuple((f"bench-{device:06d}", self.start_us + turn * STEP_US + device) for turn, device in last)
        return Span(self.start_us, when[-1][1] + 1 + self.devices, when)


class Flooded(msgspec.Struct, frozen=True):
    """A flood: seconds from its first message to the arrival of the last, and CPU seconds of the generator."""

    seconds: float
    load_cpu_s: float


async def flood(broker: Broker, load: Load, process: Process) -> Flooded:
    """Publish as fast as the broker takes it, and wait until all has arrived. Raises TimeoutError."""
    span, counter = load.span(), process.counter
    before = (await counter.found(span)).messages
    generator = await generate(broker, load)
    began = perf_counter()
    ended = await _arrived(counter, span, before + load.messages, process)
    return Flooded(ended - began, (await told_by(generator))["cpu_seconds"])


async def generate(broker: Broker, load: Load) -> asyncio.subprocess.Process:
    """Start the generator; returns when it has been told to begin."""
    options = {
        **{"host": broker.host, "port": broker.port, "messages": load.messages, "devices": load.devices},
        **{"rate": load.rate, "start-us": load.start_us, "step-us": STEP_US},
    }
    arguments = [f"--{name}={value}" for name, value in options.items()] + ["--mixed"] * load.mixed
    generator = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub.bench.load", "--wait", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert generator.stdin is not None
    assert generator.stdout is not None
    await generator.stdout.readline()
    generator.stdin.write(b"\n")
    return generator


async def told_by(generator: asyncio.subprocess.Process) -> dict[str, Any]:
    """What the generator tells when its last message is acknowledged."""
    out, _ = await generator.communicate()
    if generator.returncode:
        raise RuntimeError(f"the load generator ended with {generator.returncode}")
    found: dict[str, Any] = json.loads(out)
    return found


async def _arrived(counter: Counter, span: Span, expected: int, process: Process) -> float:
    """When all of it had arrived. A count costs the server more than a look at the last ones, which come first."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            while not await counter.at_end(span, expected):
                assert process.pid
                await asyncio.sleep(LOOK_S)
            seen = perf_counter()
            if (await counter.found(span)).messages >= expected:
                return seen


async def heard(broker: Broker, process: Process, start_us: int) -> None:
    """Send a message now and then until one arrives: then the contender has subscribed. Raises TimeoutError."""
    body = payload(PROBE, 0, start_us)
    span = Span(start_us, start_us + 1, ((f"bench-{PROBE:06d}", start_us),))
    async with asyncio.timeout(DEADLINE_S):
        while not await process.counter.at_end(span, 1):
            assert process.pid
            await asyncio.to_thread(_send, broker, publish(f"sanihub/v1/bench-{PROBE:06d}/telemetry".encode(), 1, body))
            await asyncio.sleep(0.2)
        while (await process.counter.found(span)).messages == 0:  # noqa: ASYNC110 - a database has no event
            await asyncio.sleep(LOOK_S)


def _send(broker: Broker, message: bytes) -> None:
    """One message at QoS 1, by a connection of its own."""
    with socket.create_connection((broker.host, broker.port), timeout=10) as connection:
        connection.sendall(connect("bench-probe"))
        connection.recv(4, socket.MSG_WAITALL)
        connection.sendall(message)
        connection.recv(4, socket.MSG_WAITALL)
        connection.sendall(packet(0xE0, b""))


async def at_rest(counter: Counter, span: Span, process: Process, quiet_s: float) -> Found:
    """What has arrived when nothing more has come for so long."""
    found, since = await counter.found(span), perf_counter()
    while perf_counter() - since < quiet_s:
        await asyncio.sleep(0.25)
        assert process.pid
        now = await counter.found(span)
        if now != found:
            found, since = now, perf_counter()
    return found
