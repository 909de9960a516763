"""A load generator: publishes telemetry at QoS 1 from its own process, as fast as the broker takes it or at a rate.

It speaks the few packets of MQTT 3.1.1 that a publisher needs (OASIS MQTT 3.1.1, chapters 3.1 to 3.4) from buffers made
in advance, so that the machine's time goes to what is measured. Run as ``python -m hub.bench.load``; prints one line of
JSON when the last message is acknowledged.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice

from devices.instants import to_iso

_BURST = 64


def packet(kind: int, body: bytes) -> bytes:
    """A control packet: fixed header with the remaining length as a variable byte integer, then the body."""
    length, encoded = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            return bytes((kind,)) + bytes(encoded) + body


def connect(client_id: str) -> bytes:
    """CONNECT with a clean session and no keepalive."""
    name = client_id.encode()
    return packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x00" + struct.pack(">H", len(name)) + name)


def publish(topic: bytes, packet_id: int, payload: bytes) -> bytes:
    """PUBLISH at QoS 1."""
    return packet(0x32, struct.pack(">H", len(topic)) + topic + struct.pack(">H", packet_id) + payload)


def payload(device: int, index: int, observed_at: int) -> bytes:
    """About 200 bytes: a fix and three readings of a moving vehicle."""
    lat, lon = 30.5 + (index % 9000) * 1e-5, 114.2 + device * 1e-5
    speed, heading, fuel = (index * 7) % 600 / 10, (index * 13) % 360, 90 - (index % 800) / 10
    return (
        f'{{"ts":"{to_iso(observed_at)}","seq":{index},"readings":{{"speed_kmh":{speed:.1f},"fuel_pct":{fuel:.1f},'
        f'"ignition":1}},"fix":{{"lat":{lat:.5f},"lon":{lon:.5f},"speed_kmh":{speed:.1f},"heading_deg":{heading}}}}}'
    ).encode()


MIX = ("vehicle", "bin", "vehicle", "toilet", "vehicle", "worker", "vehicle", "bin", "vehicle", "vehicle")
"""Of ten messages of a mixed load so many are of each kind."""
SMOKE_EVERY = 100  #: of so many messages of a bin one says that there is smoke, and the next that there is none


def calm_payload(device: int, index: int, observed_at: int) -> bytes:
    """The same with vehicles that keep to the limit of those that work: alerts are as rare as in life."""
    return mixed_payload(device, index, observed_at, slowest=5)


def mixed_payload(device: int, index: int, observed_at: int, slowest: int = 20) -> bytes:
    """What a device of a city says, by its kind; each metric is one that the rules that come along look at.

    Vehicles drive at up to 19 km/h more than ``slowest``.
    """
    kind, turn = MIX[device % len(MIX)], index + device // len(MIX)
    speed = slowest + turn % 20
    if kind == "vehicle":
        said = f'"speed_kmh":{speed},"ignition":1,"pto":{turn // 50 % 2},"fuel_pct":{90 - turn % 800 / 10:.1f}'
    elif kind == "bin":
        smoke = int(turn % SMOKE_EVERY == 0)
        said = (
            f'"fill_pct":{turn % 700 / 10:.1f},"temperature_c":{18 + turn % 30 / 10:.1f},"tilt":0,"smoke":{smoke},'
            f'"battery_pct":{90 - turn % 100 / 10:.1f}'
        )
    elif kind == "toilet":
        said = (
            f'"nh3_ppm":{0.3 + turn % 20 / 100:.2f},"h2s_ppm":0.001,"water_m3":{index / 100:.2f},'
            f'"energy_kwh":{index / 50:.2f},"stalls_occupied":{turn % 4},"water_leak":0'
        )
    else:
        said = f'"on_duty":1,"sos":0,"steps":{index},"battery_pct":{90 - turn % 100 / 10:.1f}'
    head = f'{{"ts":"{to_iso(observed_at)}","kind":"{kind}","seq":{index},"readings":{{{said}}}'
    if kind in ("bin", "toilet"):
        return f"{head}}}".encode()
    lat, lon = 30.5 + (index % 9000) * 1e-4, 114.2 + device * 1e-5
    return f'{head},"fix":{{"lat":{lat:.5f},"lon":{lon:.5f},"speed_kmh":{speed},"hdop":0.9}}}}'.encode()


class Publisher(asyncio.Protocol):
    """One connection with a bounded window of unacknowledged messages."""

    def __init__(self, client_id: str, window: int) -> None:
        self.ready = asyncio.get_running_loop().create_future()
        self.acknowledged = 0
        self.room = asyncio.Event()
        self.window = window
        self.sent = 0
        self._client_id = client_id
        self._buffer = bytearray()
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(connect(self._client_id))

    def data_received(self, data: bytes) -> None:
        """Count acknowledgements; every packet that a broker sends to a publisher has four bytes."""
        buffer = self._buffer
        buffer += data
        whole = len(buffer) // 4 * 4
        for offset in range(0, whole, 4):
            if buffer[offset] == 0x20:
                self.ready.set_result(None)
            else:
                self.acknowledged += 1
        del buffer[:whole]
        self.room.set()

    def pause_writing(self) -> None:
        """The broker reads more slowly than we write."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The broker has caught up."""
        self._writable.set()

    async def send(self, packets: list[bytes]) -> None:
        """Send packets when the window and the socket have room."""
        while self.sent + len(packets) - self.acknowledged > self.window:
            self.room.clear()
            await self.room.wait()
        await self._writable.wait()
        self.transport.write(b"".join(packets))
        self.sent += len(packets)

    async def finished(self) -> None:
        """Wait for the last acknowledgement."""
        while self.acknowledged < self.sent:
            self.room.clear()
            await self.room.wait()


