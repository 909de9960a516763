"""JT/T 808 of 2011, 2013 and 2019: from the frames of a message to what it claims.

A payload, as the pipeline carries it and dead letters keep it, is one frame (unescaped, with checksum) or, of a
message that came in parts, the frames of its parts as they travelled, delimiters and escapes with them. No message
begins with the byte 0x7E, so that the two are told apart by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from devices.errors import DecodeError
from devices.metrics import Catalogue
from devices.vocabulary import Decoded, Identity, Occurrence, Uplink
from ingest.wire.jt808.alarms import Input
from ingest.wire.jt808.bodies import (
    ATTACHMENTS,
    BATCH,
    CAMERA_ANSWER,
    CONTROL_ANSWER,
    DRIVER,
    EVENT_REPORT,
    INFORMATION_DEMAND,
    MULTIMEDIA_EVENT,
    PASSENGERS,
    POSITION,
    POSITION_ANSWER,
    QUESTION_ANSWER,
    UPGRADE_RESULT,
    UPLOAD_FINISHED,
    WAYBILL,
    edition,
    fields,
    name_of,
)
from ingest.wire.jt808.fields import Reader
from ingest.wire.jt808.frames import DELIMITER, Framer, escape, verify
from ingest.wire.jt808.header import Message, parse, require_plain
from ingest.wire.jt808.parts import Reassembler, Whole
from ingest.wire.jt808.position import FIXED_PART, PositionBody, claims, parse_position, parse_time

SCHEME = "jt808_phone"
MAX_PROBLEMS = 20  #: told of one message; the rest is counted

_OFFSETS = {POSITION: 0, POSITION_ANSWER: 2, CONTROL_ANSWER: 2}  #: where a position begins in the body
_REPORTS: dict[int, int | None] = {
    **dict.fromkeys((UPGRADE_RESULT, EVENT_REPORT, QUESTION_ANSWER, INFORMATION_DEMAND, WAYBILL)),
    **dict.fromkeys((MULTIMEDIA_EVENT, CAMERA_ANSWER, UPLOAD_FINISHED)),
    DRIVER: 1,
    PASSENGERS: 6,
    ATTACHMENTS: 14,
}
"""Messages that are filed as an event which holds their fields, and where the time of the event begins in the body."""
_ANSWERS = frozenset((0x0001, 0x0104, 0x0107, 0x0700, 0x0802, 0x0A00, 0x1003, 0x1205))
_DAY, _NIGHT = 86_400_000_000, 4 * 3_600_000_000  #: µs; 20:00 UTC is 4:00 in Beijing, when few vehicles work
_PICTURE = 8  #: where the position of a picture begins, or in 2011 the picture itself
FILED = frozenset((*_OFFSETS, BATCH, *_REPORTS))  #: messages of which something is kept: answered after the commit


def is_answer(number: int) -> bool:
    """Whether a terminal's message answers one of the platform's, so that nothing answers it in turn."""
    return number in _ANSWERS


class Placed(msgspec.Struct, frozen=True):
    """A position and where it stands in its message; ``where`` is a prefix for problems."""

    body: PositionBody
    where: str = ""


def payload_of(whole: Whole) -> bytes:
    """The payload of a message for the pipeline."""
    if len(whole.frames) == 1:
        return whole.frames[0]
    return b"".join(escape(frame) for frame in whole.frames)


def message_of(payload: bytes) -> Message:
    """The message of a payload. Raises DecodeError."""
    if payload[:1] != bytes((DELIMITER,)):
        message = parse(verify(payload))
        if message.header.parts > 1:
            raise DecodeError(f"header: only part {message.header.part} of {message.header.parts}")
        return message
    parts = Reassembler()
    for frame in Framer().feed(payload):
        whole = parts.add(parse(frame), frame, 0)
        if whole is not None:
            return whole.message
    raise DecodeError("frame: no whole message between the delimiters")


def positions(message: Message, problems: list[str]) -> list[Placed]:
    """The positions that a message carries: one, those of a batch, or none. Raises DecodeError when none is sound."""
    number, body = message.header.message_id, message.body
    if number == BATCH:
        return _batch(body, problems)
    offset = _OFFSETS.get(number)
    return [] if offset is None else [Placed(parse_position(body[offset:]))]


def picture(message: Message) -> tuple[PositionBody | None, int]:
    """The position at which a picture (0x0801) was taken, and the size of the picture in bytes.

    The first edition has no position there: it is told by the time, which bytes of a picture hardly ever are.
    """
    body = message.body[_PICTURE:]
    try:
        found = parse_position(body[:FIXED_PART])
        parse_time(found.time)
    except DecodeError:
        return None, len(body)
    return found, len(body) - FIXED_PART


def check(message: Message) -> None:
    """Raise DecodeError for a message of which nothing could be filed; cheaper than :func:`decode`."""
    require_plain(message.header)
    if message.header.message_id in _REPORTS:
        _report(message, Identity(SCHEME, message.header.phone))
        return
    found = positions(message, [])
    for placed in found:
        try:
            parse_time(placed.body.time)
        except DecodeError:
            if placed is found[-1]:
                raise
        else:
            return


def decode(payload: bytes, catalogue: Catalogue, inputs: Sequence[Input] = (), received_at: int = 0) -> Decoded:
    """Decode a payload that was received at ``received_at`` (µs).

    Raises DecodeError when nothing of it can be read; otherwise the problems name what was refused.
    """
    message = message_of(payload)
    require_plain(message.header)
    identity = Identity(SCHEME, message.header.phone)
    problems: list[str] = []
    uplinks = []
    for placed in positions(message, problems):
        try:
            uplink, faults = claims(placed.body, identity, message.header.version, catalogue, inputs)
        except DecodeError as error:
            problems.append(f"{placed.where}{error}")
            continue
        uplinks.append(uplink)
        problems += [f"{placed.where}{fault}" for fault in faults]
    if message.header.message_id in _REPORTS:
        uplinks.append(_report(message, identity))
    if not uplinks:
        _refuse(message, problems)
    _name(uplinks, payload, received_at)
    if len(problems) > MAX_PROBLEMS:
        problems[MAX_PROBLEMS:] = [f"and {len(problems) - MAX_PROBLEMS} more"]
    return Decoded(uplinks, problems, identity)


def _refuse(message: Message, problems: list[str]) -> None:
    number = message.header.message_id
    if problems:
        raise DecodeError("; ".join(problems[:MAX_PROBLEMS]))
    if number not in FILED:
        raise DecodeError(f"message: nothing of 0x{number:04x} ({name_of(number) or 'unknown'}) is kept")


def _name(uplinks: list[Uplink], payload: bytes, received_at: int) -> None:
    """Give each uplink the name by which it is known again where it has no usable time.

    The name is that of the bytes, with the serial among them: a terminal that sends a message again for want of an
    answer sends the same bytes, and one that says the same twice counts its serial on. Serials begin anew when a
    terminal is switched on, so that the same bytes are the same message only within a day (from 4:00 in Beijing).
    """
    day = ((received_at + _NIGHT) // _DAY).to_bytes(8, "big", signed=True)
    digest = blake2b(payload, digest_size=12, salt=day).hexdigest()
    for index, uplink in enumerate(uplinks):
        uplink.message_id = f"{digest}.{index}"


def _batch(body: bytes, problems: list[str]) -> list[Placed]:
    """0x0704 (2013, clause 8.49): count, type, and positions with their lengths."""
    reader = Reader(body)
    count, _ = reader.number(2), reader.number(1)
    found = []
    index = 0
    while reader.left:
        where = f"[{index}]."
        try:
            item = reader.take(reader.number(2))
        except DecodeError as error:
            problems.append(f"{where}length: {error}")
            break
        try:
            found.append(Placed(parse_position(item), where))
        except DecodeError as error:
            problems.append(f"{where}{error}")
        index += 1
    if not found:
        raise DecodeError("; ".join(problems[:MAX_PROBLEMS]) or "position_batch: holds no position")
    if index != count and not problems:
        problems.append(f"position_batch: holds {index} positions, its count says {count}")
    return found


def _report(message: Message, identity: Identity) -> Uplink:
    """A driver's card, a count of passengers ..., as an event with the fields of the message for attributes."""
    values = fields(message)
    start = _REPORTS[message.header.message_id]
    observed_at = None if start is None else parse_time(message.body[start : start + 6].hex())
    kind = name_of(message.header.message_id) or "report"
    return Uplink(identity, observed_at, occurrences=(Occurrence(kind, values),), kind="vehicle")


__all__ = [
    "FILED",
    "MAX_PROBLEMS",
    "SCHEME",
    "Placed",
    "check",
    "decode",
    "edition",
    "fields",
    "is_answer",
    "message_of",
    "name_of",
    "payload_of",
    "picture",
    "positions",
]
