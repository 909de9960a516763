"""NMEA over real sockets, a real terminal line, a real file and a real gpsd, into a real database."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import socket
import subprocess
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC
from pathlib import Path
from typing import Any

import psycopg
import pytest
import uvloop

from devices.metrics import Catalogue
from devices.registry import Registry
from devices.vocabulary import Frame
from hub.bootstrap import Hub
from hub.probe import Probe
from hub.settings.settings import Settings
from ingest.adapters.nmea.plugin import NmeaLine, decoder
from ingest.adapters.nmea.settings import NmeaSection
from ingest.adapters.nmea.stream import NAME
from ingest.assembly import Assembler, IntakeRules
from ingest.pipeline import Bounds, Pipeline
from ingest.plugin import Tools
from ingest.spool import Spool
from ingest.spool_feed import feed
from tests.intake import contents, dead_letters, make_store
from tests.nmea import burst, clock, drive, gga, rmc, sentence
from tests.servers import PostgresServer

START = 8 * 3600
QUICK: dict[str, Any] = {"flush_after_s": 0.05}


class Hall:
    """NMEA connections, a pipeline and a store in this process."""

    def __init__(self, dsn: str, *given: dict[str, Any], spool: Spool | None = None, bounds: Bounds | None = None):
        sections = [NmeaSection(**{"name": "line", "port": 0, **QUICK, **one}) for one in given]
        self.store = make_store(dsn)
        decoders = {NAME: decoder(sections, Tools(Catalogue()))}
        self.pipeline = Pipeline(self.store, Assembler(self.store, Registry(), decoders, IntakeRules()), bounds)
        self.kept: list[Frame] = []
        keep = spool.append if spool else self.kept.append
        self.lines = [NmeaLine(section, self.pipeline, keep) for section in sections]
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Hall:
        self._tasks = [asyncio.create_task(self.pipeline.run())]
        self._tasks += [asyncio.create_task(line.transport.run()) for line in self.lines]
        for line in self.lines:
            if hasattr(line.transport, "listening"):
                await line.transport.listening.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        for line in self.lines:
            line.transport.pause_reading()
        self.pipeline.stop()
        await self._tasks[0]
        for line in self.lines:
            await line.transport.stop()
        await asyncio.gather(*self._tasks[1:])
        await self.store.close()

    @property
    def transport(self) -> Any:
        return self.lines[0].transport

    @property
    def address(self) -> tuple[str, int]:
        return self.transport.address  # type: ignore[no-any-return]

    async def until(self, condition: Callable[[], object], seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)

    async def committed(self, count: int) -> None:
        await self.until(lambda: self.pipeline.stats.frames >= count and self.pipeline.in_flight == 0)


@asynccontextmanager
async def receiver(address: tuple[str, int]) -> AsyncIterator[asyncio.StreamWriter]:
    _, writer = await asyncio.open_connection(*address)
    try:
        yield writer
    finally:
        writer.close()


def fixes(dsn: str) -> list[tuple[Any, ...]]:
    return contents(dsn, tables=["fixes"])["fixes"]


def identities(dsn: str) -> set[tuple[str, str, str]]:
    with psycopg.connect(dsn) as connection:
        query = "SELECT i.scheme, i.value, d.kind FROM identities i JOIN devices d ON d.key = i.device_key"
        return set(connection.execute(query).fetchall())


async def test_receivers_that_connect_each_with_its_name(postgres_dsn: str) -> None:
    async with Hall(postgres_dsn, {"kind": "tcp-server"}) as hall:
        async with receiver(hall.address) as one, receiver(hall.address) as other, receiver(hall.address) as third:
            one.write(b"imei:864180036543216\r\n" + drive(20))
            other.write(b"$ID,veh-1\r\n")
            for byte in drive(20):
                other.write(bytes([byte]))
            third.write(b"\xb5b\x01\x07" + drive(20, START + 20))
            await hall.committed(60)
        await hall.until(lambda: hall.transport.peers == 0)
    assert len(fixes(postgres_dsn)) == 60
    assert identities(postgres_dsn) == {
        ("imei", "864180036543216", "vehicle"), ("id", "veh-1", "vehicle"), ("peer", "127.0.0.1", "vehicle"),
    }  # fmt: skip
    assert dead_letters(postgres_dsn) == []


async def test_the_last_epoch_comes_when_the_line_is_silent(postgres_dsn: str) -> None:
    async with Hall(postgres_dsn, {"kind": "tcp-server", "device": "veh-1"}) as hall, receiver(hall.address) as one:
        one.write(drive(1))
        await hall.committed(1)
        assert hall.transport.peers == 1
        one.write(drive(1, START + 60))
        await hall.committed(2)
    assert [row[0] for row in fixes(postgres_dsn)] == ["veh-1"] * 2


async def test_garbage_is_sampled_into_dead_letters(postgres_dsn: str) -> None:
    async with Hall(postgres_dsn, {"kind": "tcp-server", "device": "veh-1"}) as hall, receiver(hall.address) as one:
        for _ in range(50):
            one.write(drive(1) + b"nonsense\r\n" + rmc(1).replace("3114", "3115").encode() + b"\r\n")
        await hall.until(lambda: hall.lines[0].tally.garbage == 100)
    assert dead_letters(postgres_dsn) == [
        ("malformed", "line: no NMEA sentence; expected $, an address, fields, * and two hexadecimal digits")
    ]
    assert len(fixes(postgres_dsn)) == 1


async def test_a_silent_peer_holds_nobody_and_is_ended(postgres_dsn: str) -> None:
    section = {"kind": "tcp-server", "device": "veh-1", "idle_timeout_s": 0.3}
    async with Hall(postgres_dsn, section) as hall:
        silent_reader, silent = await asyncio.open_connection(*hall.address)
        async with receiver(hall.address) as one:
            one.write(drive(50))
            await hall.committed(50)
        with suppress(ConnectionResetError):
            assert await silent_reader.read() == b""
        await hall.until(lambda: hall.transport.peers == 0)
        silent.close()


async def test_connections_are_bounded(postgres_dsn: str) -> None:
    section = {"kind": "tcp-server", "device": "veh-1", "max_per_address": 3}
    async with Hall(postgres_dsn, section) as hall:
        writers = [(await asyncio.open_connection(*hall.address))[1] for _ in range(8)]
        await hall.until(lambda: hall.transport.refused == 5)
        assert hall.transport.peers == 3
        writers[0].write(drive(5))
        await hall.committed(5)
        for writer in writers:
            writer.close()
        await hall.until(lambda: hall.transport.peers == 0)


async def test_datagrams(postgres_dsn: str) -> None:
    async with Hall(postgres_dsn, {"kind": "udp", "identity": "peer"}) as hall:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            for second in range(10):
                for line in burst(START + second, second):  # a sentence a datagram, without its end
                    one.sendto(line.encode(), hall.address)
                await hall.until(lambda seen=6 * (second + 1): hall.transport.datagrams >= seen)
            one.sendto("\r\n".join(burst(START + 10, 10) + burst(START + 11, 11)).encode(), hall.address)
            await hall.committed(12)
        assert hall.transport.peers == 1
    assert len(fixes(postgres_dsn)) == 12
    assert identities(postgres_dsn) == {("peer", "127.0.0.1", "vehicle")}


async def test_datagrams_of_several_that_say_who_they_are(postgres_dsn: str) -> None:
    async with Hall(postgres_dsn, {"kind": "udp", "identity": "line", "max_peers": 2}) as hall:
        for number in range(4):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.sendto(f"$ID,veh-{number}\r\n".encode() + drive(3), hall.address)
            await hall.until(lambda seen=number + 1: hall.transport.datagrams == seen)
        assert hall.transport.peers <= 2
        await hall.committed(12)
    assert {row[0] for row in fixes(postgres_dsn)} == {f"veh-{number}" for number in range(4)}
    assert len(fixes(postgres_dsn)) == 12


async def test_a_client_that_connects_again(postgres_dsn: str) -> None:
    """A serial server that ends each connection after some seconds of driving, once amid a sentence."""
    parts = [drive(10), drive(10, START + 10)[:-30], drive(10, START + 30)]
    greeted: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.append(await reader.readline())
        if parts:
            writer.write(parts.pop(0))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    section = {"kind": "tcp-client", "port": port, "device": "veh-1", "greeting": "hello"}
    async with Hall(postgres_dsn, section) as hall:
        await hall.committed(30)
        assert hall.transport.condition.fault is not None
    server.close()
    await server.wait_closed()
    assert len(fixes(postgres_dsn)) == 30
    assert set(greeted) == {b"hello\r\n"}


async def test_what_comes_while_the_store_is_away_is_spooled(private_postgres: PostgresServer, tmp_path: Path) -> None:
    dsn = private_postgres.dsn()
    spool = Spool(tmp_path / "spool")
    stop = asyncio.Event()
    sections = [
        {"kind": "tcp-server", "device": "veh-1", "flush_after_s": 0.5},
        {"kind": "udp", "device": "veh-2", "name": "udp"},
    ]
    async with Hall(dsn, *sections, spool=spool) as hall:
        feeding = asyncio.create_task(feed(spool, hall.pipeline, stop))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two:
            async with receiver(hall.address) as one:
                one.write(drive(10))
                await hall.committed(10)
                private_postgres.stop()
                one.write(drive(1, START + 10))
                await hall.until(lambda: not hall.pipeline.healthy)
                one.write(drive(200, START + 11))
                two.sendto(drive(10), hall.lines[1].transport.address)  # type: ignore[attr-defined]
                await hall.until(lambda: spool.waiting >= 205)
                private_postgres.start()
                await hall.until(lambda: spool.waiting == 0 and hall.pipeline.in_flight == 0)
        stop.set()
        await feeding
    spool.close()
    assert len(fixes(dsn)) == 221


async def test_a_hub_that_stops_without_its_store_keeps_what_it_took(
    private_postgres: PostgresServer, tmp_path: Path
) -> None:
    dsn = private_postgres.dsn()
    spool = Spool(tmp_path / "spool")
    section = {"kind": "tcp-server", "device": "veh-1"}
    async with Hall(dsn, section, spool=spool) as hall, receiver(hall.address) as one:
        one.write(drive(5))
        await hall.committed(5)
        private_postgres.stop()
        one.write(drive(45, START + 5))
        await hall.until(lambda: hall.lines[0].tally.sentences == 300)
    assert spool.waiting == 45
    private_postgres.start()
    stop = asyncio.Event()
    async with Hall(dsn, section) as hall:
        feeding = asyncio.create_task(feed(spool, hall.pipeline, stop))
        await hall.until(lambda: spool.waiting == 0)
        stop.set()
        await feeding
    spool.close()
    assert len(fixes(dsn)) == 50


async def test_a_flood_is_held_or_spooled_and_nothing_is_lost(postgres_dsn: str, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    stop = asyncio.Event()
    bounds = Bounds(max_in_flight=50)
    section = {"kind": "tcp-server", "device": "v", "flush_after_s": 1}
    async with Hall(postgres_dsn, section, spool=spool, bounds=bounds) as hall:
        feeding = asyncio.create_task(feed(spool, hall.pipeline, stop))
        async with receiver(hall.address) as one:
            one.write(drive(3_000))
            await hall.until(lambda: hall.lines[0].tally.epochs == 3_000)
            await hall.until(lambda: spool.waiting == 0 and hall.pipeline.in_flight == 0)
        stop.set()
        await feeding
    spool.close()
    assert len(fixes(postgres_dsn)) == 3_000


async def test_a_serial_port_that_is_pulled_out_and_put_back(postgres_dsn: str, tmp_path: Path) -> None:
    link = tmp_path / "ttyGPS"

    def plug() -> int:
        controller, terminal = pty.openpty()
        tty.setraw(terminal)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(terminal))
        os.close(terminal)
        return controller

    controller = plug()
    section = {"kind": "serial", "path": str(link), "baud": 115_200, "device": "veh-1"}
    async with Hall(postgres_dsn, section) as hall:
        await hall.until(lambda: hall.transport.peers == 1)
        os.write(controller, drive(5))
        await hall.committed(5)
        os.close(controller)
        await hall.until(lambda: hall.transport.condition.fault is not None)
        controller = plug()
        await hall.until(lambda: hall.transport.peers == 1)
        os.write(controller, drive(5, START + 5))
        await hall.committed(10)
        assert hall.transport.condition.fault is None
    os.close(controller)
    assert len(fixes(postgres_dsn)) == 10


async def test_a_file_that_appears_grows_and_is_replaced(postgres_dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "drive.nmea"
    async with Hall(postgres_dsn, {"kind": "file", "path": str(file), "device": "veh-1"}) as hall:
        await hall.until(lambda: hall.transport.condition.fault is not None)
        file.write_bytes(drive(5))
        await hall.committed(5)
        with file.open("ab") as growing:
            growing.write(drive(5, START + 5))
        await hall.committed(10)
        (tmp_path / "new").write_bytes(drive(5, START + 10))
        (tmp_path / "new").replace(file)
        await hall.committed(15)
    assert len(fixes(postgres_dsn)) == 15


async def test_a_dateless_receiver_is_filed_by_reception(postgres_dsn: str) -> None:
    async with Hall(postgres_dsn, {"kind": "tcp-server", "device": "veh-1"}) as hall, receiver(hall.address) as one:
        one.write("".join(f"{gga(second)}\r\n" for second in range(20)).encode())
        await hall.committed(20)
    rows = fixes(postgres_dsn)
    assert len({row[1] for row in rows}) == 20
    assert {row[7] for row in rows} == {1}  # Quality.CLOCK_ABSENT


async def test_a_port_that_is_taken_is_tried_again(postgres_dsn: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        hall = Hall(postgres_dsn, {"kind": "tcp-server", "port": port, "device": "veh-1"})
        running = asyncio.create_task(hall.transport.run())
        await hall.until(lambda: hall.transport.condition.fault is not None)
    await hall.until(hall.transport.listening.is_set)
    await hall.transport.stop()
    await running
    await hall.store.close()


ON_THE_LOOP_OF_THE_HUB = [
    test_receivers_that_connect_each_with_its_name,
    test_connections_are_bounded,
    test_a_silent_peer_holds_nobody_and_is_ended,
    test_datagrams,
    test_a_client_that_connects_again,
    test_a_port_that_is_taken_is_tried_again,
]


@pytest.mark.parametrize("case", ON_THE_LOOP_OF_THE_HUB)
def test_also_on_the_loop_of_the_hub(postgres_dsn: str, case: Callable[[str], Any]) -> None:
    """uvloop's transports are not asyncio's."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(case(postgres_dsn))


