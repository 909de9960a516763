"""``sanihub decode jt808``: a frame a line, in hexadecimal, with or without its delimiters.

A line may also be a piece of a stream, as a capture shows it: several frames, and half of one at its end. Each frame is
answered in a line of its own.
"""

from __future__ import annotations

from devices.errors import DecodeError
from devices.metrics import Catalogue
from devices.vocabulary import Uplink
from hub.decoding.decoding import Decoding
from hub.decoding.form import Answer, fault, form
from ingest.adapters.jt808.settings import NAME
from ingest.wire.jt808 import messages
from ingest.wire.jt808.bodies import (
    AUTHENTICATE,
    BATCH,
    HEARTBEAT,
    LOGOUT,
    MULTIMEDIA_DATA,
    REGISTER,
    TERMINAL_REPLY,
    TIME_DEMAND,
)
from ingest.wire.jt808.fields import Fields
from ingest.wire.jt808.frames import DELIMITER, unescape, verify
from ingest.wire.jt808.header import Message, parse, require_plain
from ingest.wire.jt808.parts import Reassembler, Whole
from ingest.wire.jt808.position import PositionBody
from ingest.wire.jt808.replies import Registration, Result, general_reply, register_reply

MARK = bytes((DELIMITER,))
PLATFORM = 0x8000  #: messages from here on go to terminals; nobody answers them
_AT_ONCE = frozenset((HEARTBEAT, LOGOUT, TERMINAL_REPLY))


class Jt808Lines:
    """Says what stands in each line. Lines that are parts of one message are joined; the last of them tells it.

    The reply is the one of a hub whose own serial is 0, which has committed what it had to. The hub's secret is not at
    hand here: the code that a registration gets, and that authentication is held against, is the terminal's phone
    without its leading zeros. A general reply is shown to a general reply too; the hub itself sends none, or two sides
    that answer answers would never end.
    """

    def __init__(self) -> None:
        self._catalogue = Catalogue()
        self._parts = Reassembler()

    def feed(self, line: bytes) -> list[Answer]:
        """What is to be printed for one line."""
        try:
            data = bytes_of(line)
        except DecodeError as error:
            return [fault(str(error), line)]
        several = MARK in data.strip(MARK)
        if not several or data[:1] != MARK:  # a frame without its delimiters may hold that byte as it is
            answer = self._frame(data, line)
            if answer["ok"] or not several:
                return [answer]
        noise, *pieces, rest = data.split(MARK)
        answers = [self._frame(MARK + piece + MARK, piece.hex().encode()) for piece in pieces if piece]
        if noise:
            answers.insert(0, fault(f"line: {len(noise)} bytes before the first 7e", noise.hex().encode()))
        if rest:
            answers.append(fault(f"frame: {len(rest)} bytes, and its end (7e) is missing", rest.hex().encode()))
        return answers

    def told(self, answer: Answer) -> list[Answer]:
        """Nothing waits here."""
        return [answer]

    def end(self) -> list[Answer]:
        """Nothing is left at the end: the part of a message that lacks others was told when it came."""
        return []

    def _frame(self, data: bytes, line: bytes) -> Answer:
        """What is to be printed for one frame, of which ``line`` is shown where it is none."""
        try:
            frame = frame_of(data)
            message = parse(frame)
            require_plain(message.header)
            whole = self._parts.add(message, frame, 0)
            if whole is None:
                return self._told(message, [], {"part": message.header.part, "parts": message.header.parts})
            return self._whole(whole)
        except DecodeError as error:
            return fault(str(error), line)

    def _whole(self, whole: Whole) -> Answer:
        message = whole.message
        problems: list[str] = []
        uplinks: list[Uplink] = []
        if message.header.message_id in messages.FILED:
            decoded = messages.decode(messages.payload_of(whole), self._catalogue)
            uplinks, problems = decoded.uplinks, decoded.problems
        told = self._told(message, uplinks, message_fields(message))
        told["reply"] = None if (reply := reply_to(message)) is None else reply.hex()
        if problems:
            told["problems"] = problems
        return told

    def _told(self, message: Message, uplinks: list[Uplink], values: Fields) -> Answer:
        header = message.header
        forms = [self._form(uplink) for uplink in uplinks] or [self._form(None)]
        told: Answer = {"ok": True, **forms[0], "reply": None}
        told["device"] = {messages.SCHEME: header.phone}
        told["message"] = {
            "msg_id": f"0x{header.message_id:04x}",
            "name": messages.name_of(header.message_id),
            "phone": header.phone,
            "serial": header.serial,
            "version": messages.edition(message),
            **values,
        }
        if len(forms) > 1:
            told["uplinks"] = [{"ok": True, **one, "reply": None} for one in forms]
        return told

    def _form(self, uplink: Uplink | None) -> Answer:
        return {**form(uplink), "message": {}}


