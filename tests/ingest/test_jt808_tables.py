"""Every message that the tables of JT/T 808, JT/T 1078 and T/JSATL 12 know: its fields, as ``decode`` prints them."""

from __future__ import annotations

from typing import Any

import pytest

from hub.commands.decode import answers
from hub.decoding.decoding import Options
from hub.decoding.decoding import discover as decodings
from ingest.wire.jt808.bodies import FORMS
from tests.terminal import PHONE, PHONE_2019, batch, frame, position

SPAN = bytes.fromhex("200726000000200726232359")
FROM, TO = "2020-07-26 00:00:00", "2020-07-26 23:23:59"
SIGN = b"T000042" + bytes.fromhex("200726000000") + b"\x05\x02\x00"
TOLD_SIGN = {"time": FROM, "serial_number": 5, "attach_number": 2, "alarm_reserve": 0}
PLACE = {
    "alarm": 0,
    "status": 0x000C0003,
    "latitude": 30_500_000,
    "longitude": 114_300_000,
    "altitude": 25,
    "speed": 123,
    "direction": 90,
    "date_time": "2026-11-23 08:00:00",
    "items": {},
}
MEDIA = bytes.fromhex("0000007b00000701")
TOLD_MEDIA = {
    "multimedia_id": 123,
    "multimedia_type": 0,
    "multimedia_format_encode": 0,
    "event_item_encode": 7,
    "channel_id": 1,
}
NAME = "sound.wav"
FILE = bytes((len(NAME),)) + NAME.encode()
TOLD_FILE = {"file_name_len": 9, "file_name": NAME}

