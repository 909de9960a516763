"""Messages of JT/T 808 as tables of fields. Adding a message is adding an entry.

Table numbers are those of JT/T 808-2013 where nothing else is said. Positions, parameters, the platform's messages, and
those of video terminals (JT/T 1078) and of active safety (T/JSATL 12) have modules of their own.
"""

from __future__ import annotations

import msgspec

from devices.errors import DecodeError
from ingest.wire.jt808.fields import (
    Fields,
    Form,
    digits,
    many,
    raw,
    read,
    record,
    rest,
    rest_hex,
    text,
    text_of,
    time,
    u8,
    u16,
    u32,
)
from ingest.wire.jt808.header import Message
from ingest.wire.jt808.parameters import parameters
from ingest.wire.jt808.platform import PLATFORM_FORMS, RESEND_FORM, TEXT, TEXT_2019
from ingest.wire.jt808.safety import SAFETY_FORMS
from ingest.wire.jt808.video import VIDEO_FORMS

REGISTER, AUTHENTICATE, HEARTBEAT, LOGOUT, TERMINAL_REPLY = 0x0100, 0x0102, 0x0002, 0x0003, 0x0001
POSITION, POSITION_ANSWER, CONTROL_ANSWER, BATCH = 0x0200, 0x0201, 0x0500, 0x0704
ATTRIBUTES, DRIVER, MULTIMEDIA_EVENT = 0x0107, 0x0702, 0x0800
TIME_DEMAND, MULTIMEDIA_DATA, PASSENGERS, ATTACHMENTS = 0x0004, 0x0801, 0x1005, 0x1210
UPGRADE_RESULT, EVENT_REPORT, QUESTION_ANSWER, INFORMATION_DEMAND = 0x0108, 0x0301, 0x0302, 0x0303
WAYBILL, CAMERA_ANSWER, UPLOAD_FINISHED = 0x0701, 0x0805, 0x1206


def _register(manufacturer: int, model: int, terminal: int) -> Form:
    """Table 7 with the field sizes of one edition."""
    return Form(
        "register",
        (
            ("province_id", u16),
            ("city_id", u16),
            ("manufacturer_id", text(manufacturer)),
            ("terminal_model", text(model)),
            ("terminal_id", text(terminal)),
            ("plate_color", u8),
            ("license_plate_number", rest),
        ),
    )


def _attributes(model: int, terminal: int) -> Form:
    """Table 20 with the field sizes of one edition."""
    return Form(
        "attributes_answer",
        (
            ("terminal_type", u16),
            ("manufacturer_id", text(5)),
            ("terminal_model", text(model)),
            ("terminal_id", text(terminal)),
            ("iccid", digits(10)),
            ("hardware_version_len", u8),
            ("hardware_version", text_of("hardware_version_len")),
            ("firmware_version_len", u8),
            ("firmware_version", text_of("firmware_version_len")),
            ("gnss_module", u8),
            ("network_module", u8),
        ),
    )


_REGISTER_2011, _REGISTER_2013, _REGISTER_2019 = _register(5, 8, 7), _register(5, 20, 7), _register(11, 30, 30)
_SHORTEST_2013 = 37  #: bytes before the plate in 2013; a whole registration of 2011 with its plate is shorter

