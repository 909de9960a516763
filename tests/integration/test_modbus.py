"""Modbus against pymodbus' own server: over TCP, over a serial line, and RTU over TCP; into a real database."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
import uvloop
from pymodbus.constants import ExcCodes
from structlog.testing import capture_logs

from devices.metrics import Catalogue
from devices.registry import Registry
from devices.vocabulary import Device, Frame, Identity
from ingest.adapters.modbus.plugin import NAME, ModbusBus, connect, decoder
from ingest.adapters.modbus.settings import ModbusSection
from ingest.assembly import Assembler, IntakeRules
from ingest.pipeline import Pipeline
from ingest.plugin import Tools, Wiring
from ingest.ports import CommandError, NoAnswerError
from ingest.spool import Spool
from ingest.spool_feed import feed
from ingest.wire.modbus.frames import rtu_frame
from ingest.wire.modbus.poll import Poll, poll_of
from tests.intake import contents, dead_letters, make_store
from tests.modbus import Controller, Gateway, SerialGateway, free_port, map_file, toilet_registers
from tests.servers import PostgresServer

KINDS = ["tcp", "rtu-over-tcp", "rtu"]
QUICK: dict[str, Any] = {"timeout_s": 0.4, "probe_timeout_s": 0.1}
ME = Device(1, "toilet-1", "toilet")


class Recorder:
    """An intake that commits everything and remembers the polls, by device."""

    def __init__(self) -> None:
        self.healthy = True
        self.has_room = True
        self.frames: list[Frame] = []
        self.polls: dict[str, list[Poll]] = {}

    def offer(self, frame: Frame, delivery: Any) -> None:
        self.frames.append(frame)
        self.polls.setdefault(frame.channel.partition("/")[0], []).append(poll_of(frame.payload))

    def on_room(self, listener: Callable[[], None]) -> None:
        pass

    def answers(self, device: str) -> int:
        return sum(bool(poll.blocks) for poll in self.polls.get(device, []))

    def told(self, device: str) -> list[bool]:
        return [poll.online for poll in self.polls.get(device, []) if poll.online is not None]


def gateway_for(kind: str, controllers: Sequence[Controller], silent: Sequence[int] = ()) -> Gateway:
    return SerialGateway(controllers, silent) if kind == "rtu" else Gateway(controllers, silent, rtu=kind != "tcp")


def section(gateway: Gateway, kind: str = "tcp", *, period_s: float = 0.3, **fields: Any) -> ModbusSection:
    where = {"path": gateway.path, "baud": 115_200} if isinstance(gateway, SerialGateway) else {"port": gateway.port}
    units = [
        {"unit": unit, "device": f"toilet-{unit}", "map": fields.pop(f"map_{unit}", "toilet-controller"),
         "period_s": period_s}
        for unit in gateway.controllers
    ]  # fmt: skip
    return ModbusSection.model_validate({"name": "site", "kind": kind, "units": units, **where, **QUICK, **fields})


@asynccontextmanager
async def polling(made: ModbusSection, intake: Any, keep: Callable[[Frame], None] | None = None) -> Any:
    """The bus of a section at work, taken from the plug-in as the hub does it."""
    tools = Tools(Catalogue())
    bus = connect(made, Wiring(intake, keep or (lambda frame: None), lambda: b"", Path(), tools))
    running = asyncio.create_task(bus.run())
    try:
        yield bus
    finally:
        bus.pause_reading()
        await bus.stop()
        await running


@asynccontextmanager
async def serving(handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> Any:
    """A server of one's own; its port. It ends when all its connections have."""
    under_way: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.add(writer)
        try:
            await handle(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            under_way.discard(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await until(lambda: not under_way)
        server.close()
        await server.wait_closed()


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@contextmanager
def logged() -> Iterator[list[Any]]:
    """What is logged about peers, as (event, peer)."""
    structlog.reset_defaults()
    with capture_logs() as lines:
        yield lines


def peers(lines: list[Any], name: str = "modbus site") -> list[str]:
    return [line["event"] for line in lines if line.get("peer") == name]


@pytest.mark.parametrize("kind", KINDS)
async def test_units_are_polled_into_rows(kind: str, postgres_dsn: str) -> None:
    controllers = [Controller(1), Controller(2, toilet_registers(at_0=0xFFFE, at_2=1001))]
    store = make_store(postgres_dsn)
    async with gateway_for(kind, controllers) as gateway:
        made = section(gateway, kind, period_s=1)
        decoders = {NAME: decoder([made], Tools(Catalogue()))}
        pipeline = Pipeline(store, Assembler(store, Registry(), decoders, IntakeRules()))
        carrying = asyncio.create_task(pipeline.run())
        async with polling(made, pipeline) as bus:
            await until(lambda: pipeline.stats.frames >= 2 and pipeline.in_flight == 0)
            assert bus.standing().connected
        pipeline.stop()
        await carrying
    await store.close()
    found = contents(postgres_dsn)
    first = {metric: value for device, metric, _, value, *_ in found["readings"] if device == "toilet-1"}
    assert (first["nh3_ppm"], first["temperature_c"], first["people_in"], first["fan"]) == (1.0, 21.5, 1200.0, 0.0)
    assert len(first) == 19
    second = {metric for device, metric, *_ in found["readings"] if device == "toilet-2"}
    assert second == set(first) - {"nh3_ppm", "humidity_pct"}
    assert [(device, kind) for device, kind, *_ in found["events"]] == [("toilet-1", "online"), ("toilet-2", "online")]
    assert dead_letters(postgres_dsn) == [
        ("invalid", "humidity_pct: 100.1 is outside 0..100 % (input register 2, 0x03E9)")
    ]


@pytest.mark.parametrize("kind", KINDS)
async def test_dead_units_do_not_hold_the_living_ones(kind: str) -> None:
    """Beside a bus of living units alone: what the machine costs both is the same."""
    numbers = range(1, 11)
    dead = [2, 5, 9]
    async with AsyncExitStack() as stack:
        mixed = await stack.enter_async_context(gateway_for(kind, [Controller(n) for n in numbers], dead))
        sound = await stack.enter_async_context(gateway_for(kind, [Controller(n) for n in numbers if n not in dead]))
        with_dead, without = Recorder(), Recorder()
        made = {"period_s": 0.6, "timeout_s": 2.0}
        await stack.enter_async_context(polling(section(mixed, kind, **made), with_dead))
        await stack.enter_async_context(polling(section(sound, kind, **made), without))
        living = [f"toilet-{n}" for n in numbers if n not in dead]
        await until(lambda: all(r.answers(one) for r in (with_dead, without) for one in living))
        before = {one: (with_dead.answers(one), without.answers(one)) for one in living}
        await until(lambda: all(without.answers(one) - before[one][1] >= 8 for one in living))
        least = min(without.answers(one) - before[one][1] for one in living)
        for one in living:
            assert with_dead.answers(one) - before[one][0] >= least - 1, one
        assert all(mixed.heard[n] for n in dead)
        assert all(not with_dead.answers(f"toilet-{n}") for n in dead)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_unit_that_stops_and_comes_back_is_told_once_each_way(kind: str) -> None:
    recorder = Recorder()
    async with gateway_for(kind, [Controller(1), Controller(2)]) as gateway:
        with logged() as lines:
            async with polling(section(gateway, kind), recorder):
                await until(lambda: recorder.answers("toilet-2") >= 2)
                gateway.silent.add(2)
                await until(lambda: recorder.told("toilet-2") == [True, False])
                count = recorder.answers("toilet-1")
                await until(lambda: recorder.answers("toilet-1") >= count + 3)
                gateway.silent.clear()
                await until(lambda: recorder.told("toilet-2") == [True, False, True])
                await until(lambda: recorder.answers("toilet-2") >= 4)
    assert recorder.told("toilet-1") == [True]
    assert recorder.told("toilet-2") == [True, False, True]
    assert peers(lines, "modbus site unit 2 (toilet-2)") == ["peer_away", "peer_back"]
    assert peers(lines) == []


async def test_a_gateway_that_says_that_a_unit_is_not_there_counts_as_its_silence() -> None:
    controller = Controller(2)
    recorder = Recorder()
    async with Gateway([Controller(1), controller]) as gateway, polling(section(gateway), recorder) as bus:
        await until(lambda: recorder.told("toilet-2") == [True])
        controller.refuse[0] = ExcCodes.GATEWAY_NO_RESPONSE
        controller.refuse_all = True
        await until(lambda: recorder.told("toilet-2") == [True, False])
        assert bus.standing().connected


async def test_a_bus_that_is_away_is_told_once_and_polled_on_when_it_is_back() -> None:
    gateway = await Gateway([Controller(1), Controller(2)]).start()
    recorder = Recorder()
    with logged() as lines:
        async with polling(section(gateway), recorder) as bus:
            await until(lambda: recorder.answers("toilet-1") and recorder.answers("toilet-2"))
            await gateway.stop()
            await until(lambda: not bus.standing().connected)
            await until(lambda: recorder.told("toilet-1") == [True, False] == recorder.told("toilet-2"))
            assert "Connect call failed" in bus.standing().fault or "lost" in bus.standing().fault
            await gateway.start()
            await until(lambda: recorder.told("toilet-1") == [True, False, True] == recorder.told("toilet-2"))
            assert bus.standing().connected
    await gateway.stop()
    assert peers(lines) == ["peer_away", "peer_back"]


async def test_a_serial_port_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    async with SerialGateway([Controller(1)]) as gateway:
        port, there = gateway.path, tmp_path / "ttyUSB0"
        gateway.path = str(there)
        recorder = Recorder()
        with logged() as lines:
            async with polling(section(gateway, "rtu"), recorder) as bus:
                await until(lambda: not bus.standing().connected)
                assert "No such file" in bus.standing().fault
                there.symlink_to(port)
                await until(lambda: recorder.answers("toilet-1"))
        assert peers(lines) == ["peer_away", "peer_back"]


async def test_a_device_that_lets_one_connection_in_is_read_all_the_same() -> None:
    """The connection for silent units is thrown out; they are asked by the other one."""
    gateway = await Gateway([Controller(1), Controller(2)], {2}).start()
    taken: list[asyncio.StreamWriter] = []

    async def admit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if any(not other.is_closing() for other in taken):
            return
        taken.append(writer)
        behind_reader, behind = await asyncio.open_connection("127.0.0.1", gateway.port)
        await asyncio.gather(_pipe(reader, behind), _pipe(behind_reader, writer))

    recorder = Recorder()
    with logged() as lines:
        async with serving(admit) as port, polling(section(gateway, port=port), recorder):
            await until(lambda: recorder.told("toilet-2") == [False])
            gateway.silent.clear()
            await until(lambda: recorder.told("toilet-2") == [False, True])
            await until(lambda: recorder.answers("toilet-1") >= 3)
    assert peers(lines) == []
    assert peers(lines, "modbus site connection 2")[:1] == ["peer_away"]
    await gateway.stop()


NOISE = [
    ("rtu-over-tcp", b"\x00" * 40),
    ("tcp", b"\xff" * 400),
    ("tcp", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    ("tcp", bytes.fromhex("000100000003016300")),  # a sound frame with a function that nobody knows
]


@pytest.mark.parametrize(("kind", "noise"), NOISE)
async def test_a_peer_that_speaks_something_else_does_no_harm(kind: str, noise: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            writer.write(noise)

    nobody = Gateway([Controller(1), Controller(2)])
    recorder = Recorder()
    async with serving(answer) as port, polling(section(nobody, kind, port=port), recorder):
        await until(lambda: recorder.told("toilet-1") == [False] == recorder.told("toilet-2"))
    assert recorder.answers("toilet-1") == 0


async def test_noise_on_the_line_before_an_answer_is_passed_over() -> None:
    """RS-485 drivers that turn round late put a byte in front of the frame."""
    registers = toilet_registers()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(8):
            unit, function, address, count = struct.unpack(">BBHH", request[:6])
            data = struct.pack(f">{count}H", *registers[address : address + count])
            if function < 3:
                data = bytes((count + 7) // 8)
            writer.write(b"\0" + rtu_frame(unit, bytes((function, len(data))) + data))

    recorder = Recorder()
    nobody = Gateway([Controller(1)])
    async with serving(answer) as port, polling(section(nobody, "rtu-over-tcp", port=port), recorder) as bus:
        await until(lambda: recorder.answers("toilet-1") >= 2)
        assert ("sanihub_modbus_timeouts_total", 0) in [(one.name, one.value) for one in bus.standing().figures]
    assert len(recorder.polls["toilet-1"][0].blocks) == 5


APART = """
title: three blocks, read as often
groups:
  air: {function: 4, points: [{address: 0, type: u16, metric: nh3_ppm}]}
  supplies: {function: 4, points: [{address: 32, type: u32, metric: water_m3}]}
  status: {function: 2, points: [{address: 1, type: bool, metric: sos, event: sos}]}
"""


async def test_what_a_unit_refuses_is_told_once_and_the_rest_is_read(tmp_path: Path) -> None:
    controller = Controller(1, refuse={32: ExcCodes.ILLEGAL_ADDRESS})
    recorder = Recorder()
    folder = map_file(tmp_path, "apart", APART)
    async with Gateway([controller]) as gateway, polling(section(gateway, map_1="apart", maps=folder), recorder) as bus:
        await until(lambda: recorder.answers("toilet-1") >= 3)
        figures = {figure.name: figure.value for figure in bus.standing().figures}
    blocks = [block for poll in recorder.polls["toilet-1"] for block in poll.blocks]
    refusals = [(block.address, block.count, block.exception) for block in blocks if block.exception is not None]
    assert refusals == [(32, 2, 2)]
    assert figures["sanihub_modbus_exceptions_total"] == controller.asked[4, 32, 2] == 1


async def test_a_unit_that_cannot_be_read_across_a_gap_is_read_without(tmp_path: Path) -> None:
    controller = Controller(1, refuse={2: ExcCodes.ILLEGAL_ADDRESS})
    folder = map_file(tmp_path, "gappy", """
title: t
gap: 10
groups: {g: {function: 4, points: [
  {address: 0, type: u16, metric: nh3_ppm}, {address: 4, type: u16, metric: co2_ppm}]}}
""")  # fmt: skip
    recorder = Recorder()
    async with Gateway([controller]) as gateway, polling(section(gateway, map_1="gappy", maps=folder), recorder):
        await until(lambda: recorder.answers("toilet-1") >= 2)
    assert controller.asked[4, 0, 5] == 1
    assert all([block.address for block in poll.blocks] in ([], [0, 4]) for poll in recorder.polls["toilet-1"])
    assert not [block for poll in recorder.polls["toilet-1"] for block in poll.blocks if block.exception]


async def test_a_block_that_a_unit_ignores_costs_the_others_nothing_lasting(tmp_path: Path) -> None:
    """Some firmwares leave requests without an answer where they should refuse them."""
    controller = Controller(1)
    recorder = Recorder()
    async with Gateway([controller, Controller(2)]) as gateway:
        gateway.ignores[1] = 32
        made = section(gateway, timeout_s=0.2, map_1="apart", maps=map_file(tmp_path, "apart", APART))
        async with polling(made, recorder):
            await until(lambda: recorder.answers("toilet-1") >= 3 and recorder.answers("toilet-2") >= 3)
    assert gateway.ignored[1] == 1
    assert recorder.told("toilet-1") == [True]


async def test_bits_that_change_are_events(tmp_path: Path) -> None:
    controller = Controller(1)
    recorder = Recorder()
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(Gateway([controller]))
        made = section(gateway, map_1="apart", maps=map_file(tmp_path, "apart", APART))
        await stack.enter_async_context(polling(made, recorder))
        await until(lambda: recorder.answers("toilet-1") >= 1)
        controller.bits[1] = True
        await until(lambda: any(poll.before for poll in recorder.polls["toilet-1"]))
    decode = decoder([made], Tools(Catalogue()))
    events = [
        event.kind for frame in recorder.frames for uplink in decode(frame).uplinks for event in uplink.occurrences
    ]
    assert events == ["online", "sos"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_point_is_written_and_confirmed(kind: str, tmp_path: Path) -> None:
    controller = Controller(1)
    folder = map_file(tmp_path, "mine", """
title: t
groups: {g: {function: 3, points: [{address: 2, type: s16, metric: temperature_c, scale: 0.1}]}}
writes:
  fan: {function: 5, address: 3, type: bool}
  target: {function: 6, address: 2, type: s16, scale: 0.1, low: 5, high: 35}
  level: {function: 16, address: 4, type: u32, low: 0, high: 100000}
""")  # fmt: skip
    recorder = Recorder()
    async with gateway_for(kind, [controller, Controller(2)]) as gateway:
        made = section(gateway, kind, map_1="mine", maps=folder, period_s=30)
        async with polling(made, recorder) as bus:
            await until(lambda: recorder.answers("toilet-1"))
            assert bus.reaches(ME, ()) == ("set",)
            assert await bus.command(ME, (), "set", {"point": "fan", "value": True}) == {"point": "fan", "value": True}
            assert await bus.command(ME, (), "set", {"point": "target", "value": 21.5})
            assert await bus.command(ME, (), "set", {"point": "level", "value": 70_000})
            assert await bus.command(ME, (), "set", {"point": "fan", "value": False})
            await until(lambda: recorder.polls["toilet-1"][-1].blocks[0].words == (215,))  # the next poll, at once
    assert controller.written == [(5, 3, [True]), (6, 2, [215]), (16, 4, [1, 4464]), (5, 3, [False])]


async def test_what_may_not_be_written_is_told_and_not_sent() -> None:
    controller = Controller(1)
    recorder = Recorder()
    async with Gateway([controller]) as gateway, polling(section(gateway), recorder) as bus:
        await until(lambda: recorder.answers("toilet-1"))
        assert bus.reaches(Device(7, "elsewhere", "toilet"), ()) == ()
        assert bus.reaches(Device(7, "elsewhere", "toilet"), [Identity("id", "toilet-1")]) == ("set",)
        for arguments, reason in [
            ({"point": "pump", "value": True}, "point: expected one of fan, light, got 'pump'"),
            ({}, "point: expected one of fan, light, got None"),
            ({"point": "fan", "value": 3}, "value: expected true or false for fan, got 3"),
            ({"point": "fan", "value": True, "at": 3}, "at: unknown; expected point and value"),
        ]:
            with pytest.raises(ValueError) as caught:
                await bus.command(ME, (), "set", arguments)
            assert str(caught.value) == reason
        with pytest.raises(ValueError, match="command: expected set"):
            await bus.command(ME, (), "reboot", {})
    assert controller.written == []
    with pytest.raises(CommandError):
        await bus.command(ME, (), "set", {"point": "fan", "value": True})


async def test_a_unit_that_does_not_confirm_is_an_error() -> None:
    recorder = Recorder()
    refusing = Controller(1)
    refusing.refuse_writes = ExcCodes.DEVICE_BUSY
    async with Gateway([refusing, Controller(2)], {2}) as gateway, polling(section(gateway), recorder) as bus:
        await until(lambda: recorder.answers("toilet-1"))
        with pytest.raises(CommandError, match=r"fan: unit 1: exception 6 \(server device busy\)") as caught:
            await bus.command(ME, (), "set", {"point": "fan", "value": True})
        assert not isinstance(caught.value, NoAnswerError)
        with pytest.raises(NoAnswerError, match="fan: unit 2: no answer within"):
            await bus.command(Device(2, "toilet-2", "toilet"), (), "set", {"point": "fan", "value": True})


async def test_commands_to_a_dead_unit_do_not_hold_the_living_ones() -> None:
    recorder = Recorder()
    async with Gateway([Controller(1), Controller(2)], {2}) as gateway, polling(section(gateway), recorder) as bus:
        await until(lambda: recorder.answers("toilet-1") >= 2)
        dead = Device(2, "toilet-2", "toilet")
        told = [asyncio.create_task(bus.command(dead, (), "set", {"point": "fan", "value": True})) for _ in range(20)]
        count = recorder.answers("toilet-1")
        await until(lambda: recorder.answers("toilet-1") >= count + 5)
        assert not all(task.done() for task in told)
        assert all(isinstance(error, CommandError) for error in await asyncio.gather(*told, return_exceptions=True))


async def test_polls_go_to_the_spool_while_the_store_is_away_and_are_filed_at_their_instant(
    private_postgres: PostgresServer, open_folder: Path
) -> None:
    server = private_postgres
    spool = Spool(open_folder)
    kept: list[Frame] = []

    def keep(frame: Frame) -> None:
        kept.append(frame)
        spool.append(frame)

    with server.database() as dsn:
        store = make_store(dsn)
        async with Gateway([Controller(1)]) as gateway:
            made = section(gateway)
            decoders = {NAME: decoder([made], Tools(Catalogue()))}
            pipeline = Pipeline(store, Assembler(store, Registry(), decoders, IntakeRules()))
            carrying = asyncio.create_task(pipeline.run())
            stop = asyncio.Event()
            feeding = asyncio.create_task(feed(spool, pipeline, stop))
            async with polling(made, pipeline, keep):
                await until(lambda: pipeline.stats.frames >= 1)
                await asyncio.to_thread(server.kill)
                await until(lambda: len(kept) >= 3)
                await asyncio.to_thread(server.start)
                await until(lambda: pipeline.healthy and not spool.waiting and pipeline.in_flight == 0)
            instants = [poll_of(frame.payload).at for frame in kept]
            for frame in kept:  # once more: the spool may hand a frame over twice
                spool.append(frame)
            await until(lambda: not spool.waiting and pipeline.in_flight == 0)
            stop.set()
            pipeline.stop()
            await asyncio.gather(carrying, feeding)
        spool.close()
        await store.close()
        stored = [row for row in contents(dsn, tables=["readings"])["readings"] if row[1] == "power_w"]
    at = [int(row[2].timestamp() * 1e6 + 0.5) if hasattr(row[2], "timestamp") else row[2] for row in stored]
    assert set(instants) <= set(at)
    assert len(at) == len(set(at))
    assert {row[4] for row in stored} == {0}


async def test_the_connection_for_silent_units_is_there_only_while_there_are_any() -> None:
    recorder = Recorder()
    async with Gateway([Controller(1), Controller(2)]) as gateway, polling(section(gateway), recorder):
        await until(lambda: recorder.answers("toilet-1") >= 2 and recorder.answers("toilet-2") >= 2)
        assert gateway.connections == 1
        gateway.silent.add(2)
        await until(lambda: gateway.connections == 2)
        gateway.silent.clear()
        await until(lambda: gateway.connections == 1)


async def test_an_end_in_the_middle_leaves_nothing_behind() -> None:
    recorder = Recorder()
    async with Gateway([Controller(1), Controller(2)], {2}) as gateway:
        async with polling(section(gateway, timeout_s=20, probe_timeout_s=20), recorder) as bus:
            await until(lambda: gateway.heard[2] and gateway.connections)
        assert isinstance(bus, ModbusBus)
        await until(lambda: gateway.connections == 0)


async def test_a_host_that_nobody_listens_at() -> None:
    nobody = Gateway([Controller(1)])
    nobody.port = free_port()
    recorder = Recorder()
    async with polling(section(nobody), recorder) as bus:
        await until(lambda: recorder.told("toilet-1") == [False])
        standing = bus.standing()
        assert not standing.connected
        assert f"tcp 127.0.0.1:{nobody.port}: " in standing.fault
        assert bus.reaches(ME, ()) == ()
        counted = Counter({figure.name: figure.value for figure in standing.figures})
        assert counted["sanihub_modbus_units"] == 1
        assert counted["sanihub_modbus_units_answering"] == 0


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(data)
    writer.close()


def test_a_bus_that_reaches_nobody_can_be_ended() -> None:
    """On the loop that the hub runs on: the end comes while a connection is refused, and must not be lost in it."""

    async def ended() -> bool:
        units = [{"unit": number, "device": f"toilet-{number}", "map": "toilet-controller"} for number in (1, 2)]
        own = {"name": "bus", "kind": "tcp", "host": "127.0.0.1", "port": free_port(), "units": units}
        bus = ModbusBus(ModbusSection.model_validate(own), Recorder(), lambda _: None)
        running = asyncio.create_task(bus.run())
        with capture_logs() as logs:
            while not any(entry["event"] == "peer_away" for entry in logs):
                await asyncio.sleep(0.001)
            await bus.stop()
        done, _ = await asyncio.wait({running}, timeout=10)
        return bool(done)

    assert all(uvloop.run(ended()) for _ in range(3))
