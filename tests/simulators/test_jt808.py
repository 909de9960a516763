from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import uvloop

from simulators.city.observation import SECOND, Observation
from simulators.message import Message
from simulators.speakers.jt808 import Jt808Speaker
from simulators.speakers.jt808_frames import Ear, Fitting, bcd_time, framed, position, registration
from simulators.speakers.jt808_terminal import Habits
from simulators.speakers.lines import Peer
from tests.terminal import Reply, escaped

START = 1_795_392_000_000_000  # 2026-11-23 08:00:00 in GMT+8
QUICK = Habits(answer_s=0.05)
FIX = {
    "lat": 30.58,
    "lon": 114.3,
    "altitude_m": 25.4,
    "speed_kmh": 8.44,
    "heading_deg": 271.6,
    "satellites": 14,
    "constellations": ["GPS", "BDS"],
    "valid": True,
}
READINGS = {"speed_kmh": 8.4, "mileage_km": 100.46, "ignition": 1, "fuel_pct": 50.0, "pto": 1, "brush": 1, "spray": 0}


def observation(number: int = 0, **changes: Any) -> Observation:
    plain = Observation("vehicle-0001", "vehicle", number + 1, START + number * SECOND, READINGS, FIX)
    return msgspec.structs.replace(plain, **changes)


def fitting(device_id: str) -> Fitting:
    if device_id == "vehicle-0002":
        return Fitting("00000000013800138001", 2019)
    return Fitting("013800138000")