def bytes_of(line: bytes) -> bytes:
    """The bytes of a line of hexadecimal digits. Raises DecodeError."""
    try:
        return bytes.fromhex(line.decode("utf-8", "replace").replace("0x", ""))
    except ValueError:
        raise DecodeError("line: expected hexadecimal digits, two to a byte") from None


def frame_of(data: bytes) -> bytes:
    """The one frame of some bytes. Without delimiters it may be escaped or not. Raises DecodeError."""
    if data[:1] == MARK:
        return verify(unescape(data.strip(MARK)))
    return _bare(data)


def _bare(data: bytes) -> bytes:
    """A frame without delimiters, escaped or not: two escapes can leave the checksum as it was, the length tells."""
    if b"\x7d" not in data:
        return verify(data)
    sound = []
    for read in (bytes, unescape):
        try:
            message = parse(frame := verify(read(data)))
        except DecodeError:
            continue
        if message.header.length == len(message.body):
            return frame
        sound.append(frame)
    return sound[0] if sound else verify(unescape(data))


def message_fields(message: Message) -> Fields:
    """The fields of a message by the names of the tables; of a position its numbers as sent and its items in hex.

    Of a message that no table knows the body, in hexadecimal.
    """
    number = message.header.message_id
    if messages.name_of(number) is None:
        return {"body": message.body.hex()}
    found = messages.fields(message)
    if number == BATCH:
        return {**found, "positions": [_position_fields(placed.body) for placed in messages.positions(message, [])]}
    if number == MULTIMEDIA_DATA:
        place, size = messages.picture(message)
        return {**found, **(_position_fields(place) if place else {}), "multimedia_package_len": size}
    for placed in messages.positions(message, []):
        found |= _position_fields(placed.body)
    return found


def _position_fields(body: PositionBody) -> Fields:
    date = "-".join(body.time[at : at + 2] for at in (0, 2, 4))
    return {
        "alarm": body.alarm,
        "status": body.status,
        "latitude": body.latitude,
        "longitude": body.longitude,
        "altitude": body.altitude,
        "speed": body.speed,
        "direction": body.direction,
        "date_time": f"20{date} " + ":".join(body.time[at : at + 2] for at in (6, 8, 10)),
        "items": {f"0x{item:02x}": value.hex() for item, value in body.items.items()},
    }


def reply_to(message: Message) -> bytes | None:
    """The frame that a hub answers a sound message with; None for one that goes unanswered."""
    header = message.header
    number = header.message_id
    if number >= PLATFORM:
        return None
    code = header.phone.lstrip("0") or header.phone
    if number == REGISTER:
        return register_reply(header, 0, Registration.OK, code)
    if number == AUTHENTICATE:
        known = messages.fields(message)["auth_code"] == code
        return general_reply(header, 0, Result.OK if known else Result.FAILED)
    if number in messages.FILED or number in _AT_ONCE:
        return general_reply(header, 0, Result.OK)
    if messages.is_answer(number) or number == TIME_DEMAND:  # the answer to the latter depends on the clock
        return None
    return general_reply(header, 0, Result.UNSUPPORTED)


DECODINGS = (Decoding(NAME, "JT/T 808 frames in hexadecimal", lambda _: Jt808Lines()),)
