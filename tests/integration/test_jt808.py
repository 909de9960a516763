"""JT/T 808 terminals on real sockets, into a real PostgreSQL."""

from __future__ import annotations

import asyncio
import re
import resource
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devices.errors import ConfigError
from devices.metrics import Catalogue
from devices.registry import Registry
from devices.vocabulary import Device, Frame, Identity
from ingest.adapters.jt808.backlog import IN_FLIGHT
from ingest.adapters.jt808.commands import DownlinkError
from ingest.adapters.jt808.plugin import Jt808Decoder
from ingest.adapters.jt808.settings import NAME, Jt808Listener
from ingest.adapters.jt808.terminals import Jt808Server
from ingest.assembly import Assembler, IntakeRules
from ingest.pipeline import Bounds, Pipeline
from ingest.ports import Commandable, CommandError
from ingest.transports.tcp import TcpLimits
from ingest.wire.jt808.alarms import Input
from ingest.wire.jt808.session import Gate
from tests.hubs import HubProcess, mqtt_section
from tests.intake import contents, dead_letters, make_store
from tests.servers import NatsServer, PostgresServer
from tests.terminal import PHONE, PHONE_2019, Terminal, batch, frame, position, split

BEGIN = datetime(2025, 11, 1, tzinfo=UTC)
GATE = Gate(b"a secret of the tests")


def at(number: int) -> str:
    """A time as BCD: the first of November 2025, so many seconds after eight."""
    return f"251101{8 + number // 3600:02}{number // 60 % 60:02}{number % 60:02}"


class Line:
    """A listener, a pipeline and a store in this process."""

    def __init__(self, dsn: str, bounds: Bounds | None = None, gate: Gate = GATE, **options: Any) -> None:
        self.store = make_store(dsn)
        listener = Jt808Listener("test", gate, port=0)
        listener = msgspec.structs.replace(listener, **options)
        decoder = Jt808Decoder(Catalogue(), {"test": (Input(0x2A, 0, "brush"),)})
        assembler = Assembler(self.store, Registry(), {NAME: decoder}, IntakeRules())
        self.pipeline = Pipeline(self.store, assembler, bounds)
        self.server = Jt808Server(listener, self.pipeline)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Line:
        self._tasks = [asyncio.create_task(self.pipeline.run()), asyncio.create_task(self.server.run())]
        await self.server.listening.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.pause_reading()
        self.pipeline.stop()
        await self._tasks[0]
        await self.server.stop()
        await self._tasks[1]
        await self.store.close()

    @property
    def address(self) -> tuple[str, int]:
        return self.server.tcp.host, self.server.tcp.port

    async def terminal(self, phone: str = PHONE) -> Terminal:
        """A terminal that has registered and authenticated."""
        terminal = await Terminal(phone).connect(self.address)
        await terminal.enter()
        return terminal

    async def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)


async def test_a_day_of_a_terminal(postgres_dsn: str) -> None:
    async with Line(postgres_dsn) as line, await line.terminal() as terminal:
        items = [(0x01, (1_005).to_bytes(4, "big")), (0x2A, b"\x00\x01"), (0x31, b"\x0c")]
        serial = terminal.send(0x0200, position(alarm=1, time=at(0), items=items))
        assert (await terminal.reply()).general == (serial, 0x0200, 0)
        serial = terminal.send(0x0704, batch([position(time=at(second)) for second in range(1, 6)]))
        assert (await terminal.reply()).general == (serial, 0x0704, 0)
        serial = terminal.send(0x0002)
        assert (await terminal.reply()).general == (serial, 0x0002, 0)
        serial = terminal.send(0x0003)
        assert (await terminal.reply()).general == (serial, 0x0003, 0)
    stored = contents(postgres_dsn)
    assert len(stored["fixes"]) == 6
    assert stored["fixes"][0][:5] == (PHONE, BEGIN, 30.5, 114.3, pytest.approx(12.3))
    assert {(row[1], row[3]) for row in stored["readings"]} == {("ignition", 1), ("mileage_km", 100.5), ("brush", 1)}
    assert [(row[1], row[2]) for row in stored["events"]] == [("sos", BEGIN)]
    assert dead_letters(postgres_dsn) == []


async def test_the_edition_of_2019(postgres_dsn: str) -> None:
    async with Line(postgres_dsn) as line, await line.terminal(PHONE_2019) as terminal:
        for framed in split(
            0x0704, batch([position(time=at(second)) for second in range(100)]), 900, 1_000, PHONE_2019
        ):
            terminal.write(framed)
        assert [(await terminal.reply()).general for _ in range(4)] == [(900 + n, 0x0704, 0) for n in range(4)]
    assert {row[0] for row in contents(postgres_dsn)["fixes"]} == {PHONE_2019}
    assert len(contents(postgres_dsn)["fixes"]) == 100