def messages(
    prefix: str,
    devices: int,
    count: int,
    start_us: int,
    live: bool,
    *,
    step_us: int = 100_000,
    words: Callable[[int, int, int], bytes] = payload,
    first: int = 0,
) -> Iterator[bytes]:
    """Packets in order: device by device, ``step_us`` apart for each device, or stamped as they are made.

    Devices are numbered from ``first`` on.
    """
    topics = [f"{prefix}/v1/bench-{device:06d}/telemetry".encode() for device in range(first, first + devices)]
    for index in range(count):
        turn, device = divmod(index, devices)
        observed_at = time.time_ns() // 1_000 if live else start_us + turn * step_us + device
        yield publish(topics[device], index % 65_535 + 1, words(device, turn, observed_at))


async def run(arguments: argparse.Namespace) -> dict[str, float]:
    """Publish everything; returns counts and the seconds from the first to the last."""
    loop = asyncio.get_running_loop()
    _, publisher = await loop.create_connection(
        lambda: Publisher(arguments.client_id, arguments.window), arguments.host, arguments.port
    )
    await publisher.ready
    live = arguments.rate > 0
    source = messages(
        arguments.prefix,
        arguments.devices,
        arguments.messages,
        arguments.start_us,
        live,
        step_us=arguments.step_us,
        words=calm_payload if arguments.calm else mixed_payload if arguments.mixed else payload,
        first=arguments.first,
    )
    prepared = source if live else iter(list(source))
    print("ready", flush=True)  # noqa: T201 - the bench waits for this line
    if arguments.wait:
        await loop.run_in_executor(None, sys.stdin.readline)
    started = time.perf_counter()
    burst = max(1, min(_BURST, int(arguments.rate / 100))) if live else _BURST
    while packets := list(islice(prepared, burst)):
        if live:
            due = started + publisher.sent / arguments.rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await publisher.send(packets)
    await publisher.finished()
    seconds = time.perf_counter() - started
    publisher.transport.close()
    return {"messages": publisher.acknowledged, "seconds": seconds, "cpu_seconds": time.process_time()}


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--prefix", default="sanihub")
    parser.add_argument("--client-id", default="sanihub-load")
    parser.add_argument("--devices", type=int, default=1_000)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=0.0, help="messages a second; 0 for as fast as possible")
    parser.add_argument("--window", type=int, default=2_000)
    parser.add_argument("--start-us", type=int, default=1_700_000_000_000_000)
    parser.add_argument("--step-us", type=int, default=100_000, help="between two messages of a device")
    parser.add_argument("--mixed", action="store_true", help="devices of all kinds, with what the rules look at")
    parser.add_argument("--calm", action="store_true", help="the same, of which hardly any raises an alert")
    parser.add_argument("--first", type=int, default=0, help="the number of the first device")
    parser.add_argument("--wait", action="store_true", help="start at the first line of standard input")
    print(json.dumps(asyncio.run(run(parser.parse_args()))))  # noqa: T201 - the result


if __name__ == "__main__":
    main()
