"""Messages of video terminals (JT/T 1078-2016), which travel in frames of JT/T 808."""

from __future__ import annotations

from ingest.wire.jt808.fields import Form, many, record, text_of, time, u8, u16, u32, u64

_SPAN = (("start_time", time), ("end_time", time))
_RESOURCE = (
    ("channel_no", u8),
    *_SPAN,
    ("alarm_flag", u64),
    ("media_type", u8),
    ("stream_type", u8),
    ("storage_type", u8),
)
_LISTED = (
    ("channel_no", u8),
    *_SPAN,
    ("alarm_flag", u64),
    ("audio_video_resource_type", u8),
    ("stream_type", u8),
    ("memory_type", u8),
    ("file_size_byte", u32),
)
_AIMED = (("channel_no", u8),)

VIDEO_FORMS: dict[int, Form] = {
    0x1003: Form(
        "video_attributes",
        (
            ("enter_audio_encoding", u8),
            ("enter_audio_channels_number", u8),
            ("enter_audio_sample_rate", u8),
            ("enter_audio_sample_digits", u8),
            ("audio_frame_length", u16),
            ("has_supported_audio_output", u8),
            ("video_encoding", u8),
            ("terminal_supported_max_number_of_audio_physical_channels", u8),
            ("terminal_supported_max_number_of_video_physical_channels", u8),
        ),
    ),
    0x1005: Form("passengers", (*_SPAN, ("board_number", u16), ("alight_number", u16))),
    0x1205: Form(
        "video_resources",
        (
            ("serial_number", u16),
            ("audio_video_resource_total", u32),
            ("audio_video_resource_list", many(record(*_LISTED), "audio_video_resource_total")),
        ),
    ),
    0x1206: Form("upload_finished", (("respond_serial_number", u16), ("result", u8))),
    0x9003: Form("query_video_attributes"),
    0x9101: Form(
        "live_video_request",
        (
            ("server_ip_len", u8),
            ("server_ip_addr", text_of("server_ip_len")),
            ("tcp_port", u16),
            ("udp_port", u16),
            ("channel_no", u8),
            ("data_type", u8),
            ("stream_type", u8),
        ),
    ),
    0x9102: Form(
        "live_video_control",
        (("channel_no", u8), ("control_cmd", u8), ("close_audio_video_data", u8), ("stream_type", u8)),
    ),
    0x9105: Form("live_video_status", (("channel_no", u8), ("package_loss_rate", u8))),
    0x9201: Form(
        "playback_request",
        (
            ("server_ip_len", u8),
            ("server_ip_addr", text_of("server_ip_len")),
            ("tcp_port", u16),
            ("udp_port", u16),
            ("channel_no", u8),
            ("media_type", u8),
            ("stream_type", u8),
            ("memory_type", u8),
            ("playback_way", u8),
            ("play_speed", u8),
            *_SPAN,
        ),
    ),
    0x9202: Form(
        "playback_control", (("channel_no", u8), ("play_control", u8), ("play_speed", u8), ("date_time", time))
    ),
    0x9205: Form("query_resources", _RESOURCE),
    0x9206: Form(
        "file_upload",
        (
            ("ftp_addr_len", u8),
            ("ftp_addr", text_of("ftp_addr_len")),
            ("port", u16),
            ("username_len", u8),
            ("username", text_of("username_len")),
            ("password_len", u8),
            ("password", text_of("password_len")),
            ("file_upload_path_len", u8),
            ("file_upload_path", text_of("file_upload_path_len")),
            ("channel_no", u8),
            *_SPAN,
            ("alarm_flag", u64),
            ("media_type", u8),
            ("stream_type", u8),
            ("memory_position", u8),
            ("task_execute_condition", u8),
        ),
    ),
    0x9207: Form("file_upload_control", (("respond_serial_number", u16), ("upload_control", u8))),
    0x9301: Form("camera_turn", (*_AIMED, ("direction", u8), ("speed", u8))),
    0x9302: Form("camera_focus", (*_AIMED, ("direction", u8))),
    0x9303: Form("camera_iris", (*_AIMED, ("direction", u8))),
    0x9304: Form("camera_wiper", (*_AIMED, ("switch", u8))),
    0x9305: Form("camera_infrared", (*_AIMED, ("switch", u8))),
    0x9306: Form("camera_zoom", (*_AIMED, ("direction", u8))),
}
