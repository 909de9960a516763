"""Messages of JT/T 808 from the platform to terminals. Table numbers are those of JT/T 808-2013 where none is said.

The hub sends few of them (:mod:`ingest.wire.jt808.replies`); ``sanihub decode`` reads them all.
"""

from __future__ import annotations

from ingest.wire.jt808.fields import (
    Fields,
    Form,
    Reader,
    many,
    raw,
    record,
    rest,
    rest_hex,
    text,
    text_of,
    time,
    u8,
    u16,
    u32,
    until_end,
)
from ingest.wire.jt808.parameters import parameters

PLATFORM_REPLY, REGISTER_REPLY, RESEND, TEXT, SERVER_TIME = 0x8001, 0x8100, 0x8003, 0x8300, 0x8004
MEDIA_REPLY = 0x8800

_SHOT = (
    ("resolution", u8),
    ("video_quality", u8),
    ("intensity", u8),
    ("contrast", u8),
    ("saturation", u8),
    ("chroma", u8),
)
_MEDIA_SPAN = (
    ("multimedia_type", u8),
    ("channel_id", u8),
    ("event_item_encode", u8),
    ("start_time", time),
    ("end_time", time),
)


def part_count(reader: Reader, _: Fields) -> int:
    """The number of parts asked for again: a BYTE (2013, clause 8.4), a WORD in 2019 (clause 8.6).

    Implementations mix the two up. Two bytes follow for each part, so that what is left tells them apart.
    """
    return reader.number(1 if reader.left % 2 else 2)


RESEND_FORM = Form(
    "resend_request",
    (
        ("original_serial_number", u16),
        ("again_package_count", part_count),
        ("again_package_list", many(u16, "again_package_count")),
    ),
)
PLATFORM_FORMS: dict[int, Form] = {
    PLATFORM_REPLY: Form("platform_reply", (("respond_serial_number", u16), ("respond_id", u16), ("result", u8))),
    RESEND: RESEND_FORM,
    SERVER_TIME: Form("server_time", (("server_time", time),)),
    REGISTER_REPLY: Form(
        "register_reply", (("respond_serial_number", u16), ("result", u8), ("auth_code", rest)), optional=1
    ),
    0x8103: Form("set_parameters", (("param_total", u8), ("params", parameters("param_total")))),
    0x8104: Form("query_parameters"),
    0x8105: Form("control_terminal", (("command", u8), ("arguments", rest))),
    0x8106: Form("query_some_parameters", (("count", u8), ("ids", many(u32, "count")))),
    0x8107: Form("query_attributes"),
    0x8108: Form(
        "upgrade",
        (
            ("upgrade_type", u8),
            ("manufacturer_id", text(5)),
            ("version_len", u8),
            ("version_number", text_of("version_len")),
            ("length", u32),
            ("data", rest_hex),
        ),
    ),
    0x8201: Form("query_position"),
    0x8202: Form("track", (("time_interval", u16), ("track_validity", u32)), optional=1),
    0x8203: Form("confirm_alarm", (("alarm_serial_number", u16), ("alarm_type", u32))),
    0x8204: Form("test_link"),
    TEXT: Form("text", (("flag", u8), ("text", rest))),
    0x8302: Form(
        "question",
        (
            ("flag", u8),
            ("question_content_len", u8),
            ("question_content", text_of("question_content_len")),
            (
                "answer_list",
                until_end(
                    record(
                        ("answer_id", u8),
                        ("answer_content_len", u16),
                        ("answer_content", text_of("answer_content_len")),
                    )
                ),
            ),
        ),
    ),
    0x8304: Form(
        "information",
        (("information_type", u8), ("information_len", u16), ("information", text_of("information_len"))),
    ),
    0x8400: Form("call_back", (("flag", u8), ("phone_number", rest))),
    0x8500: Form("control_vehicle", (("flag", u8),)),
    0x8700: Form("recorder_request", (("command", u8), ("data", rest_hex))),
    0x8702: Form("query_driver"),
    MEDIA_REPLY: Form(
        "multimedia_reply",
        (
            ("multimedia_id", u32),
            ("again_package_count", u8),
            ("again_package_list", many(u16, "again_package_count")),
        ),
        optional=2,
    ),
    0x8801: Form(
        "camera_command",
        (
            ("channel_id", u8),
            ("shoot_command", u16),
            ("photo_interval_or_video_time", u16),
            ("save_flag", u8),
            *_SHOT,
        ),
    ),
    0x8802: Form("multimedia_search", _MEDIA_SPAN),
    0x8803: Form("multimedia_upload", (*_MEDIA_SPAN, ("delete_flag", u8))),
    0x8804: Form("record_sound", (("command", u8), ("duration", u16), ("save_flag", u8), ("sampling_rate", u8))),
    0x8805: Form("multimedia_upload_one", (("multimedia_id", u32), ("delete_flag", u8))),
    0x8900: Form("transparent_down", (("transparent_type", u8), ("data", rest_hex))),
    0x8A00: Form("platform_rsa_key", (("e", u32), ("n", raw(128)))),
}
TEXT_2019 = Form("text", (("flag", u8), ("text_type", u8), ("text", rest)))