async def test_a_code_outlives_the_hub_and_a_wrong_one_is_refused(postgres_dsn: str) -> None:
    async with Line(postgres_dsn) as line, await Terminal().connect(line.address) as terminal:
        code = await terminal.register()
        assert await terminal.authenticate(b"another") == 1
        serial = terminal.send(0x0200, position(time=at(0)))
        assert (await terminal.reply()).general == (serial, 0x0200, 1)
    async with Line(postgres_dsn) as line, await Terminal().connect(line.address) as terminal:
        assert await terminal.authenticate(code) == 0
        assert line.pipeline.stats.frames == 0


async def test_nothing_is_answered_that_is_not_committed(private_postgres: PostgresServer) -> None:
    dsn = private_postgres.dsn()
    async with Line(dsn) as line, await line.terminal() as terminal:
        terminal.send(0x0200, position(time=at(0)))
        await terminal.reply()
        private_postgres.stop()
        sent = [terminal.send(0x0200, position(time=at(second))) for second in range(1, 4)]
        heartbeat = terminal.send(0x0002)
        assert (await terminal.reply()).general == (heartbeat, 0x0002, 0), "the connection lives on"
        await line.until(lambda: line.pipeline.store_condition.failures >= 2)
        assert await terminal.quiet()
        private_postgres.start()
        assert [(await terminal.reply()).general for _ in sent] == [(serial, 0x0200, 0) for serial in sent]
    assert len(contents(dsn)["fixes"]) == 4


async def test_what_was_not_answered_comes_again_and_is_one_row(private_postgres: PostgresServer) -> None:
    """The connection dies with messages unanswered; the terminal sends them again, live and in a batch."""
    dsn = private_postgres.dsn()
    bodies = [position(alarm=2, time=at(second)) for second in range(5)]
    async with Line(dsn) as line:
        terminal = await line.terminal()
        terminal.send(0x0200, bodies[0])
        await terminal.reply()
        private_postgres.stop()
        for body in bodies:
            terminal.send(0x0200, body)
        await line.until(lambda: line.pipeline.in_flight == 5)
        terminal.kill()
        await line.until(lambda: len(line.server.tcp) == 0)
        private_postgres.start()
        async with await line.terminal() as again:
            for body in bodies:
                again.send(0x0200, body)
            again.send(0x0704, batch(bodies))
            for _ in range(6):
                assert (await again.reply()).general[2] == 0
    stored = contents(dsn)
    assert len(stored["fixes"]) == len(stored["events"]) == len(stored["readings"]) == 5


async def test_a_terminal_without_a_clock_that_repeats_itself_is_one_row(postgres_dsn: str) -> None:
    framed = frame(0x0200, position(time="000000000000"), 500)
    async with Line(postgres_dsn) as line:
        for _ in range(2):
            async with await line.terminal() as terminal:
                terminal.write(framed)
                assert (await terminal.reply()).general == (500, 0x0200, 0)
    stored = contents(postgres_dsn)
    assert len(stored["fixes"]) == len(stored["readings"]) == 1
    assert stored["fixes"][0][7] == 1, "marked: the clock is absent"


async def test_five_hundred_terminals_at_once(postgres_dsn: str) -> None:
    """Each registers, authenticates, and sends a backlog of ten; the intake is smaller than their sum."""

    async def speak(line: Line, number: int) -> None:
        async with await line.terminal(f"{13_000_000_000 + number:012}") as terminal:
            for first in range(0, 10, 5):
                terminal.send(0x0704, batch([position(time=at(first + second)) for second in range(5)]))
            for _ in range(2):
                assert (await terminal.reply()).general[2] == 0

    async with Line(postgres_dsn, Bounds(max_in_flight=200)) as line:
        async with asyncio.timeout(120):
            await asyncio.gather(*(speak(line, number) for number in range(500)))
        assert line.server.tcp.accepted == 500
    stored = contents(postgres_dsn, tables=["fixes"])["fixes"]
    assert len(stored) == 5_000
    assert len({row[0] for row in stored}) == 500


