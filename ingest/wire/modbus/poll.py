"""The payload of a Modbus frame: what one poll of one unit brought, raw, so that it can be decoded anew.

The hub asks, so the hub's own clock is the device's: ``at`` is the instant of the poll, and a frame that comes out of
the spool, or twice, is filed there. JSON, for people who read a dead letter.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from devices.errors import DecodeError
from ingest.wire.modbus.pdu import MAX_ADDRESS, MAX_BITS, MAX_REGISTERS, READS_BITS

MAX_BLOCKS = 1_000  #: as many as a map may have points
_MAX_INSTANT = 253_402_300_799_999_999  # the last microsecond of the year 9999

Word = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]


class Block(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The answer to one request: ``words`` (registers, or bits as 0 and 1) from ``address`` on, or an exception.

    ``count`` stands with an exception only: how many were asked for.
    """

    function: Annotated[int, msgspec.Meta(ge=1, le=4)]
    address: Annotated[int, msgspec.Meta(ge=0, le=MAX_ADDRESS)]
    words: Annotated[tuple[Word, ...], msgspec.Meta(max_length=MAX_BITS)] = ()
    count: Annotated[int, msgspec.Meta(ge=1, le=MAX_BITS)] | None = None
    exception: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None


class Poll(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One poll.

    ``before`` holds, of blocks with points that make events, what stood there at the poll before, where that differs.
    ``online`` stands where the unit began to answer, or stopped to.
    """

    map: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    unit: Annotated[int, msgspec.Meta(ge=0, le=255)]
    at: Annotated[int, msgspec.Meta(ge=0, le=_MAX_INSTANT)]
    blocks: Annotated[tuple[Block, ...], msgspec.Meta(max_length=MAX_BLOCKS)] = ()
    before: Annotated[tuple[Block, ...], msgspec.Meta(max_length=MAX_BLOCKS)] = ()
    online: bool | None = None


_DECODER = msgspec.json.Decoder(Poll)
_ENCODER = msgspec.json.Encoder()


def payload_of(poll: Poll) -> bytes:
    """A poll as the payload of a frame."""
    return _ENCODER.encode(poll)


def poll_of(payload: bytes) -> Poll:
    """The poll that a payload holds. Raises DecodeError."""
    try:
        poll = _DECODER.decode(payload)
    except msgspec.DecodeError as error:
        raise DecodeError(f"payload: {str(error).replace('`', '')}") from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"payload: {error}") from None
    for name, blocks in (("blocks", poll.blocks), ("before", poll.before)):
        for index, block in enumerate(blocks):
            _check(f"{name}[{index}]", block)
    return poll


def as_told(block: Block) -> dict[str, Any]:
    """A block for people, with the count of what it holds."""
    told: dict[str, Any] = {"function": block.function, "address": block.address}
    told["count"] = len(block.words) or block.count
    if block.exception is not None:
        return told | {"exception": block.exception}
    return told | {"bits" if block.function in READS_BITS else "registers": list(block.words)}


def _check(where: str, block: Block) -> None:
    bits = block.function in READS_BITS
    most = MAX_BITS if bits else MAX_REGISTERS
    if len(block.words) > most:
        raise DecodeError(f"{where}.words: {len(block.words)}, expected at most {most} for function {block.function}")
    if block.address + len(block.words) > MAX_ADDRESS + 1:
        raise DecodeError(f"{where}: {len(block.words)} from address {block.address} reach beyond {MAX_ADDRESS}")
    if bits and any(word > 1 for word in block.words):
        raise DecodeError(f"{where}.words: expected 0 and 1 for function {block.function}")