def test_a_serial_port_on_the_loop_of_the_hub(postgres_dsn: str, tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test_a_serial_port_that_is_pulled_out_and_put_back(postgres_dsn, tmp_path))


async def test_the_hub_opens_what_the_settings_name(postgres_dsn: str, tmp_path: Path) -> None:
    (tmp_path / "drive.nmea").write_bytes(drive(10))
    sections = [
        NmeaSection(name="log", kind="file", path=str(tmp_path / "drive.nmea"), device="veh-1", flush_after_s=60),
        NmeaSection(name="in", kind="udp", port=0),
    ]
    hub = Hub(Settings(nmea=tuple(sections)), dsn=postgres_dsn, brokers=[], data=tmp_path, web=None)
    running = asyncio.create_task(hub.run())
    async with asyncio.timeout(30):
        while hub.pipeline.stats.frames < 9:
            await asyncio.sleep(0.01)
    probe = Probe(hub, 0)
    assert [(one.name, one.kind, one.connected, one.required) for one in probe.connections()][:2] == [
        ("NMEA log", "nmea", True, False), ("NMEA in", "nmea", True, False),
    ]  # fmt: skip
    assert f"file {tmp_path / 'drive.nmea'}" in [one.address for one in probe.about().endpoints]
    epochs = {family.name: family.samples for family in probe.families()}["sanihub_nmea_epochs_total"]
    assert [(sample.value, sample.labels) for sample in epochs] == [(9, {"line": "log"}), (0, {"line": "in"})]
    hub.stop()
    await running
    assert len(fixes(postgres_dsn)) == 10  # the last epoch, which waited for company, is not lost


