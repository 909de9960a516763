"""A device's state as bytes, so that tracking can go on from where it was."""

from __future__ import annotations

import msgspec

from fleet.trackers.tracker import State

VERSION = 1  #: of the form of states; another one is not understood, and the history is folded again

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw]).decode
_state = msgspec.msgpack.Decoder(State).decode


def pack(state: State) -> bytes:
    """A state as bytes."""
    return _pack((VERSION, state))


def unpack(data: bytes) -> State | None:
    """A state of bytes; None for one of another version of the house."""
    try:
        version, inner = _unpack(data)
        return _state(inner) if version == VERSION else None
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
