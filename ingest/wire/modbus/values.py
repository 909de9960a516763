"""From raw registers to claims: a poll, read by its register map."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence

from devices.errors import DecodeError
from devices.metrics import Catalogue
from devices.register_maps.layout import TABLES, Point, RegisterMap, WritePoint
from devices.vocabulary import Decoded, Identity, Occurrence, Uplink
from ingest.wire.modbus.pdu import exception_name
from ingest.wire.modbus.poll import Block, Poll

Words = Mapping[tuple[int, int], int]  #: by function and address
_SIGNED = {"s16": 16, "s32": 32}
_FLOATS = {"f32": ">f", "f64": ">d"}


def decode_poll(poll: Poll, register_map: RegisterMap, identity: Identity, catalogue: Catalogue) -> Decoded:
    """The claims of a poll. Never raises: what cannot be read is a problem, and the rest is told."""
    words, before = _laid_out(poll.blocks), _laid_out(poll.before)
    problems = [_refusal(block) for block in poll.blocks if block.exception is not None]
    readings: dict[str, float] = {}
    doubtful: set[str] = set()
    occurrences: list[Occurrence] = []
    points = register_map.points()
    for point in points.values():
        raw = _raw(point, words)
        if raw is None:
            continue
        try:
            value = value_of(point, raw)
        except DecodeError as error:
            problems.append(str(error))
            continue
        if value is None:
            continue
        if point.makes_events:
            occurrences += _events(point, value, before)
        if point.metric is None:
            continue
        problem = catalogue.check(point.metric, value)
        if problem is not None:
            problems.append(f"{problem} ({point.place}, {_hex(raw)})")
            continue
        readings[point.metric] = value
        if point.doubtful_if is not None and _is_doubted(points[point.doubtful_if], words):
            doubtful.add(point.metric)
    if poll.online is not None:
        occurrences.append(Occurrence("online" if poll.online else "offline"))
    uplink = Uplink(
        identity,
        poll.at,
        readings,
        occurrences=tuple(occurrences),
        doubtful=frozenset(doubtful),
        kind=register_map.kind,
        online=poll.online,
    )
    return Decoded([uplink], problems, identity)


def value_of(point: Point, raw: Sequence[int]) -> float | None:
    """The value of a point in its metric's unit, from its registers (or its bit); None for a code that is no reading.

    Raises DecodeError for words that are no value of its type. Bools are 0.0 and 1.0, scaled like any other value.
    """
    if point.type == "bool":
        return _scaled(_bit(point, raw[0]), point)
    data = _ordered(point, raw)
    if (form := _FLOATS.get(point.type)) is not None:
        (value,) = struct.unpack(form, data)
        if not math.isfinite(value):
            return None
        value = _shortest(value, data) if point.type == "f32" else value
        return None if value in point.sentinels else _scaled(value, point)
    number = int.from_bytes(data, "big")
    if number in point.sentinels:
        return None
    if point.type == "bcd":
        number = _decimal(point, data)
    elif (bits := _SIGNED.get(point.type)) is not None and number >> (bits - 1):
        number -= 1 << bits
    return _scaled(number, point)


def words_to_write(point: WritePoint, value: object) -> tuple[int, ...]:
    """The registers (or the one bit) that say ``value``. Raises ValueError for what may not be written."""
    if point.type == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"value: expected {point.allowed} for {point.name}, got {value!r}")
        return (int(value),)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not _is_allowed(point, value):
        raise ValueError(f"value: expected {point.allowed} for {point.name}, got {value!r}")
    number = (value - point.offset) / point.scale
    try:
        data = struct.pack({"u16": ">H", "s16": ">h", "u32": ">I", "s32": ">i", "f32": ">f"}[point.type],
                           number if point.type == "f32" else round(number))  # fmt: skip
    except (struct.error, OverflowError):
        raise ValueError(f"value: {value!r} does not fit into a {point.type} for {point.name}") from None
    words = [int.from_bytes(data[at : at + 2], point.byte_order) for at in range(0, len(data), 2)]
    return tuple(words if point.word_order == "big" else reversed(words))


def _is_allowed(point: WritePoint, value: float) -> bool:
    if point.values:
        return value in point.values
    return point.low is not None and point.high is not None and point.low <= value <= point.high


def _laid_out(blocks: Iterable[Block]) -> Words:
    return {
        (block.function, block.address + offset): word for block in blocks for offset, word in enumerate(block.words)
    }


def _raw(point: Point, words: Words) -> list[int] | None:
    """The words of a point, or None where the poll holds not all of them."""
    found = [words.get((point.function, point.address + offset)) for offset in range(point.width)]
    return None if None in found else [word for word in found if word is not None]


def _bit(point: Point, word: int) -> int:
    if point.bit is not None:
        return word >> point.bit & 1
    if word > 1:
        raise DecodeError(f"{point.name}: {word}, expected 0 or 1 ({point.place})")
    return word


def _ordered(point: Point, raw: Sequence[int]) -> bytes:
    """The bytes of a value, the highest first."""
    words = raw if point.word_order == "big" else reversed(raw)
    return b"".join(word.to_bytes(2, point.byte_order) for word in words)


def _decimal(point: Point, data: bytes) -> int:
    """Binary-coded decimals: a digit in each half of a byte."""
    digits = data.hex()
    if not digits.isdecimal():
        raise DecodeError(f"{point.name}: 0x{digits.upper()}, expected decimal digits only ({point.place})")
    return int(digits)


def _scaled(raw: float, point: Point) -> float:
    """In the metric's unit; 12 significant digits, so that 123 × 0.1 is 12.3."""
    if point.scale == 1.0 and point.offset == 0.0:
        return float(raw)
    return float(f"{raw * point.scale + point.offset:.12g}")


def _shortest(value: float, data: bytes) -> float:
    """The shortest decimal that is the same 32-bit float: 230.1 and not 230.10000610351562."""
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        if struct.pack(">f", short) == data:
            return short
    return float(f"{value:.9g}")


def _is_doubted(judge: Point, words: Words) -> bool:
    """Whether a point says that others are uncertain; unheard, it cannot say that they are not."""
    raw = _raw(judge, words)
    if raw is None:
        return True
    try:
        return value_of(judge, raw) != 0.0
    except DecodeError:
        return True


def _events(point: Point, value: float, before: Words) -> list[Occurrence]:
    """The event of a change since the poll before; without that one there is none to tell."""
    raw = _raw(point, before)
    try:
        old = None if raw is None else value_of(point, raw)
    except DecodeError:
        return []
    if old is None or old == value:
        return []
    kind = point.event if value else point.event_off
    return [] if kind is None else [Occurrence(kind)]


def _refusal(block: Block) -> str:
    last = block.address + (block.count or 1) - 1
    span = f"{TABLES[block.function]} {block.address}" if last == block.address else (
        f"{TABLES[block.function]}s {block.address} to {last}"
    )  # fmt: skip
    return f"{span}: {exception_name(block.exception or 0)}"


def _hex(raw: Sequence[int]) -> str:
    return "0x" + "".join(f"{word:04X}" for word in raw)
