"""The form of an answer of ``sanihub decode``: the contract that scripts rely on."""

from __future__ import annotations

from typing import Any

import msgspec

from devices import instants
from devices.errors import DecodeError
from devices.vocabulary import Decoded, Frame, Position, Uplink
from ingest.ports import Decoder

SHOWN_INPUT = 500  #: characters of a faulty input that are printed
NOBODY = "0:nobody:0"  #: an identity where the caller named no device; never printed

Answer = dict[str, Any]


def described(line: bytes, frame: Frame, decoder: Decoder) -> Answer:
    """What a decoder makes of the frame of one line."""
    try:
        decoded = decoder(frame)
    except DecodeError as error:
        return fault(str(error), line)
    if not decoded.uplinks and decoded.problems:
        return fault("; ".join(decoded.problems), line)
    return told(decoded)


def fault(error: str, line: bytes) -> Answer:
    """The answer to a line that is no frame."""
    return {"ok": False, "error": error, "input": line[: 4 * SHOWN_INPUT].decode("utf-8", "replace")[:SHOWN_INPUT]}


def told(decoded: Decoded) -> Answer:
    """The first message at the top level; all of them beside it where there are several."""
    uplinks = [form(uplink) for uplink in decoded.uplinks]
    first = uplinks[0] if uplinks else form(None)
    answer: Answer = {"ok": True, **first, "reply": None}
    if len(uplinks) > 1:
        answer["uplinks"] = [{"ok": True, **uplink, "reply": None} for uplink in uplinks]
    if decoded.problems:
        answer["problems"] = decoded.problems
    return answer


def form(uplink: Uplink | None) -> Answer:
    """One message; of None an empty one, for a frame that says nothing (it clears a retained status)."""
    if uplink is None:
        return {"device": {}, "observed_at": None, "readings": {}, "fix": None, "events": [], "message": {}}
    named = uplink.identity.value != NOBODY
    extra = {"seq": uplink.seq, "id": uplink.message_id, "kind": uplink.kind, "online": uplink.online}
    if uplink.doubtful:
        extra["doubtful"] = sorted(uplink.doubtful)  # type: ignore[assignment]
    return {
        "device": {uplink.identity.scheme: uplink.identity.value} if named else {},
        "observed_at": _iso(uplink.observed_at),
        "readings": {name: value for name, value in uplink.readings.items() if value is not None},
        "fix": None if uplink.position is None else _fix(uplink.position),
        "events": [
            {"kind": event.kind, "observed_at": _iso(event.observed_at), "attributes": event.attributes}
            for event in uplink.occurrences
        ],
        "message": {name: value for name, value in extra.items() if value is not None},
    }


def _fix(position: Position) -> Answer:
    fields = msgspec.structs.asdict(position)
    return {name: value for name, value in fields.items() if value is not None and value != ()}


def _iso(instant: int | None) -> str | None:
    return None if instant is None else instants.to_iso(instant)