async def test_a_flood_is_held_and_loses_nothing(private_postgres: PostgresServer) -> None:
    """While the store is away a terminal with a long backlog is not read; others still get their heartbeats."""
    dsn = private_postgres.dsn()
    limits = TcpLimits(chunk_bytes=1_024)
    async with (
        Line(dsn, in_flight=50, limits=limits) as line,
        await line.terminal() as flood,
        await line.terminal("013900139000") as other,
    ):
        private_postgres.stop()
        for second in range(1_000):
            flood.send(0x0200, position(time=at(second)))
        await line.until(lambda: line.pipeline.in_flight == 50)
        serial = other.send(0x0002)
        assert (await other.reply()).general == (serial, 0x0002, 0)
        serial = other.send(0x0200, position(time=at(0)))
        await line.until(lambda: line.pipeline.in_flight == 51)
        private_postgres.start()
        assert (await other.reply()).general == (serial, 0x0200, 0)
        for _ in range(1_000):
            assert (await flood.reply()).general[2] == 0
    assert len(contents(dsn)["fixes"]) == 1_001


async def test_a_backfill_takes_turns_and_leaves_room_to_the_live(private_postgres: PostgresServer) -> None:
    """While nothing is committed only so many batches are taken, of all connections; live positions pass them by."""
    dsn = private_postgres.dsn()
    backlogs = [f"{13_100_000_000 + number:012}" for number in range(10)]
    async with Line(dsn) as line, await line.terminal() as live:
        back = [await line.terminal(phone) for phone in backlogs]
        private_postgres.stop()
        for terminal in back:
            for first in range(0, 40, 2):
                terminal.send(0x0704, batch([position(time=at(first + second)) for second in range(2)]))
        await line.until(lambda: line.pipeline.in_flight == IN_FLIGHT)
        heartbeat = live.send(0x0002)
        assert (await live.reply()).general == (heartbeat, 0x0002, 0)
        serial = live.send(0x0200, position(time=at(0)))
        await line.until(lambda: line.pipeline.in_flight == IN_FLIGHT + 1)
        back[-1].kill()  # one that waits for its turn goes away
        private_postgres.start()
        assert (await live.reply()).general == (serial, 0x0200, 0)
        for terminal in back[:-1]:
            for _ in range(20):
                assert (await terminal.reply()).general[1:] == (0x0704, 0)
            await terminal.__aexit__()
        await line.until(lambda: line.pipeline.in_flight == 0)
        assert line.server.backlog.has_room
    assert len(contents(dsn)["fixes"]) >= 9 * 40 + 1


async def test_a_full_intake_stops_reading_and_goes_on(private_postgres: PostgresServer) -> None:
    dsn = private_postgres.dsn()
    async with (
        Line(dsn, Bounds(max_in_flight=20)) as line,
        await line.terminal() as one,
        await line.terminal("013900139000") as two,
    ):
        private_postgres.stop()
        for second in range(100):
            one.send(0x0200, position(time=at(second)))
            two.send(0x0200, position(time=at(second)))
        await line.until(lambda: not line.pipeline.has_room)
        assert line.pipeline.in_flight <= 20
        private_postgres.start()
        for terminal in (one, two):
            for _ in range(100):
                assert (await terminal.reply()).general[2] == 0
    assert len(contents(dsn)["fixes"]) == 200


async def test_bad_frames_cost_themselves(postgres_dsn: str) -> None:
    async with Line(postgres_dsn) as line, await line.terminal() as terminal:
        wrong = bytearray(frame(0x0200, position(time=at(0)), 50))
        wrong[-2] ^= 1
        terminal.write(bytes(wrong) + b"\x00garbage\x7e")
        bad = terminal.send(0x0200, b"short")
        assert (await terminal.reply()).general == (bad, 0x0200, 2)
        coded = frame(0x0200, position(time=at(0)), 60, bits=0x0400)
        terminal.write(coded)
        assert (await terminal.reply()).general == (60, 0x0200, 2)
        terminal.write(frame(0x0200, position(time=at(0)), 61, part=(2, 3)))
        unknown = terminal.send(0x0F0F, b"?")
        assert (await terminal.reply()).general == (unknown, 0x0F0F, 3)
        partly = terminal.send(0x0200, position(time=at(1)) + b"\x01\x04")
        assert (await terminal.reply()).general == (partly, 0x0200, 0)
        assert line.server.dropped == {"checksum": 1, "malformed": 1, "header": 1}
        await line.until(lambda: line.pipeline.in_flight == 0)
    letters = dead_letters(postgres_dsn)
    assert [code for code, _ in letters] == ["malformed", "malformed", "malformed", "invalid"]
    assert letters[3][1] == "item 0x01: 0 bytes, its length says 4"
    assert len(contents(postgres_dsn)["fixes"]) == 1


