"""Messages from the platform to a terminal, as frames ready to be sent.

Each takes the terminal's own header: phone, edition and protocol revision of an answer are those of the question.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import IntEnum

from ingest.wire.jt808.frames import escape, seal
from ingest.wire.jt808.header import LENGTH, Header, build
from ingest.wire.jt808.platform import PLATFORM_REPLY, REGISTER_REPLY, RESEND, SERVER_TIME, TEXT


class Result(IntEnum):
    """Results of a general reply (2013, table 5)."""

    OK = 0
    FAILED = 1
    BAD = 2
    UNSUPPORTED = 3
    ALARM_CONFIRMED = 4


class Registration(IntEnum):
    """Results of a registration (2013, table 8)."""

    OK = 0
    VEHICLE_TAKEN = 1
    NO_SUCH_VEHICLE = 2
    TERMINAL_TAKEN = 3
    NO_SUCH_TERMINAL = 4


TEXT_DISPLAY = 1 << 2  #: show on the terminal's display
TEXT_SPEAK = 1 << 3  #: read aloud
_URGENT_2019 = 0b10
_NOTICE = 1  #: text type of 2019: a notification


def framed(terminal: Header, message_id: int, serial: int, body: bytes) -> bytes:
    """A message to a terminal as a frame. Raises ValueError when the body is too long."""
    version, revision = terminal.version, terminal.protocol_version
    header = Header(message_id, 0, terminal.phone, serial & 0xFFFF, version, revision)
    return escape(seal(build(header, body)))


def general_reply(question: Header, serial: int, result: int, answered: int | None = None) -> bytes:
    """0x8001 (2013, clause 8.2). ``answered`` is the question's serial where it is not that of the header."""
    number = question.serial if answered is None else answered
    body = number.to_bytes(2, "big") + question.message_id.to_bytes(2, "big") + bytes((result,))
    return framed(question, PLATFORM_REPLY, serial, body)


def register_reply(question: Header, serial: int, result: int, code: str = "") -> bytes:
    """0x8100 (2013, clause 8.6); the code stands only with result 0."""
    body = question.serial.to_bytes(2, "big") + bytes((result,))
    return framed(question, REGISTER_REPLY, serial, body + (code.encode("gbk") if result == Registration.OK else b""))


def resend_request(question: Header, serial: int, original: int, parts: Sequence[int]) -> bytes:
    """0x8003 (2013, clause 8.4): ask for the parts of a message again. In 2019 the count has two bytes."""
    count = len(parts).to_bytes(2 if question.version == 2019 else 1, "big")
    body = original.to_bytes(2, "big") + count + b"".join(part.to_bytes(2, "big") for part in parts)
    return framed(question, RESEND, serial, body)


def time_reply(question: Header, serial: int, now: int) -> bytes:
    """0x8004 (2019, clause 8.5): the platform's time ``now`` (µs since 1970), which goes out in UTC."""
    moment = datetime.fromtimestamp(now // 1_000_000, UTC)
    return framed(question, SERVER_TIME, serial, bytes.fromhex(f"{moment:%y%m%d%H%M%S}"))


def text_message(terminal: Header, serial: int, text: str, *, urgent: bool = False, speak: bool = True) -> bytes:
    """0x8300: text for the display, read aloud too unless told otherwise.

    Raises ValueError for text that GBK does not hold or that is too long for one message.
    """
    flag = TEXT_DISPLAY | (TEXT_SPEAK if speak else 0)
    try:
        content = text.encode("gbk")
    except UnicodeEncodeError as error:
        raise ValueError(f"text: {text[error.start]!r} is not in GBK, which terminals read") from None
    if terminal.version == 2019:
        head = bytes((flag | (_URGENT_2019 if urgent else 0b11), _NOTICE))
    else:
        head = bytes((flag | urgent,))
    if not content or len(head) + len(content) > LENGTH:
        raise ValueError(f"text: {len(content)} bytes in GBK, expected 1 to {LENGTH - len(head)}")
    return framed(terminal, TEXT, serial, head + content)