@contextmanager
def gpsd(log: Path, folder: Path) -> Iterator[tuple[str, int]]:
    """gpsd, fed with a log by gpsfake over a pseudo-terminal, again and again."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    argv = ["gpsfake", "-q", "-P", str(port), "-c", "0.01", str(log)]
    with (folder / "gpsfake.log").open("wb") as output:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    try:
        yield "127.0.0.1", port
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def beidou_drive() -> list[str]:
    """Two constellations in motion; in the middle the fix is lost for a while."""
    lines = drive(6).decode().split()
    for second in range(START + 6, START + 9):
        lines.append(sentence(f"GNRMC,{clock(second)},V,,,,,,,231126,,,N"))
        lines.append(sentence(f"GNGGA,{clock(second)},,,,,0,00,99.9,,,,,,"))
    for step in range(9, 15):
        lines += burst(START + step, step)
    return lines


def southwestern_drive() -> list[str]:
    """BeiDou alone, with its older talker, south of the equator and west of Greenwich."""
    lines = []
    for step in range(12):
        place = f"3437.{4500 + step * 7:04d},S,05822.{9000 - step * 11:04d},W"
        lines.append(sentence(f"BDGGA,{clock(START + step)},{place},1,09,1.1,{25 + step}.5,M,15.0,M,,"))
        lines.append(sentence("BDGSA,A,3,201,202,206,209,211,214,,,,,,,1.9,1.1,1.6"))
        lines.append(sentence(f"BDRMC,{clock(START + step)},A,{place},8.30,271.5,231126,,,A"))
    return lines


async def told_by_gpsd(address: tuple[str, int], seconds: set[str]) -> dict[str, list[dict[str, Any]]]:
    """What gpsd itself makes of the log: its reports of positions by time, once it has told of all these times."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b'?WATCH={"enable":true,"json":true}\n')
    told: dict[str, list[dict[str, Any]]] = {}
    async with asyncio.timeout(60):
        while set(told) != seconds:
            report = json.loads(await reader.readline())
            if report["class"] == "TPV" and report.get("mode", 0) >= 2 and {"time", "lat", "altMSL"} <= set(report):
                told.setdefault(report["time"], []).append(report)
    writer.close()
    return told


