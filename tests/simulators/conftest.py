from __future__ import annotations

import asyncio
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from simulators.speakers.mqtt_json import BrokerAddress

START_US = 1_795_392_000_000_000  # Monday 2026-11-23, 08:00 in Shanghai


class Broker:
    """A nats-server of the test's own, on a port below the ephemeral range so that it can come back to it."""

    def __init__(self, folder: Path) -> None:
        self.address = BrokerAddress(port=free_port())
        self._config = folder / "nats.conf"
        self._config.write_text(
            f'server_name: simulators\nlisten: "127.0.0.1:-1"\njetstream {{store_dir: "{folder}"}}\n'
            f'mqtt {{host: "127.0.0.1", port: {self.address.port}, ack_wait: "5s"}}\n'
        )
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        program = Path(sys.executable).with_name("nats-server")
        self._process = subprocess.Popen([program, "-c", self._config], stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        lines = []
        for line in self._process.stderr:
            lines.append(line)
            if "Server is ready" in line:
                return
        pytest.fail("nats-server did not start: " + "".join(lines))

    def kill(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._process = None


def free_port() -> int:
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@pytest.fixture
def start_us() -> int:
    return START_US


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def collector() -> type[Collector]:
    return Collector


class Collector:
    """A persistent subscriber to everything; `until` gathers (topic, decoded payload) until a condition holds."""

    def __init__(self, address: BrokerAddress) -> None:
        self._address = address
        self.items: list[tuple[str, Any]] = []

    async def subscribe(self) -> None:
        """Make the session known to the broker, which then queues."""
        async with self._client() as client:
            await client.subscribe("sanihub/v1/#", qos=1)

    async def until(self, enough: Callable[[list[tuple[str, Any]]], bool]) -> None:
        async with asyncio.timeout(90), self._client() as client:
            while not enough(self.items):
                message = await anext(aiter(client.messages))
                assert isinstance(message.payload, bytes)
                try:
                    payload = msgspec.json.decode(message.payload)
                except msgspec.DecodeError:
                    payload = None
                self.items.append((message.topic.value, payload))

    def telemetry(self) -> list[tuple[str, dict[str, Any]]]:
        """(device, object) of every telemetry object, arrays taken apart."""
        found = []
        for topic, payload in self.items:
            device_id, channel = topic.split("/")[2:]
            if channel == "telemetry" and payload is not None:
                found += [(device_id, item) for item in (payload if isinstance(payload, list) else [payload])]
        return found

    def _client(self) -> Any:
        import aiomqtt

        return aiomqtt.Client(self._address.host, self._address.port, identifier="collector", clean_session=False)