CASES: list[tuple[int, bytes, dict[str, Any]]] = [
    (0x0001, bytes.fromhex("007b830001"), {"serial_number": 123, "id": 0x8300, "result": 1}),
    (0x0004, b"", {}),
    (
        0x0005,
        bytes.fromhex("0007 02 0001 0003"),
        {"original_serial_number": 7, "again_package_count": 2, "again_package_list": [1, 3]},
    ),
    (
        0x0104,
        bytes.fromhex("0007 02 00000001 04 0000000a 00000013 0a") + b"10.0.0.1:8",
        {"respond_serial_number": 7, "respond_param_count": 2, "params": {"0x0001": 10, "0x0013": "10.0.0.1:8"}},
    ),
    (0x0108, b"\x00\x01", {"upgrade_type": 0, "result": 1}),
    (0x0201, b"\x00\x07" + position(), {"respond_serial_number": 7, **PLACE}),
    (0x0302, b"\x00\x07\x02", {"serial_number": 7, "answer_id": 2}),
    (
        0x0705,
        bytes.fromhex("0001 0800001234 40000123 0102030405060708"),
        {
            "num": 1,
            "receive_time": "0800001234",
            "items": [{"can_id": "40000123", "can_data": "0102030405060708"}],
        },
    ),
    (0x0800, MEDIA, TOLD_MEDIA),
    (0x0801, MEDIA + position() + b"\xff\xd8jpeg", {**TOLD_MEDIA, **PLACE, "multimedia_package_len": 6}),
    (0x0801, MEDIA + b"\xff\xd8" + b"j" * 100, {**TOLD_MEDIA, "multimedia_package_len": 102}),
    (0x0801, MEDIA + b"\xff\xd8", {**TOLD_MEDIA, "multimedia_package_len": 2}),
    (
        0x0805,
        bytes.fromhex("0007 00 0002 00000001 00000102"),
        {"respond_serial_number": 7, "result": 0, "multimedia_id_number": 2, "multimedia_id_list": [1, 258]},
    ),
    (0x0805, b"\x00\x07\x01", {"respond_serial_number": 7, "result": 1}),
    (
        0x1003,
        bytes.fromhex("13010001 0140 01 62 02 04"),
        {
            "enter_audio_encoding": 19,
            "enter_audio_channels_number": 1,
            "enter_audio_sample_rate": 0,
            "enter_audio_sample_digits": 1,
            "audio_frame_length": 320,
            "has_supported_audio_output": 1,
            "video_encoding": 98,
            "terminal_supported_max_number_of_audio_physical_channels": 2,
            "terminal_supported_max_number_of_video_physical_channels": 4,
        },
    ),
    (
        0x1005,
        SPAN + b"\x00\x05\x00\x03",
        {"start_time": FROM, "end_time": TO, "board_number": 5, "alight_number": 3},
    ),
    (
        0x1205,
        bytes.fromhex("0007 00000001 02") + SPAN + bytes.fromhex("8000000000000001 02 01 01 00010000"),
        {
            "serial_number": 7,
            "audio_video_resource_total": 1,
            "audio_video_resource_list": [
                {
                    "channel_no": 2,
                    "start_time": FROM,
                    "end_time": TO,
                    "alarm_flag": 0x8000000000000001,
                    "audio_video_resource_type": 2,
                    "stream_type": 1,
                    "memory_type": 1,
                    "file_size_byte": 65_536,
                }
            ],
        },
    ),
    (0x1206, b"\x00\x07\x01", {"respond_serial_number": 7, "result": 1}),
    (
        0x1210,
        b"T000042" + SIGN + b"alarm-1".ljust(32, b"\0") + b"\x01\x01" + FILE + b"\x00\x00\x04\x00",
        {
            "terminal_id": "T000042",
            "alarm_terminal_id": "T000042",
            **TOLD_SIGN,
            "alarm_id": "alarm-1",
            "info_type": 1,
            "attach_count": 1,
            "attachments": [{**TOLD_FILE, "file_size": 1024}],
        },
    ),
    (0x1211, FILE + b"\x01\x00\x00\x04\x00", {**TOLD_FILE, "file_type": 1, "file_size": 1024}),
    (0x1212, FILE + b"\x01\x00\x00\x04\x00", {**TOLD_FILE, "file_type": 1, "file_size": 1024}),
    (
        0x8003,
        bytes.fromhex("0007 02 0001 0003"),
        {"original_serial_number": 7, "again_package_count": 2, "again_package_list": [1, 3]},
    ),
    (
        0x8003,
        bytes.fromhex("0007 0002 0001 0003"),
        {"original_serial_number": 7, "again_package_count": 2, "again_package_list": [1, 3]},
    ),
    (0x8004, bytes.fromhex("200726000000"), {"server_time": FROM}),
    (0x8104, b"", {}),
    (0x8106, bytes.fromhex("02 00000001 00000013"), {"count": 2, "ids": [1, 0x13]}),
    (0x8201, b"", {}),
    (0x8202, bytes.fromhex("000a 00000e10"), {"time_interval": 10, "track_validity": 3600}),
    (0x8202, b"\x00\x00", {"time_interval": 0}),
    (
        0x8302,
        b"\x01\x04" + "加油".encode("gbk") + b"\x01\x00\x02" + "是".encode("gbk") + b"\x02\x00\x01N",
        {
            "flag": 1,
            "question_content_len": 4,
            "question_content": "加油",
            "answer_list": [
                {"answer_id": 1, "answer_content_len": 2, "answer_content": "是"},
                {"answer_id": 2, "answer_content_len": 1, "answer_content": "N"},
            ],
        },
    ),
    (0x8800, bytes.fromhex("0000007b"), {"multimedia_id": 123}),
    (
        0x8800,
        bytes.fromhex("0000007b 01 0002"),
        {"multimedia_id": 123, "again_package_count": 1, "again_package_list": [2]},
    ),
    (
        0x8801,
        bytes.fromhex("01 ffff 000a 01 02 03 04 05 06 07"),
        {
            "channel_id": 1,
            "shoot_command": 0xFFFF,
            "photo_interval_or_video_time": 10,
            "save_flag": 1,
            "resolution": 2,
            "video_quality": 3,
            "intensity": 4,
            "contrast": 5,
            "saturation": 6,
            "chroma": 7,
        },
    ),
    (0x9003, b"", {}),
    (
        0x9101,
        b"\x0810.0.0.1" + bytes.fromhex("1f40 0000 01 00 01"),
        {
            "server_ip_len": 8,
            "server_ip_addr": "10.0.0.1",
            "tcp_port": 8000,
            "udp_port": 0,
            "channel_no": 1,
            "data_type": 0,
            "stream_type": 1,
        },
    ),
    (
        0x9102,
        b"\x01\x00\x02\x01",
        {"channel_no": 1, "control_cmd": 0, "close_audio_video_data": 2, "stream_type": 1},
    ),
    (0x9105, b"\x01\x0a", {"channel_no": 1, "package_loss_rate": 10}),
    (
        0x9202,
        b"\x01\x05\x00" + SPAN[:6],
        {"channel_no": 1, "play_control": 5, "play_speed": 0, "date_time": FROM},
    ),
    (
        0x9205,
        b"\x01" + SPAN + bytes.fromhex("0000000000000001 03 01 02"),
        {
            "channel_no": 1,
            "start_time": FROM,
            "end_time": TO,
            "alarm_flag": 1,
            "media_type": 3,
            "stream_type": 1,
            "storage_type": 2,
        },
    ),
    (0x9207, b"\x00\x07\x02", {"respond_serial_number": 7, "upload_control": 2}),
    (
        0x9208,
        b"\x0810.0.0.1" + bytes.fromhex("1f40 1f41") + SIGN + b"alarm-1".ljust(32, b"\0") + bytes(16),
        {
            "server_ip_len": 8,
            "server_addr": "10.0.0.1",
            "tcp_port": 8000,
            "udp_port": 8001,
            "terminal_id": "T000042",
            **TOLD_SIGN,
            "alarm_id": "alarm-1",
            "reserve": "00" * 16,
        },
    ),
    (
        0x9212,
        FILE + bytes.fromhex("01 01 01 00000010 00000020"),
        {
            **TOLD_FILE,
            "file_type": 1,
            "upload_result": 1,
            "retransmit_packet_number": 1,
            "retransmit_packet_list": [{"data_offset": 16, "data_length": 32}],
        },
    ),
    (0x9301, b"\x01\x02\x03", {"channel_no": 1, "direction": 2, "speed": 3}),
]


def told_of(framed: bytes) -> dict[str, Any]:
    """What ``decode`` prints of one frame."""
    (answer,) = answers([framed.hex().encode()], decodings()["jt808"].teller(Options()))
    return answer


@pytest.mark.parametrize("phone", [PHONE, PHONE_2019])
@pytest.mark.parametrize(("number", "body", "expected"), CASES, ids=[f"{case[0]:04x}" for case in CASES])
def test_the_fields_of_a_message(number: int, body: bytes, expected: dict[str, Any], phone: str) -> None:
    told = told_of(frame(number, body, 5, phone))
    assert told["ok"], told
    message = told["message"]
    envelope = {name: message.pop(name) for name in ("msg_id", "name", "phone", "serial", "version")}
    assert envelope["msg_id"] == f"0x{number:04x}"
    assert (envelope["phone"], envelope["serial"]) == (phone, 5)
    assert envelope["name"] == FORMS[number].name
    assert message == expected


def test_a_batch_lists_its_positions() -> None:
    told = told_of(frame(0x0704, batch([position()] * 2)))
    assert told["message"]["num"] == 2
    assert told["message"]["location_type"] == 1
    assert told["message"]["positions"] == [PLACE, PLACE]


def test_names_are_told_once() -> None:
    names = [form.name for form in FORMS.values()]
    assert len(set(names)) == len(names)
