from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pynmea2
import pytest

from simulators.message import Message
from simulators.speakers.lines import Peer
from simulators.speakers.nmea import NmeaTcpSpeaker, NmeaUdpSpeaker
from simulators.speakers.nmea_sentences import epoch, sentence
from tests.simulators.observations import FIX, START, seen

IMEIS = {"vehicle-0001": "864180000000011", "vehicle-0002": "864180000000022"}


def test_a_sentence_as_the_standard_prints_it() -> None:
    # The example of RMC that the manuals of receivers carry, with its checksum.
    fields = ["GPRMC", "123519", "A", "4807.038", "N", "01131.000", "E", "022.4", "084.4", "230394", "003.1", "W"]
    assert sentence(*fields) == "$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r\n"


def test_an_epoch_of_two_systems_line_by_line() -> None:
    told = epoch(seen("vehicle-0001", {}, fix={**FIX, "satellites": 6}, observed_at=START + 250_000), "GB")
    assert told.decode("ascii").split("\r\n") == [
        "$GNRMC,000000.250,A,3034.800000,N,11418.000000,E,4.5572,271.6,231126,,,A,V*3A",
        "$GNVTG,271.6,T,,M,4.5572,N,8.440,K,A*28",
        "$GNGGA,000000.250,3034.800000,N,11418.000000,E,1,06,0.90,25.4,M,-12.4,M,,*62",
        "$GNGSA,A,3,01,06,11,,,,,,,,,,1.80,0.90,1.40,1*03",
        "$GNGSA,A,3,01,04,07,,,,,,,,,,1.80,0.90,1.40,4*03",
        "$GPGSV,1,1,03,01,17,037,29,06,52,222,34,11,12,047,39,1*51",
        "$GBGSV,1,1,03,01,17,037,29,04,38,148,32,07,59,259,35,1*4D",
        "",
    ]


@pytest.mark.parametrize("dialect", ["GB", "BD"])
@pytest.mark.parametrize("satellites", [4, 5, 14, 24])
def test_another_reader_finds_what_was_said(dialect: str, satellites: int) -> None:
    fix = {**FIX, "lat": -30.123456789, "lon": -114.000000123, "satellites": satellites}
    text = epoch(seen("vehicle-0001", {}, fix=fix, observed_at=START + 987_000), dialect).decode("ascii")  # type: ignore[arg-type]
    parsed = [pynmea2.parse(line, check=True) for line in text.split()]
    rmc, vtg, gga = parsed[:3]
    assert (rmc.status, str(rmc.datetime)) == ("A", "2026-11-23 00:00:00.987000+00:00")
    assert (rmc.latitude, rmc.longitude) == pytest.approx((-30.123456789, -114.000000123), abs=1e-8)
    assert rmc.spd_over_grnd * 1.852 == pytest.approx(8.44, abs=1e-3)
    assert float(vtg.spd_over_grnd_kmph) == 8.44
    assert (int(gga.num_sats), float(gga.horizontal_dil), gga.altitude, gga.gps_qual) == (satellites, 0.9, 25.4, 1)
    assert [line.talker for line in parsed if line.sentence_type == "GSV"][-1] == dialect
    used = [field for line in parsed if line.sentence_type == "GSA" for field in line.data[2:14] if field]
    assert len(used) == satellites
    if dialect == "BD":
        assert [line.talker for line in parsed if line.sentence_type == "GSA"] == ["GP", "BD"]


def test_a_void_fix_tells_no_place() -> None:
    text = epoch(seen("vehicle-0001", {}, fix={**FIX, "valid": False}), "BD").decode("ascii")
    rmc, _, gga, *rest = [pynmea2.parse(line, check=True) for line in text.split()]
    assert (rmc.status, rmc.lat, rmc.mode_indicator, str(rmc.datestamp)) == ("V", "", "N", "2026-11-23")
    assert (gga.gps_qual, gga.lat, gga.num_sats) == (0, "", "00")
    assert [line.mode_fix_type for line in rest if line.sentence_type == "GSA"] == ["1", "1"]
    assert "3034.8" not in text


class Hearer:
    """A server that writes down the lines of each connection."""

    def __init__(self) -> None:
        self.connections: list[list[str]] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._hear, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines: list[str] = []
        self.connections.append(lines)
        self._writers.append(writer)
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                lines.append(line.decode("latin-1").rstrip("\r\n"))
        writer.close()