class Platform:
    """A platform on a real socket, which answers as it is told to."""

    def __init__(self) -> None:
        self.positions: list[bytes] = []
        self.serials: list[int] = []
        self.heard: list[int] = []
        self.noise = 0
        self.codes: list[bytes] = []
        self.silent = 0  #: how many positions go without an answer
        self.results: list[int] = []  #: for the next positions; then 0
        self.forget = False  #: whether codes are not known any more
        self.writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()
        await self._server.wait_closed()

    def say(self, heard: Reply, message_id: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        modern = len(heard.phone) == 20
        properties = len(body) | (0x4000 if modern else 0)
        head = message_id.to_bytes(2, "big") + properties.to_bytes(2, "big") + (b"\x01" if modern else b"")
        writer.write(escaped(head + bytes.fromhex(heard.phone) + b"\0\x07" + body))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                piece = (await reader.readuntil(b"\x7e"))[:-1]
                if not piece:
                    continue
                try:
                    heard = Reply(b"\x7e" + piece + b"\x7e")
                except (AssertionError, IndexError):
                    self.noise += 1
                else:
                    self._answer(heard, writer)
        writer.close()

    def _answer(self, heard: Reply, writer: asyncio.StreamWriter) -> None:
        serial = heard.serial.to_bytes(2, "big")
        self.heard.append(heard.message_id)
        result = 0
        if heard.message_id == 0x0001:
            return
        if heard.message_id == 0x0100:
            self.forget = False
            self.say(heard, 0x8100, serial + b"\0" + b"code of " + heard.phone.encode(), writer)
            return
        if heard.message_id == 0x0102:
            self.codes.append(heard.body)
            result = int(self.forget)
        if heard.message_id in (0x0200, 0x0704):
            if self.silent:
                self.silent -= 1
                self.serials.append(heard.serial)
                return
            result = self.results.pop(0) if self.results else 0
            if result == 0:
                self.serials.append(heard.serial)
                self.positions += [heard.body] if heard.message_id == 0x0200 else parts(heard.body)
        self.say(heard, 0x8001, serial + heard.message_id.to_bytes(2, "big") + bytes((result,)), writer)


def parts(body: bytes) -> list[bytes]:
    assert body[2] == 1
    found, at = [], 3
    while at < len(body):
        length = int.from_bytes(body[at : at + 2], "big")
        found.append(body[at + 2 : at + 2 + length])
        at += 2 + length
    assert int.from_bytes(body[:2], "big") == len(found)
    return found


def times(positions: list[bytes]) -> list[str]:
    return [body[22:28].hex() for body in positions]


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    platform = Platform()
    await platform.start()
    yield platform
    await platform.stop()


@contextlib.asynccontextmanager
async def fleet(platform: Platform, habits: Habits = QUICK, window: int = 100) -> AsyncIterator[Jt808Speaker]:
    peer = Peer("127.0.0.1", platform.port, tick_s=0.01, backoff_s=0.01, backoff_limit_s=0.05)
    async with asyncio.timeout(30), Jt808Speaker(peer, fitting, habits, window) as speaker:
        yield speaker


def test_a_heartbeat_as_the_protocol_page_gives_it() -> None:
    assert framed(0x0002, b"", 1, Fitting("013800138000")).hex() == "7e000200000138001380000001a97e"


def test_a_position_byte_for_byte() -> None:
    assert position(observation(), Fitting("013800138000")).hex() == "".join(
        (
            "00000000",  # no alarm
            "000c0003",  # GPS, BeiDou; fixed, ignition
            "01d29d20",  # 30 580 000
            "06d01460",  # 114 300 000
            "0019",  # 25 m
            "0054",  # 8.4 km/h
            "0110",  # 272 degrees
            "261123080000",
            "0104000003ed",  # 100.5 km
            "02020320",  # half of 160 L
            "03020054",
            "2a02000c",  # pto and brush: bits 2 and 3
            "300118",  # 10 + 1004 % 22
            "31010e",
        )
    )


def test_signs_alarms_and_a_lost_fix() -> None:
    south = {**FIX, "lat": -30.58, "lon": -114.3, "valid": False}
    told = observation(fix=south, readings={"speed_kmh": 61.0, "lift": 1}, events=({"kind": "sos"},))
    body = position(told, Fitting("013800138000"))
    assert body[:16].hex() == "00000003" + "0000000c" + "01d29d20" + "06d01460"
    assert bytes.fromhex("250400008000") in body
    assert position(observation(), Fitting("1", 2011))[4:8].hex() == "00000003", "2011 has no bits of systems"


def test_the_lengths_of_a_registration() -> None:
    plate = len("鄂A00000".encode("gbk"))
    for edition, fields in ((2011, 5 + 8 + 7), (2013, 5 + 20 + 7), (2019, 11 + 30 + 30)):
        assert len(registration(Fitting("013800138000", edition))) == 4 + fields + 1 + plate


def test_escapes_and_the_second_that_an_instant_lies_in() -> None:
    assert framed(0x0002, b"\x7d\x7e", 1, Fitting("013800138000"))[13:-2] == b"\x7d\x01\x7d\x02"
    assert bcd_time(START + 999_999).hex() == "261123080000"
    with pytest.raises(ValueError, match="at most 1023"):
        framed(0x0200, bytes(1_024), 1, Fitting("013800138000"))


def test_the_ear_reads_any_cut_and_drops_noise() -> None:
    frame = escaped(bytes.fromhex("8001 0005 013800138000 7d7e 0001 0200 00".replace(" ", "")))
    stream = b"noise" + frame + b"\x7e" + frame[:-3] + b"\0\0\x7e" + frame
    for size in (1, 3, len(stream)):
        ear = Ear()
        heard = [found for at in range(0, len(stream), size) for found in ear.feed(stream[at : at + size])]
        assert [(found.message_id, found.serial, found.body.hex()) for found in heard] == [
            (0x8001, 0x7D7E, "0001020000")
        ] * 2


async def test_a_day_of_two_editions(platform: Platform) -> None:
    async with fleet(platform) as speaker:
        for device_id in ("vehicle-0001", "vehicle-0002"):
            await speaker.greet(device_id)
            await speaker.publish(Message(device_id, START, (observation(),)))
            await speaker.publish(Message(device_id, START, tuple(observation(number) for number in range(1, 41))))
        await speaker.drain()
        assert (speaker.tally.acknowledged, speaker.tally.in_flight, speaker.online) == (4, 0, 2)
    assert sorted(platform.codes) == [
        b"\x1ccode of 00000000013800138001" + b"000013800138001" + b"simulated 1".ljust(20, b"\0"),
        b"code of 013800138000",
    ]
    own = [body for body in platform.positions if len(body) > 28]
    assert sorted(times(own)) == sorted(f"2611230800{number:02}" for number in range(41) for _ in range(2))


async def test_what_is_not_answered_comes_again_under_its_serial_and_then_anew(platform: Platform) -> None:
    platform.silent = 12  # more than all resends on one connection
    async with fleet(platform) as speaker:
        await speaker.publish(Message("vehicle-0001", START, (observation(),)))
        await speaker.publish(Message("vehicle-0001", START, (observation(1),)))
        await speaker.drain()
        assert speaker.tally.acknowledged == 2
        assert speaker.terminals["vehicle-0001"].connections >= 2
    assert set(platform.serials) == {platform.serials[0], platform.serials[0] + 1}
    assert times(platform.positions)[:2] == ["261123080000", "261123080001"]


async def test_a_platform_that_goes_away_loses_nothing_and_finds_the_order(platform: Platform) -> None:
    async with fleet(platform) as speaker:
        for number in range(200):
            await speaker.publish(Message("vehicle-0001", START, (observation(number % 60),)))
            if number in (50, 120):
                while platform.heard.count(0x0200) < number // 2:
                    await asyncio.sleep(0.001)
                await platform.stop()
                await platform.start()
        await speaker.drain()
        assert speaker.tally.acknowledged == 200
    seen = list(dict.fromkeys(platform.serials))
    assert seen == sorted(seen)
    assert len(seen) == 200


async def test_off_means_offline_until_the_next_message(platform: Platform) -> None:
    async with fleet(platform) as speaker:
        await speaker.publish(Message("vehicle-0001", START, (observation(),)))
        await speaker.drain()
        await speaker.publish(Message("vehicle-0001", START, offline=True))
        assert speaker.online == 0
        await speaker.publish(Message("vehicle-0001", START, (observation(1), observation(2))))
        await speaker.drain()
        assert (speaker.tally.taken, speaker.tally.acknowledged) == (2, 2)
        assert speaker.terminals["vehicle-0001"].connections == 2
    assert platform.heard.count(0x0704) == 1
    assert platform.heard.count(0x0100) == 1, "the code is kept over connections"


async def test_a_device_that_comes_and_goes_while_it_connects_ends_with_one_connection(platform: Platform) -> None:
    async with fleet(platform) as speaker:
        await speaker.greet("vehicle-0001")
        terminal = speaker.terminals["vehicle-0001"]
        for number in range(20):
            while terminal.state not in ("connecting", "connected"):
                await asyncio.sleep(0)
            await speaker.publish(Message("vehicle-0001", START, offline=True))
            await speaker.publish(Message("vehicle-0001", START, (observation(number),)))
        await speaker.drain()
        assert (speaker.tally.acknowledged, speaker.online) == (20, 1)
        serving = [writer for writer in platform.writers if not writer.transport.is_closing()]
        while len(serving) > 1:
            await asyncio.sleep(0.01)
            serving = [writer for writer in platform.writers if not writer.transport.is_closing()]
    assert len(set(times(platform.positions))) == 20


async def test_a_code_that_is_not_known_any_more_is_asked_for_again(platform: Platform) -> None:
    async with fleet(platform) as speaker:
        await speaker.publish(Message("vehicle-0001", START, (observation(),)))
        await speaker.drain()
        platform.forget, platform.results = True, [1]
        await speaker.publish(Message("vehicle-0001", START, (observation(1),)))
        await speaker.drain()
        assert speaker.tally.acknowledged == 2
    assert platform.heard.count(0x0100) == 2


async def test_a_refusal_is_counted_as_one_and_noise_as_unconfirmed(platform: Platform) -> None:
    platform.results = [2]
    async with fleet(platform) as speaker:
        await speaker.publish(Message("vehicle-0001", START, raw=b"\xff\xfenoise\x7e[1,2"))
        await speaker.publish(Message("vehicle-0001", START, (observation(),)))
        await speaker.publish(Message("vehicle-0001", START, (observation(1),)))
        await speaker.drain()
        tally = speaker.tally
        assert (tally.acknowledged, tally.refused, tally.unconfirmed, tally.in_flight) == (1, 1, 1, 0)
    assert platform.noise == 2


async def test_a_text_is_shown_and_answered_and_heartbeats_are_sent(platform: Platform) -> None:
    async with fleet(platform, habits=msgspec.structs.replace(QUICK, heartbeat_s=0.02)) as speaker:
        await speaker.greet("vehicle-0001")
        while platform.heard.count(0x0002) < 2:
            await asyncio.sleep(0.001)
        text = bytes.fromhex("8300 0005 013800138000 0007 01".replace(" ", "")) + "回场".encode("gbk")
        platform.writers[-1].write(escaped(text))
        while 0x0001 not in platform.heard:
            await asyncio.sleep(0.001)
        assert list(speaker.terminals["vehicle-0001"].texts) == ["回场"]


async def test_a_full_window_makes_the_city_wait(platform: Platform) -> None:
    await platform.stop()
    async with fleet(platform, window=3) as speaker:
        for number in range(3):
            await speaker.publish(Message("vehicle-0001", START, (observation(number),)))
        waiting = asyncio.create_task(speaker.publish(Message("vehicle-0001", START, (observation(3),))))
        done, _ = await asyncio.wait((waiting,), timeout=0)
        assert not done
        await platform.start()
        await waiting
        await speaker.drain()
        assert speaker.tally.acknowledged == 4


def test_terminals_live_on_the_fastest_loop_too() -> None:
    """Its transports are of no class of asyncio's."""

    async def day() -> int:
        platform = Platform()
        await platform.start()
        async with fleet(platform) as speaker:
            await speaker.publish(Message("vehicle-0001", START, (observation(),)))
            await speaker.drain()
            acknowledged = speaker.tally.acknowledged
        await platform.stop()
        return acknowledged

    assert uvloop.run(day()) == 1