_MEDIA = (
    ("multimedia_id", u32),
    ("multimedia_type", u8),
    ("multimedia_format_encode", u8),
    ("event_item_encode", u8),
    ("channel_id", u8),
)
FORMS: dict[int, Form] = {
    TERMINAL_REPLY: Form("terminal_reply", (("serial_number", u16), ("id", u16), ("result", u8))),
    HEARTBEAT: Form("heartbeat"),
    TIME_DEMAND: Form("time_demand"),
    0x0005: msgspec.structs.replace(RESEND_FORM, name="terminal_resend_request"),
    LOGOUT: Form("logout"),
    REGISTER: _REGISTER_2013,
    AUTHENTICATE: Form("authenticate", (("auth_code", rest),)),
    0x0104: Form(
        "parameters_answer",
        (
            ("respond_serial_number", u16),
            ("respond_param_count", u8),
            ("params", parameters("respond_param_count")),
        ),
    ),
    ATTRIBUTES: _attributes(20, 7),
    UPGRADE_RESULT: Form("upgrade_result", (("upgrade_type", u8), ("result", u8))),
    POSITION: Form("position"),
    POSITION_ANSWER: Form("position_answer", (("respond_serial_number", u16),)),
    EVENT_REPORT: Form("event_report", (("event_id", u8),)),
    QUESTION_ANSWER: Form("question_answer", (("serial_number", u16), ("answer_id", u8))),
    INFORMATION_DEMAND: Form("information_demand", (("information_type", u8), ("flag", u8))),
    CONTROL_ANSWER: Form("control_answer", (("respond_serial_number", u16),)),
    0x0700: Form("recorder_data", (("respond_serial_number", u16), ("command", u8), ("data", rest_hex))),
    WAYBILL: Form("waybill", (("length", u32), ("content", text_of("length")))),
    DRIVER: Form(
        "driver_card",
        (
            ("status", u8),
            ("card_time", time),
            ("read_result", u8),
            ("driver_name_len", u8),
            ("driver_name", text_of("driver_name_len")),
            ("qualification_code", text(20)),
            ("issuer_len", u8),
            ("issuer", text_of("issuer_len")),
            ("expires_on", digits(4)),
            ("identity_card", text(20)),
        ),
        optional=8,
    ),
    BATCH: Form("position_batch", (("num", u16), ("location_type", u8))),
    0x0705: Form(
        "can_data",
        (
            ("num", u16),
            ("receive_time", digits(5)),
            ("items", many(record(("can_id", raw(4)), ("can_data", raw(8))), "num")),
        ),
    ),
    MULTIMEDIA_EVENT: Form("multimedia_event", _MEDIA),
    MULTIMEDIA_DATA: Form("multimedia_data", _MEDIA),
    0x0802: Form("multimedia_search_answer", (("respond_serial_number", u16), ("count", u16))),
    CAMERA_ANSWER: Form(
        "camera_answer",
        (
            ("respond_serial_number", u16),
            ("result", u8),
            ("multimedia_id_number", u16),
            ("multimedia_id_list", many(u32, "multimedia_id_number")),
        ),
        optional=2,
    ),
    0x0900: Form("transparent_up", (("transparent_type", u8), ("data", rest_hex))),
    0x0901: Form("compressed_up", (("length", u32), ("data", rest_hex))),
    0x0A00: Form("terminal_rsa_key", (("e", u32), ("n", raw(128)))),
    **PLATFORM_FORMS,
    **SAFETY_FORMS,
    **VIDEO_FORMS,
}

_FORMS_2019: dict[int, Form] = {
    REGISTER: _REGISTER_2019,
    ATTRIBUTES: _attributes(30, 30),
    AUTHENTICATE: Form(
        "authenticate",
        (
            ("auth_code_len", u8),
            ("auth_code", text_of("auth_code_len")),
            ("terminal_imei", text(15)),
            ("software_version", text(20)),
        ),
    ),
    TEXT: TEXT_2019,
}


def name_of(message_id: int) -> str | None:
    """The name of a message that the tables know."""
    form = FORMS.get(message_id)
    return form.name if form else None


def edition(message: Message) -> int:
    """2011, 2013 or 2019. 2011 and 2013 differ in the length of a registration and are told apart by nothing else."""
    header = message.header
    if header.message_id == REGISTER and header.version == 2013 and len(message.body) < _SHORTEST_2013:
        return 2011
    return header.version


def fields(message: Message) -> Fields:
    """The fields of a message that the tables know. Raises DecodeError."""
    number = message.header.message_id
    year = edition(message)
    form = _FORMS_2019.get(number) if year == 2019 else None
    if year == 2011:
        form = _REGISTER_2011
    form = form or FORMS.get(number)
    if form is None:
        raise DecodeError(f"message: 0x{number:04x} is not known")
    return read(form, message.body)
