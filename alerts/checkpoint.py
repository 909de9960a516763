"""A track as bytes, so that a fold can go on from where it was."""

from __future__ import annotations

from typing import Any

import msgspec

from alerts.fold import NEVER, Alert, Track
from alerts.kind import kinds

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


def pack(track: Track, kind_of: dict[str, str]) -> bytes:
    """A track as bytes. ``kind_of`` names the kind of each rule that has a state."""
    states = {rule: (kind_of[rule], state) for rule, state in track.states.items()}
    return _pack((track.at, track.rule_set, states, list(track.open.values())))


def unpack(data: bytes) -> Track | None:
    """A track of bytes; None for one of another version of the house, whose states are no longer understood."""
    try:
        at, rule_set, states, alerts = _unpack(data)
        known: dict[str, Any] = {
            rule: msgspec.convert(state, kinds()[kind].state) for rule, (kind, state) in states.items()
        }
        still_open = msgspec.convert(alerts, list[Alert])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None
    due = min((state.due for state in known.values() if state.due is not None), default=NEVER)
    return Track(at, rule_set, known, {(alert.rule, alert.scope): alert for alert in still_open}, due)
