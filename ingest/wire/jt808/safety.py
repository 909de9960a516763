"""Messages about the attachments of active-safety alarms (T/JSATL 12-2017, clauses 4.5 and 4.6).

A platform sends a terminal to an attachment server with 0x9208; there it announces its files (0x1210, 0x1211),
transfers them outside of the frames of JT/T 808, and ends each with 0x1212. The hub is no such server: it never sends
0x9208 and takes no files.
"""

from __future__ import annotations

from ingest.wire.jt808.fields import Form, many, record, rest_hex, text, text_of, time, u8, u16, u32

_SIGN = (("time", time), ("serial_number", u8), ("attach_number", u8), ("alarm_reserve", u8))
_FILE = (("file_name_len", u8), ("file_name", text_of("file_name_len")))

SAFETY_FORMS: dict[int, Form] = {
    0x1210: Form(
        "alarm_attachments",
        (
            ("terminal_id", text(7)),
            ("alarm_terminal_id", text(7)),
            *_SIGN,
            ("alarm_id", text(32)),
            ("info_type", u8),
            ("attach_count", u8),
            ("attachments", many(record(*_FILE, ("file_size", u32)), "attach_count")),
        ),
    ),
    0x1211: Form("file_announced", (*_FILE, ("file_type", u8), ("file_size", u32))),
    0x1212: Form("file_uploaded", (*_FILE, ("file_type", u8), ("file_size", u32))),
    0x9208: Form(
        "alarm_attachment_upload",
        (
            ("server_ip_len", u8),
            ("server_addr", text_of("server_ip_len")),
            ("tcp_port", u16),
            ("udp_port", u16),
            ("terminal_id", text(7)),
            *_SIGN,
            ("alarm_id", text(32)),
            ("reserve", rest_hex),
        ),
    ),
    0x9212: Form(
        "file_uploaded_reply",
        (
            *_FILE,
            ("file_type", u8),
            ("upload_result", u8),
            ("retransmit_packet_number", u8),
            (
                "retransmit_packet_list",
                many(record(("data_offset", u32), ("data_length", u32)), "retransmit_packet_number"),
            ),
        ),
        optional=2,
    ),
}