@pytest.fixture
async def hearer() -> AsyncIterator[Hearer]:
    hearer = Hearer()
    await hearer.start()
    yield hearer
    await hearer.stop()


def peer(hearer: Hearer) -> Peer:
    return Peer("127.0.0.1", hearer.port, tick_s=0.01, backoff_s=0.01, backoff_limit_s=0.05)


def times(lines: list[str]) -> list[str]:
    return [line.split(",")[1] for line in lines if line.startswith("$GNRMC")]


async def test_each_connection_begins_with_who_it_is(hearer: Hearer) -> None:
    async with asyncio.timeout(30):
        async with NmeaTcpSpeaker(peer(hearer), IMEIS.__getitem__) as speaker:
            for device_id in IMEIS:
                await speaker.greet(device_id)
                await speaker.publish(Message(device_id, START, (seen(device_id, {}, fix=FIX),)))
                await speaker.publish(Message(device_id, START, tuple(seen(device_id, {}, n, fix=FIX) for n in (1, 2))))
            await speaker.drain()
            assert (speaker.tally.taken, speaker.tally.unconfirmed, speaker.tally.acknowledged) == (4, 4, 0)
        while sum(len(times(lines)) for lines in hearer.connections) < 6:
            await asyncio.sleep(0.001)
    assert sorted(lines[0] for lines in hearer.connections) == [f"imei:{imei}" for imei in IMEIS.values()]
    for lines in hearer.connections:
        assert times(lines) == ["000000.000", "000001.000", "000002.000"]


async def test_a_lost_connection_is_made_again_and_what_waits_is_kept(hearer: Hearer) -> None:
    await hearer.stop()
    async with asyncio.timeout(30):
        async with NmeaTcpSpeaker(peer(hearer), IMEIS.__getitem__, window=10) as speaker:
            await speaker.publish(Message("vehicle-0001", START, (seen("vehicle-0001", {}, fix=FIX),)))
            assert speaker.tally.in_flight == 1
            await hearer.start()
            await speaker.drain()
            await speaker.publish(Message("vehicle-0001", START, offline=True))
            await speaker.publish(Message("vehicle-0001", START, raw=b"\xff\xfe\n noise"))
            await speaker.publish(Message("vehicle-0001", START, (seen("vehicle-0001", {}, 9, fix=FIX),)))
            await speaker.drain()
        while len(hearer.connections) < 2 or not times(hearer.connections[1]):
            await asyncio.sleep(0.001)
    first, second = hearer.connections
    assert times(first) == ["000000.000"]
    assert second[:2] == ["imei:864180000000011", "\xff\xfe  noise"]
    assert times(second) == ["000009.000"]


async def test_datagrams_name_their_sender_and_keep_to_the_pace() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hearer:
        hearer.bind(("127.0.0.1", 0))
        hearer.settimeout(10)
        async with NmeaUdpSpeaker(*hearer.getsockname(), IMEIS.__getitem__) as speaker:
            for device_id in IMEIS:
                messages = [Message(device_id, START, tuple(seen(device_id, {}, n, fix=FIX) for n in (0, 1)))]
                messages += [Message(device_id, START, offline=True), Message(device_id, START, raw=b"noise")]
                for message in messages:
                    await speaker.publish(message)
            await speaker.drain()
            assert (speaker.tally.taken, speaker.tally.unconfirmed) == (4, 4)
        heard: dict[tuple[str, int], list[bytes]] = {}
        for _ in range(6):
            data, sender = hearer.recvfrom(2_048)
            heard.setdefault(sender, []).append(data)
    assert len(heard) == 2, "each receiver has a port of its own"
    for imei, datagrams in zip(IMEIS.values(), heard.values(), strict=True):
        assert [data.split(b"\r\n")[0] for data in datagrams] == [f"imei:{imei}".encode()] * 3
        assert datagrams[2] == f"imei:{imei}\r\nnoise\r\n".encode()
        assert [times(data.decode().splitlines()) for data in datagrams[:2]] == [["000000.000"], ["000001.000"]]


async def test_datagrams_to_nobody_do_no_harm() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        address = closed.getsockname()
    async with NmeaUdpSpeaker(*address, IMEIS.__getitem__, per_s=10_000) as speaker:
        for number in range(20):
            observation = seen("vehicle-0001", {}, number, fix=FIX)
            await speaker.publish(Message("vehicle-0001", START, (observation,)))
        assert speaker.tally.unconfirmed == 20
