from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvloop

from simulators.message import Message
from simulators.speakers.modbus import ModbusSpeaker, Seat, seats
from simulators.speakers.modbus_registers import Controller
from tests.simulators.observations import START, TOILET, seen

FOUR = ("toilet-0001", "toilet-0002", "toilet-0003", "toilet-0004")


def answer(controller: Controller, request: str) -> str:
    return controller.answer(bytes.fromhex(request)).hex()


def test_the_registers_of_a_report_word_by_word() -> None:
    controller = Controller()
    controller.see(seen("toilet-0001", TOILET))
    assert answer(controller, "04 0000 0005") == "040a" + "".join(
        (
            "0056",  # 1.234 ppm NH3 = 0.864 mg/m³
            "0002",  # 0.012 ppm H2S = 0.017 mg/m³
            "01f5",  # 50.1 %
            "ffdd",  # -3.5 °C
            "032c",  # 812 ppm
        )
    )
    assert answer(controller, "04 0010 0006") == "040c" + "0003" + "ffff" + "00011170" + "0001116d"
    assert answer(controller, "04 0020 0007") == "040e" + "0012d687" + "000849ea" + "019c" + "003d" + "0000"
    assert answer(controller, "02 0000 0005") == "020104", "the leak alone"
    assert answer(controller, "01 0000 0002") == "010101", "the fan runs, the light is off"


def test_before_the_first_report_nothing_is_known() -> None:
    controller = Controller()
    assert answer(controller, "04 0000 0004") == "0408" + "ffff" * 3 + "7fff"
    assert answer(controller, "04 0012 0002") == "0404" + "ffffffff"
    assert answer(controller, "02 0000 0001") == "020101", "the gas sensors warm up"


def test_a_switch_set_by_hand_stays_whatever_the_automatic_wants() -> None:
    controller = Controller()
    assert answer(controller, "05 0001 ff00") == "050001ff00"
    controller.see(seen("toilet-0001", TOILET))
    assert (controller.switched("fan"), controller.switched("light")) == (True, True)
    assert answer(controller, "01 0001 0001") == "010101"
    assert answer(controller, "05 0000 0000") == "0500000000"
    assert answer(controller, "01 0000 0002") == "010102"


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        ("03 0000 0001", "8301"),
        ("10 0000 0001", "9001"),
        ("04 0027 0002", "8402"),
        ("04 ffff 0001", "8402"),
        ("04 0000 0000", "8403"),
        ("04 0000 007e", "8403"),
        ("04 0000", "8403"),
        ("01 0002 0001", "8102"),
        ("05 0002 ff00", "8502"),
        ("05 0000 0001", "8503"),
    ],
)
def test_what_cannot_be_served_is_an_exception(request_: str, response: str) -> None:
    assert answer(Controller(), request_) == response


def test_seats_fill_one_gateway_after_the_other() -> None:
    assert seats(FOUR, 3, frozenset(("toilet-0002",))) == {
        "toilet-0001": Seat(0, 1),
        "toilet-0002": Seat(0, 2, dead=True),
        "toilet-0003": Seat(0, 3),
        "toilet-0004": Seat(1, 1),
    }


@pytest.fixture
async def gateways() -> AsyncIterator[tuple[ModbusSpeaker, list[int]]]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    places = seats(FOUR, 3, frozenset(("toilet-0002",)))
    async with ModbusSpeaker(places, sockets) as speaker:
        yield speaker, [sock.getsockname()[1] for sock in sockets]


async def ask(port: int, *frames: str, answers: int = 1) -> list[str]:
    """Send frames; the answers that come, each to its end."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(bytes.fromhex(frame) for frame in frames))
        found = []
        for _ in range(answers):
            head = await reader.readexactly(6)
            found.append((head + await reader.readexactly(int.from_bytes(head[4:6], "big"))).hex())
        writer.close()
        await writer.wait_closed()
        return found


async def test_several_units_behind_one_port(gateways: tuple[ModbusSpeaker, list[int]]) -> None:
    speaker, ports = gateways
    await speaker.publish(Message("toilet-0001", START, (seen("toilet-0001", TOILET),)))
    await speaker.publish(Message("toilet-0004", START, (seen("toilet-0004", {**TOILET, "co2_ppm": 500}),)))
    # Unit 2 is dead and says nothing; 9 is nobody; 3 has not reported.
    asked = ("0001 0000 0006 02 04 0004 0001", "0002 0000 0006 01 04 0004 0001", "0003 0000 0006 09 04 0004 0001")
    assert await ask(ports[0], *asked, "0004 0000 0006 03 04 0004 0001", answers=3) == [
        "000200000005010402032c",
        "00030000000309840a",
        "000400000005030402ffff",
    ]
    assert await ask(ports[1], "0005 0000 0006 01 04 0004 0001") == ["00050000000501040201f4"]
    assert (speaker.tally.taken, speaker.tally.unconfirmed) == (2, 2)


async def test_offline_means_no_answer_until_the_next_report(gateways: tuple[ModbusSpeaker, list[int]]) -> None:
    speaker, ports = gateways
    await speaker.publish(Message("toilet-0001", START, (seen("toilet-0001", TOILET, 5),)))
    await speaker.publish(Message("toilet-0001", START, offline=True))
    read, other = "0001 0000 0006 01 04 0004 0001", "0002 0000 0006 03 04 0004 0001"
    assert await ask(ports[0], read, other) == ["000200000005030402ffff"]
    late = seen("toilet-0001", {**TOILET, "co2_ppm": 1}, 2)
    await speaker.publish(Message("toilet-0001", START, (late,)))
    assert await ask(ports[0], read) == ["000100000005010402032c"], "what is older changes nothing"


async def test_senseless_bytes_take_the_place_of_one_answer(gateways: tuple[ModbusSpeaker, list[int]]) -> None:
    speaker, ports = gateways
    await speaker.publish(Message("toilet-0001", START, (seen("toilet-0001", TOILET),)))
    await speaker.publish(Message("toilet-0001", START, raw=b"\xff\xfe\x01"))
    read = "0001 0000 0006 01 04 0004 0001"
    assert await ask(ports[0], read, read, answers=2) == ["00010000000401fffe01", "000100000005010402032c"]


async def test_a_client_that_speaks_something_else_is_cut_off(gateways: tuple[ModbusSpeaker, list[int]]) -> None:
    _, ports = gateways
    reader, writer = await asyncio.open_connection("127.0.0.1", ports[0])
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    async with asyncio.timeout(10):
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
    writer.close()


def test_gateways_live_on_the_fastest_loop_too() -> None:
    """Its transports are of no class of asyncio's."""

    async def day() -> list[str]:
        sockets = [socket.create_server(("127.0.0.1", 0))]
        async with ModbusSpeaker(seats(FOUR[:1], 3), sockets) as speaker:
            await speaker.publish(Message("toilet-0001", START, (seen("toilet-0001", TOILET),)))
            return await ask(sockets[0].getsockname()[1], "0001 0000 0006 01 04 0004 0001")

    assert uvloop.run(day()) == ["000100000005010402032c"]
