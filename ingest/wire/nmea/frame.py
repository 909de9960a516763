"""The payload of a frame that carries an epoch: its raw sentences, a line each, and what they do not say themselves.

The pipeline, a replay and a person reading a dead letter all decode the payload anew. What was known from earlier
epochs and is needed for that stands in a first line of our own: ``#epoch date=2026-11-23 seq=1``.
"""

from __future__ import annotations

import re
from datetime import date

from devices.errors import DecodeError
from ingest.wire.nmea.epoch import Epoch
from ingest.wire.nmea.lines import LineSplitter
from ingest.wire.nmea.sentence import Sentence, parse

_HEAD = re.compile(rb"#epoch(?: date=([0-9]{4}-[0-9]{2}-[0-9]{2}))?(?: seq=([0-9]{1,9}))?\Z")


def payload_of(epoch: Epoch) -> bytes:
    """The epoch as bytes."""
    context = []
    if epoch.day is not None:
        context.append(f"date={epoch.day.isoformat()}")
    if epoch.seq is not None:
        context.append(f"seq={epoch.seq}")
    lines = [sentence.raw for sentence in epoch.sentences]
    if context:
        lines.insert(0, " ".join(["#epoch", *context]).encode("ascii"))
    return b"\r\n".join(lines)


def epoch_of(payload: bytes, *, checksum_required: bool = True) -> Epoch:
    """The epoch of a payload. Raises DecodeError when a line is no sound sentence or two tell different times."""
    splitter = LineSplitter()
    pieces = splitter.feed(payload) + splitter.close()
    day, seq = _context(pieces.pop(0)) if pieces and pieces[0][:1] == b"#" else (None, None)
    sentences = [_parse(piece, number, len(pieces), checksum_required) for number, piece in enumerate(pieces, 1)]
    times = {one.facts.time for one in sentences if one.facts is not None and one.facts.time is not None}
    if len(times) > 1:
        raise DecodeError("payload: holds sentences of more than one epoch")
    if not any(one.facts is not None for one in sentences):
        raise DecodeError("payload: holds no sentence of a type that is read")
    return Epoch(sentences, day, seq)


def _parse(piece: bytes, number: int, count: int, checksum_required: bool) -> Sentence:
    try:
        return parse(piece, checksum_required=checksum_required)
    except DecodeError as error:
        raise DecodeError(f"sentence {number}: {error}" if count > 1 else str(error)) from None


def _context(line: bytes) -> tuple[date | None, int | None]:
    match = _HEAD.match(line)
    if match is None:
        raise DecodeError("payload: expected sentences, or a first line such as #epoch date=2026-11-23")
    try:
        day = date.fromisoformat(match[1].decode("ascii")) if match[1] else None
    except ValueError:
        raise DecodeError("payload: the date of the first line is no day") from None
    return day, int(match[2]) if match[2] else None