@pytest.mark.parametrize("lines", [beidou_drive(), southwestern_drive()], ids=["two systems", "beidou south west"])
async def test_gpsd_and_the_hub_are_of_one_opinion(postgres_dsn: str, open_folder: Path, lines: list[str]) -> None:
    """gpsd reads a receiver, the hub reads what it passes on: at each instant both tell the same position."""
    log = open_folder / "receiver.log"
    log.write_text("".join(f"{line}\r\n" for line in lines))
    fixed = {line.split(",")[1] for line in lines if "RMC" in line and ",A," in line}
    expected = {f"2026-11-23T{at[:2]}:{at[2:4]}:{at[4:6]}.000Z" for at in fixed}
    with gpsd(log, open_folder) as (host, port):
        greeting = '?WATCH={"enable":true,"nmea":true}'
        section = {"kind": "tcp-client", "host": host, "port": port, "device": "veh-1", "greeting": greeting}
        async with Hall(postgres_dsn, section):
            told = await listened_to(host, port, expected)
            await all_stored(postgres_dsn, len(expected))
    ours = moments(postgres_dsn)
    assert set(ours) == expected, "one fix an instant, and none while there was none"
    for at, (lat, lon, altitude) in ours.items():
        theirs = told[at][-1]
        assert (lat, lon) == (pytest.approx(theirs["lat"], abs=1e-6), pytest.approx(theirs["lon"], abs=1e-6)), at
        assert altitude == pytest.approx(theirs["altMSL"], abs=0.05), at
    assert dead_letters(postgres_dsn) == []


async def listened_to(host: str, port: int, seconds: set[str]) -> dict[str, list[dict[str, Any]]]:
    """What gpsd tells, as soon as it can be reached."""
    async with asyncio.timeout(60):
        while True:
            with suppress(ConnectionError):
                return await told_by_gpsd((host, port), seconds)
            await asyncio.sleep(0.05)


async def all_stored(dsn: str, count: int) -> None:
    """Asked in a thread: the hub of this loop may hold a lock that the question waits for, while it makes a table."""
    async with asyncio.timeout(60):
        while len(await asyncio.to_thread(moments, dsn)) < count:
            await asyncio.sleep(0.01)


def moments(dsn: str) -> dict[str, tuple[float, float, float]]:
    """The positions in the store by their time, as gpsd writes it.

    Whoever connects in the middle of a burst may hear GGA before any date: that position has no time of its own.
    Whoever leaves in the middle of one has heard RMC and no altitude: the whole burst of an earlier round says more.
    """
    query = """SELECT observed_at, lat, lon, altitude_m FROM fixes
               WHERE valid AND quality = 0 ORDER BY altitude_m NULLS FIRST"""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(query).fetchall()
    return {f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z": tuple(rest) for at, *rest in rows}