async def test_limits_of_connections(postgres_dsn: str) -> None:
    limits = TcpLimits(connections=3, per_address=2)
    async with Line(postgres_dsn, limits=limits) as line:
        async with await line.terminal() as first, await line.terminal("013900139000"):
            async with await Terminal().connect(line.address) as third:
                assert await third.ended()
            assert line.server.tcp.dropped == {"address": 1}
            serial = first.send(0x0002)
            assert (await first.reply()).general == (serial, 0x0002, 0)
        await line.until(lambda: len(line.server.tcp) == 0)
        async with await line.terminal():
            pass


async def test_a_listener_makes_room_for_its_connections(postgres_dsn: str) -> None:
    """A process begins with 1,024 open files on most systems, which is not what the settings promise."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = min(512, before[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, before[1]))
    try:
        async with Line(postgres_dsn, limits=TcpLimits(connections=2_000)):
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(2_256, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_the_silent_and_those_without_a_name_are_cut_off(postgres_dsn: str) -> None:
    limits = TcpLimits(idle_s=600, newcomer_s=0.1)
    async with Line(postgres_dsn, limits=limits) as line, await line.terminal() as known:
        async with await Terminal().connect(line.address) as stranger:
            assert await stranger.ended()
        assert line.server.tcp.dropped == {"unauthenticated": 1}
        serial = known.send(0x0002)
        assert (await known.reply()).general == (serial, 0x0002, 0)
    limits = TcpLimits(idle_s=0.1)
    async with Line(postgres_dsn, limits=limits) as line, await line.terminal() as known:
        assert await known.ended()
        assert line.server.tcp.dropped == {"idle": 1}


async def test_a_terminal_that_reads_nothing_is_cut_off(postgres_dsn: str) -> None:
    async with Line(postgres_dsn, limits=TcpLimits(unsent_bytes=1_024)) as line, await line.terminal() as deaf:
        deaf._writer.transport.pause_reading()  # type: ignore[attr-defined]
        beats = b"".join(frame(0x0002, b"", serial) for serial in range(1_000))
        async with asyncio.timeout(60):
            while len(line.server.tcp):
                deaf.write(beats)
                try:
                    await deaf.drain()
                except ConnectionError:
                    break
        await line.until(lambda: line.server.tcp.dropped["unread"] == 1)


async def test_text_for_a_driver(postgres_dsn: str) -> None:
    async with Line(postgres_dsn) as line, await line.terminal() as terminal:
        told = asyncio.create_task(line.server.send_text(PHONE, "前方施工，请绕行"))
        asked = await terminal.reply()
        assert (asked.message_id, asked.body[1:].decode("gbk")) == (0x8300, "前方施工，请绕行")
        answer = asked.serial.to_bytes(2, "big") + b"\x83\x00"
        other = ((asked.serial + 1) & 0xFFFF).to_bytes(2, "big") + b"\x83\x00\x01"
        terminal.send(0x0001, other)
        terminal.send(0x0001, answer + b"\x00")
        assert await told == 0
        with pytest.raises(DownlinkError, match="no answer within 0 s"):
            await line.server.send_text(PHONE, "x", timeout_s=0)
        with pytest.raises(DownlinkError, match="not connected"):
            await line.server.send_text("013900139000", "x")
        with pytest.raises(ValueError, match="not in GBK"):
            await line.server.send_text(PHONE, "🚛")
        lost = asyncio.create_task(line.server.send_text(PHONE, "noch da?"))
        await terminal.reply()
        await terminal.reply()
        terminal.kill()
        with pytest.raises(DownlinkError, match="went away"):
            await lost
        await line.until(lambda: not line.server.terminals)


async def test_text_as_a_command(postgres_dsn: str) -> None:
    """By the identities of a device, and only while its terminal is connected; done is what the terminal confirmed."""
    device = Device(1, "sweeper-07", "vehicle", "active")
    identities = (Identity("id", "sweeper-07"), Identity("jt808_phone", PHONE))
    async with Line(postgres_dsn) as line:
        server = line.server
        assert isinstance(server, Commandable)
        assert server.reaches(device, identities) == ()
        with pytest.raises(CommandError, match="jt808 sweeper-07: not connected"):
            await server.command(device, identities, "text", {"text": "x"})
        async with await line.terminal() as terminal:
            assert server.reaches(device, identities) == ("text",)
            assert server.reaches(device, identities[:1]) == ()
            for result in (0, 3, 9):
                arguments = {"text": "前方施工", "urgent": True, "speak": False}
                told = asyncio.create_task(server.command(device, identities, "text", arguments))
                asked = await terminal.reply()
                assert (asked.message_id, asked.body) == (0x8300, b"\x05" + "前方施工".encode("gbk"))
                terminal.send(0x0001, asked.serial.to_bytes(2, "big") + b"\x83\x00" + bytes((result,)))
                if result == 0:
                    assert await told == {"result": 0}
                    continue
                with pytest.raises(CommandError, match=f"answered {result}"):
                    await told
            for name, bad in (("set", {}), ("text", {}), ("text", {"text": 5}), ("text", {"text": "x", "loud": True})):
                with pytest.raises(ValueError, match=r"command: expected text|text: Object|text: Expected"):
                    await server.command(device, identities, name, bad)
        await line.until(lambda: server.reaches(device, identities) == ())


async def test_a_terminal_that_comes_back_is_reached_at_its_new_connection(postgres_dsn: str) -> None:
    async with Line(postgres_dsn) as line, await line.terminal() as old, await line.terminal() as new:
        old.kill()
        await line.until(lambda: len(line.server.tcp) == 1)
        told = asyncio.create_task(line.server.send_text(PHONE, "x"))
        asked = await new.reply()
        new.send(0x0001, asked.serial.to_bytes(2, "big") + b"\x83\x00\x00")
        assert await told == 0
        serial = new.send(0x0003)
        assert (await new.reply()).general == (serial, 0x0003, 0)
        assert line.server.terminals == {}


async def test_an_orderly_end_answers_what_it_has_committed(postgres_dsn: str) -> None:
    async with Line(postgres_dsn) as line:
        terminal = await line.terminal()
        sent = [terminal.send(0x0200, position(time=at(second))) for second in range(50)]
        await line.until(lambda: line.server.received == 52)
    for serial in sent:
        assert (await terminal.reply()).general == (serial, 0x0200, 0)
    assert await terminal.ended()
    await terminal.__aexit__()
    assert len(contents(postgres_dsn)["fixes"]) == 50


async def test_the_hub_is_killed_and_the_terminal_sends_again(
    postgres_dsn: str, nats_broker: NatsServer, tmp_path: Path
) -> None:
    """The hub as its own process, on its own loop: the code it gave out holds at its next start."""
    section = '[[jt808]]\nname = "vehicles"\nport = 0\ninputs = { "2a.0" = "lift" }\n'
    hub = HubProcess(tmp_path, postgres_dsn, f"{mqtt_section(nats_broker.address)}\n{section}")
    bodies = [position(time=at(second), items=[(0x2A, b"\x00\x01")]) for second in range(20)]

    def address() -> tuple[str, int]:
        found = re.search(r"JT/T 808 vehicles +([0-9.]+):(\d+)", hub.text())
        assert found is not None, hub.text()
        return found[1], int(found[2])

    try:
        hub.start()
        terminal = await Terminal().connect(address())
        await terminal.enter()
        for body in bodies:
            terminal.send(0x0200, body)
        await terminal.reply()
        hub.kill()
        await terminal.__aexit__()
        hub.start()
        async with await Terminal().connect(address()) as again:
            assert await again.authenticate(terminal.code) == 0
            again.send(0x0704, batch(bodies))
            assert (await again.reply()).general[1:] == (0x0704, 0)
            metrics = hub.get("/metrics").text
            assert 'sanihub_jt808_connections{listener="vehicles"} 1' in metrics
        assert hub.stop() == 0
    finally:
        hub.kill()
    stored = contents(postgres_dsn)
    assert len(stored["fixes"]) == 20
    assert len([row for row in stored["readings"] if row[1] in ("ignition", "lift")]) == 40
    assert oct((tmp_path / "data" / "secret").stat().st_mode)[-3:] == "600"


async def test_an_address_that_is_taken_is_a_config_error(postgres_dsn: str) -> None:
    async with Line(postgres_dsn) as line:
        second = Jt808Server(Jt808Listener("second", GATE, port=line.address[1]), line.pipeline)
        with pytest.raises(ConfigError, match=r"cannot listen at 127\.0\.0\.1"):
            await second.run()


def test_a_decoder_takes_the_switches_of_its_listener() -> None:
    decoder = Jt808Decoder(Catalogue(), {"sweepers": (Input(0x2A, 0, "brush"),)})
    content = bytes.fromhex(frame(0x0200, position(items=[(0x2A, b"\x00\x01")])).hex()[2:-2])
    for source, expected in (("sweepers", {"ignition": 1.0, "brush": 1.0}), ("lorries", {"ignition": 1.0})):
        (uplink,) = decoder(Frame(NAME, source, "peer", content, 0)).uplinks
        assert uplink.readings == expected
