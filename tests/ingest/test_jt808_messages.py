"""Bodies of JT/T 808: positions, batches, and the messages of the tables."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import DecodeError
from devices.instants import parse as instant
from devices.metrics import Catalogue
from devices.vocabulary import Decoded, Identity
from hub.commands.decode import answers
from hub.decoding.decoding import Options
from hub.decoding.decoding import discover as decodings
from ingest.wire.jt808 import messages
from ingest.wire.jt808.alarms import Input
from ingest.wire.jt808.bodies import FORMS
from ingest.wire.jt808.frames import escape, seal, unescape, verify
from ingest.wire.jt808.header import Header, build, parse
from ingest.wire.jt808.replies import (
    Registration,
    general_reply,
    register_reply,
    resend_request,
    text_message,
)
from tests.terminal import PHONE, PHONE_2019, batch, frame, position, register, split

CATALOGUE = Catalogue()
AT = instant("2026-11-23T00:00:00Z")


def payload(framed: bytes) -> bytes:
    return verify(unescape(framed[1:-1]))


def decode(number: int, body: bytes, phone: str = PHONE, inputs: tuple[Input, ...] = ()) -> Decoded:
    return messages.decode(payload(frame(number, body, 5, phone)), CATALOGUE, inputs)


def fields(number: int, body: bytes, phone: str = PHONE) -> dict[str, Any]:
    return messages.fields(parse(payload(frame(number, body, 5, phone))))


def all_told(*lines: bytes | str) -> list[dict[str, Any]]:
    """What ``decode`` prints of these lines."""
    given = [line.encode() if isinstance(line, str) else line for line in lines]
    return list(answers(given, decodings()["jt808"].teller(Options())))


def told(line: bytes | str) -> dict[str, Any]:
    (answer,) = all_told(line)
    return answer


def test_a_position() -> None:
    items = [
        (0x01, (123_456).to_bytes(4, "big")),
        (0x02, (455).to_bytes(2, "big")),
        (0x03, (118).to_bytes(2, "big")),
        (0x30, b"\x1f"),
        (0x31, b"\x0e"),
        (0xE1, b"vendor"),
    ]
    (uplink,) = decode(0x0200, position(items=items)).uplinks
    assert uplink.identity == Identity("jt808_phone", PHONE)
    assert (uplink.observed_at, uplink.kind, uplink.occurrences) == (AT, "vehicle", ())
    assert uplink.readings == {"ignition": 1.0, "mileage_km": 12_345.6, "fuel_l": 45.5, "speed_kmh": 11.8}
    fix = uplink.position
    assert fix is not None
    assert (fix.lat, fix.lon, fix.altitude_m, fix.speed_kmh, fix.heading_deg) == (30.5, 114.3, 25.0, 12.3, 90.0)
    assert (fix.satellites, fix.constellations, fix.valid) == (14, ("GPS", "BDS"), True)


@pytest.mark.parametrize(
    ("status", "lat", "lon", "valid", "constellations"),
    [
        (0x02, 30.5, 114.3, True, ()),
        (0x06, -30.5, 114.3, True, ()),
        (0x0A, 30.5, -114.3, True, ()),
        (0x0E, -30.5, -114.3, True, ()),
        (0x3C0000, -30.5, -114.3, False, ("GPS", "BDS", "GLONASS", "GALILEO")),
    ],
)
def test_the_status_word(status: int, lat: float, lon: float, valid: bool, constellations: tuple[str, ...]) -> None:
    status |= 0x0C if lat < 0 and lon < 0 else 0
    (uplink,) = decode(0x0200, position(status=status)).uplinks
    fix = uplink.position
    assert fix is not None
    assert (fix.lat, fix.lon, fix.valid, fix.constellations) == (lat, lon, valid, constellations)
    assert uplink.readings == {"ignition": 0.0}


def test_sentinels_are_no_readings() -> None:
    items = [(0x01, b"\xff" * 4), (0x02, b"\xff" * 2), (0x31, b"\xff")]
    decoded = decode(0x0200, position(altitude=0xFFFF, speed=0xFFFF, direction=0xFFFF, items=items))
    (uplink,) = decoded.uplinks
    assert decoded.problems == []
    assert uplink.readings == {"ignition": 1.0}
    fix = uplink.position
    assert fix is not None
    assert (fix.altitude_m, fix.speed_kmh, fix.heading_deg, fix.satellites) == (None, None, None, None)


def test_coordinates_that_are_none() -> None:
    assert decode(0x0200, position(status=2, lat=0, lon=0)).uplinks[0].position.valid is False  # type: ignore[union-attr]
    void = decode(0x0200, position(status=0, lat=200.0))
    assert (void.uplinks[0].position, void.problems) == (None, [])
    wrong = decode(0x0200, position(status=2, lon=180.5))
    assert wrong.uplinks[0].position is None
    assert wrong.problems == ["longitude: 180.500000 is outside 0..180 degrees"]


def test_every_alarm_bit_is_an_event() -> None:
    for version, phone in ((2013, PHONE), (2019, PHONE_2019)):
        (uplink,) = decode(0x0200, position(alarm=0xFFFFFFFF), phone).uplinks
        kinds = {event.attributes["bit"]: event.kind for event in uplink.occurrences}
        assert sorted(kinds) == list(range(32))
        assert len(set(kinds.values())) == 32
        assert (kinds[0], kinds[1], kinds[2], kinds[23]) == ("sos", "overspeed", "fatigue", "route_deviation")
        assert kinds[17] == ("alarm_bit_17" if version == 2013 else "blind_spot_fault")
        assert uplink.occurrences[0].attributes == {"bit": 0, "alarm": 0xFFFFFFFF}


def test_switches_are_what_the_settings_say() -> None:
    items = [(0x25, (1 << 14).to_bytes(4, "big")), (0x2A, (0b10).to_bytes(2, "big"))]
    inputs = (Input(0x25, 14, "pto"), Input(0x2A, 0, "brush"), Input(0x2A, 1, "lift"), Input(0x2A, 40, "pump"))
    (uplink,) = decode(0x0200, position(items=items), inputs=inputs).uplinks
    assert uplink.readings == {"ignition": 1.0, "pto": 1.0, "brush": 0.0, "lift": 1.0}
    assert decode(0x0200, position(items=items)).uplinks[0].readings == {"ignition": 1.0}


def test_items_unknown_repeated_torn_and_of_the_wrong_size() -> None:
    items = [(0x01, bytes(4)), (0x77, b"?" * 9), (0x01, (10).to_bytes(4, "big")), (0x02, b"\x01")]
    decoded = decode(0x0200, position(items=items) + b"\x31\x05\x01")
    assert decoded.uplinks[0].readings == {"ignition": 1.0, "mileage_km": 1.0}
    assert decoded.problems == ["item 0x31: 1 bytes, its length says 5", "item 0x02: 1 bytes, expected 2"]
    assert decode(0x0200, position() + b"\x31").problems == ["item 0x31: its length is missing"]
    beyond = decode(0x0200, position(items=[(0x02, (20_001).to_bytes(2, "big"))]))
    assert beyond.problems == ["item 0x02: fuel_l: 2000.1 is outside 0..2000 L"]


@pytest.mark.parametrize("time", ["000000000000", "ffffffffffff"])
def test_a_terminal_without_a_clock(time: str) -> None:
    assert decode(0x0200, position(time=time)).uplinks[0].observed_at is None


@pytest.mark.parametrize("time", ["261323080000", "2611230800ab", "260230000000", "261123246000"])
def test_a_time_that_is_none(time: str) -> None:
    with pytest.raises(DecodeError, match=f"time: expected BCD digits .* got {time}"):
        decode(0x0200, position(time=time))
    with pytest.raises(DecodeError, match="time"):
        messages.check(parse(payload(frame(0x0200, position(time=time)))))


def test_a_message_without_a_clock_has_a_name_of_its_own() -> None:
    first, again, other = (
        messages.decode(payload(frame(0x0200, position(time="000000000000"), serial)), CATALOGUE).uplinks[0].message_id
        for serial in (1, 1, 2)
    )
    assert first == again != other


def test_the_same_bytes_on_another_day_are_another_message() -> None:
    """Serials begin anew when a terminal is switched on; the day ends at four in the morning in Beijing."""
    content = payload(frame(0x0301, b"\x01", 57))
    four = instant("2026-11-23T04:00:00+08:00")
    names = [
        messages.decode(content, CATALOGUE, (), at).uplinks[0].message_id for at in (four - 1, four, four + 10**10)
    ]
    assert names[0] != names[1] == names[2]


def test_a_batch() -> None:
    bodies = [position(time=f"2611230800{second:02}") for second in range(20)]
    decoded = decode(0x0704, batch(bodies))
    assert [uplink.observed_at for uplink in decoded.uplinks] == [AT + second * 1_000_000 for second in range(20)]
    assert len({uplink.message_id for uplink in decoded.uplinks}) == 20
    assert decoded.problems == []


def test_a_batch_with_faults_keeps_what_is_sound() -> None:
    bodies = [position(), b"short", position(time="261323080000"), position(time="261123080005")]
    decoded = decode(0x0704, batch(bodies))
    assert len(decoded.uplinks) == 2
    assert decoded.problems == [
        "[1].position: 5 bytes, expected at least 28",
        "[2].time: expected BCD digits of a time as YYMMDDhhmmss, got 261323080000",
    ]
    torn = decode(0x0704, batch([position()]) + b"\x00\x1c\x00")
    assert torn.problems == ["[1].length: 28 bytes are missing after byte 35, expected 28, got 1"]
    assert decode(0x0704, batch([position()], count=3)).problems == [
        "position_batch: holds 1 positions, its count says 3"
    ]


@pytest.mark.parametrize("body", [b"", b"\x00\x00\x01", b"\x00\x01\x01\x00\x05short", batch([b"short"] * 30)])
def test_a_batch_of_nothing(body: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(0x0704, body)
    with pytest.raises(DecodeError):
        messages.check(parse(payload(frame(0x0704, body))))


def test_positions_that_answer_the_platform() -> None:
    for number in (0x0201, 0x0500):
        assert decode(number, b"\x00\x07" + position()).uplinks[0].observed_at == AT


def test_a_driver_and_a_picture_are_events() -> None:
    name = "王师傅".encode("gbk")
    body = b"\x01" + bytes.fromhex("261123080000") + b"\x00" + bytes((len(name),)) + name + b"420100".ljust(20, b"\0")
    body += b"\x04" + "武汉".encode("gbk") + bytes.fromhex("20301231")
    (uplink,) = decode(0x0702, body).uplinks
    assert uplink.observed_at == AT
    (event,) = uplink.occurrences
    assert (event.kind, event.attributes["driver_name"], event.attributes["issuer"]) == (
        "driver_card",
        "王师傅",
        "武汉",
    )
    (uplink,) = decode(0x0702, b"\x02" + bytes.fromhex("261123080000")).uplinks
    assert uplink.occurrences[0].attributes["status"] == 2
    (uplink,) = decode(0x0800, bytes.fromhex("0000007b00000701")).uplinks
    assert uplink.occurrences[0].attributes["multimedia_id"] == 123


@pytest.mark.parametrize(("edition", "phone"), [(2011, PHONE), (2013, PHONE), (2019, PHONE_2019)])
def test_registration_of_each_edition(edition: int, phone: str) -> None:
    message = parse(payload(frame(0x0100, register(edition=edition), 5, phone)))
    assert messages.edition(message) == edition
    assert messages.fields(message) == {
        "province_id": 42,
        "city_id": 100,
        "manufacturer_id": "70111",
        "terminal_model": "SW-8",
        "terminal_id": "T000042",
        "plate_color": 2,
        "license_plate_number": "鄂A12345",
    }


def test_authentication_of_both_editions() -> None:
    assert fields(0x0102, b"code-1") == {"auth_code": "code-1"}
    body = b"\x06code-1" + b"860000000000001" + b"3.7.15".ljust(20, b"\0")
    assert fields(0x0102, body, PHONE_2019) == {
        "auth_code_len": 6,
        "auth_code": "code-1",
        "terminal_imei": "860000000000001",
        "software_version": "3.7.15",
    }


def test_a_field_that_is_missing_is_named() -> None:
    with pytest.raises(DecodeError, match=r"^register\.plate_color: 1 bytes are missing after byte 24"):
        fields(0x0100, bytes(24))
    with pytest.raises(DecodeError, match=r"^register\.terminal_model: 30 bytes are missing after byte 15"):
        fields(0x0100, bytes(40), PHONE_2019)


QUESTION = Header(0x0200, 0, PHONE, 77)
QUESTION_2019 = Header(0x0200, 0x4000, PHONE_2019, 77, 2019, 1)


@pytest.mark.parametrize("question", [QUESTION, QUESTION_2019])
def test_replies_are_parsed_as_they_were_built(question: Header) -> None:
    def read(framed: bytes) -> tuple[Header, dict[str, Any]]:
        message = parse(payload(framed))
        return message.header, messages.fields(message)

    header, found = read(general_reply(question, 3, 2))
    assert (header.phone, header.serial, header.version) == (question.phone, 3, question.version)
    assert found == {"respond_serial_number": 77, "respond_id": 0x0200, "result": 2}
    assert read(general_reply(question, 3, 2, 78))[1]["respond_serial_number"] == 78
    assert read(register_reply(question, 3, Registration.OK, "c0de"))[1]["auth_code"] == "c0de"
    assert "auth_code" not in read(register_reply(question, 3, Registration.NO_SUCH_TERMINAL, "c0de"))[1]
    found = read(resend_request(question, 3, 70, [2, 5]))[1]
    assert (found["original_serial_number"], found["again_package_list"]) == (70, [2, 5])
    found = read(text_message(question, 3, "前方施工，请绕行", urgent=True))[1]
    assert found["text"] == "前方施工，请绕行"
    assert found["flag"] == (0b1110 if question.version == 2019 else 0b1101)
    assert found.get("text_type") == (1 if question.version == 2019 else None)


@pytest.mark.parametrize("text", ["", "x" * 1_023, "🚛"])
def test_text_that_no_terminal_takes(text: str) -> None:
    with pytest.raises(ValueError, match="text: "):
        text_message(QUESTION, 1, text)


def test_parts_become_one_payload_and_one_message() -> None:
    bodies = [position(time=f"2611230800{second:02}") for second in range(40)]
    frames = split(0x0704, batch(bodies), 100, 500)
    decoded = messages.decode(b"".join(frames), CATALOGUE)
    assert len(decoded.uplinks) == 40
    with pytest.raises(DecodeError, match="only part 1 of 3"):
        messages.decode(payload(frames[0]), CATALOGUE)
    with pytest.raises(DecodeError, match="no whole message"):
        messages.decode(b"".join(frames[:2]), CATALOGUE)
    lines = all_told(*(framed.hex() for framed in frames))
    assert [line["message"].get("part") for line in lines] == [1, 2, None]
    assert lines[0]["reply"] is None
    assert len(lines[2]["uplinks"]) == len(lines[2]["message"]["positions"]) == 40
    assert lines[2]["reply"] is not None


def test_what_the_decoder_keeps_nothing_of() -> None:
    with pytest.raises(DecodeError, match=r"nothing of 0x0002 \(heartbeat\) is kept"):
        decode(0x0002, b"")
    with pytest.raises(DecodeError, match=r"nothing of 0x0f0f \(unknown\) is kept"):
        decode(0x0F0F, b"")


def test_lines_in_every_dress() -> None:
    framed = frame(0x0200, position(status=0x7E), 0x7D)
    content = payload(framed)
    spaced = " ".join(f"{byte:02X}" for byte in framed)
    found = [told(line) for line in (framed.hex(), spaced, content.hex(), framed[1:-1].hex())]
    assert all(line == found[0] for line in found)
    assert found[0]["ok"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("hello", "line: expected hexadecimal digits, two to a byte"),
        ("7e00", "frame: 1 bytes, expected at least 13"),
        (frame(2).hex()[:-4] + "007e", "checksum: 00, expected"),
        (frame(0x0200, b"short").hex(), "position: 5 bytes, expected at least 28"),
        (frame(0x0200, position(), bits=0x0400).hex(), "encryption: the body is encrypted (RSA)"),
        (frame(0x8001, b"").hex(), "platform_reply.respond_serial_number: 2 bytes are missing"),
    ],
)
def test_lines_that_are_refused(line: str, says: str) -> None:
    found = told(line)
    assert (found["ok"], found["input"]) == (False, line)
    assert found["error"].startswith(says)


def test_a_line_of_a_capture_holds_several_frames_and_half_of_one() -> None:
    sound, bad = frame(2, serial=1), frame(2, serial=2)[:-2] + b"\x00\x7e"
    found = all_told((sound + bad + frame(2, serial=3)[1:] + sound[:9]).hex())
    assert [one["ok"] for one in found] == [True, False, True, False]
    assert [one["message"]["serial"] for one in found if one["ok"]] == [1, 3]
    assert found[1]["error"].startswith("checksum: 00, expected")
    assert found[1]["input"] == bad[1:-1].hex()
    assert found[3] == {"ok": False, "error": "frame: 8 bytes, and its end (7e) is missing", "input": sound[1:9].hex()}
    noisy = all_told((b"noise" + sound + sound).hex())
    assert [one["ok"] for one in noisy] == [False, True, True]
    assert noisy[0]["error"] == "line: 5 bytes before the first 7e"


def test_what_is_answered_how() -> None:
    assert told(frame(0x0F0F, b"?").hex())["reply"] == general_reply(Header(0x0F0F, 0, PHONE, 0), 0, 3).hex()
    assert told(frame(0x0F0F, b"?").hex())["message"]["body"] == "3f"
    assert told(frame(0x0104, bytes(3)).hex())["reply"] is None
    assert told(frame(0x8104).hex())["reply"] is None
    registered = told(frame(0x0100, register()).hex())
    assert registered["reply"] == register_reply(Header(0x0100, 0, PHONE, 0), 0, 0, "13800138000").hex()


@given(st.binary(max_size=80))
def test_nothing_that_a_line_holds_ends_it(line: bytes) -> None:
    for one in all_told(line, line.hex()):
        assert one["ok"] in (True, False)


BODIES = st.binary(max_size=120) | st.builds(
    lambda head, tail: position(**head) + tail,
    st.fixed_dictionaries({"alarm": st.integers(0, 2**32 - 1), "status": st.integers(0, 2**32 - 1)}),
    st.binary(max_size=40),
)


@given(
    st.sampled_from(sorted(FORMS)) | st.integers(0, 0xFFFF),
    st.sampled_from([PHONE, PHONE_2019]),
    BODIES | st.lists(BODIES, max_size=3).map(batch),
)
def test_decoders_raise_nothing_but_decode_error(number: int, phone: str, body: bytes) -> None:
    version = 2019 if len(phone) == 20 else 2013
    content = seal(build(Header(number, 0, phone, 1, version), body))
    line = told(escape(content).hex())
    try:
        decoded = messages.decode(content, CATALOGUE)
    except DecodeError:
        return
    assert line["ok"]
    assert decoded.uplinks


@given(st.binary(max_size=100))
def test_payloads_of_any_bytes(content: bytes) -> None:
    for data in (content, seal(content), b"\x7e" + content, escape(seal(content))):
        with contextlib.suppress(DecodeError):
            assert messages.decode(data, CATALOGUE).uplinks
