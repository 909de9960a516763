"""Rows in PostgreSQL's binary COPY format, encoded once for each batch.

Format: chapter "COPY", section "Binary Format", of the PostgreSQL manual: a header, for each row a 16-bit field count
and for each field a 32-bit length (-1 for NULL) with the value in its type's send format, and a 16-bit -1 at the end.
timestamptz is microseconds since 2000-01-01, big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from math import nan
from zlib import crc32

import msgspec
from psycopg import AsyncCursor

from devices.clock import YEAR_2000
from devices.vocabulary import Batch, Event, Fix, Position
from store.telemetry.reading_rows import lay_out

READINGS = "(device_key, metric_key, quality, observed_at, value, received_at, claimed_at)"
FIXES = (
    "(device_key, variant, observed_at, received_at, lat, lon, altitude_m, speed_kmh, heading_deg, hdop, seq,"
    " satellites, quality, valid, constellations, claimed_at)"
)
EVENTS = "(device_key, variant, observed_at, received_at, quality, kind, attributes, claimed_at)"
"""The columns of the rows, in their order."""

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

NO_PLACE = NULL * 8

_POSITION = struct.Struct(">6dh?").pack
_I64 = struct.Struct(">iq").pack
_I32 = struct.Struct(">ii").pack
_I16 = struct.Struct(">ih").pack
_F64 = struct.Struct(">id").pack
_BOOL = struct.Struct(">i?").pack
_FIX_HEAD = struct.Struct(">hiiiiiqiqidid").pack
_FIX_MARKS = struct.Struct(">ihi?").pack
_STATE_HEAD = struct.Struct(">hiiiqii").pack
_PLACE = struct.Struct(">iiidid").pack
_LEN = struct.Struct(">i").pack
_COUNT = struct.Struct(">h").pack
_JSON = msgspec.json.Encoder(order="sorted")

Newest = tuple[Fix, int]
"""The newest position of a device, and its variant."""


class Encoded(msgspec.Struct):
    """A batch as COPY data, rows joined, without header and trailer; and what the upserts of latest state need."""

    readings: bytes
    fixes: bytes
    events: bytes
    latest: bytes  #: the newest reading of each (device, metric), in the form of ``readings``
    latest_count: int  #: so many of these
    state: bytes  #: a row of ``stage_state`` for each device heard
    spans: frozenset[int]  #: partition spans touched
    least: int | None  #: the oldest instant of the readings, µs


async def copy_in(cursor: AsyncCursor, table: str, columns: str, rows: bytes) -> None:
    """COPY rows into a table; ``columns`` in parentheses, or empty for all of them."""
    async with cursor.copy(f"COPY {table} {columns} FROM STDIN (FORMAT BINARY)".encode()) as copy:
        await copy.write(HEADER + rows + TRAILER)


def encode(batch: Batch, metric_keys: dict[str, int], width: int, origin: int) -> Encoded:
    """Encode a batch; ``width`` and ``origin`` (µs) are of the partitions."""
    readings = lay_out(batch.readings, metric_keys, width, origin)
    fixes: list[bytes] = []
    newest: dict[int, Newest] = {}
    for fix in batch.fixes:
        variant = position_variant(fix.position)
        fixes.append(_fix_row(fix, variant))
        if fix.position.valid:
            known = newest.get(fix.device.key)
            if known is None or _rank(fix, variant) > _rank(*known):
                newest[fix.device.key] = fix, variant
    return Encoded(
        readings.all,
        b"".join(fixes),
        b"".join([_event_row(event) for event in batch.events]),
        readings.latest,
        readings.latest_count,
        _state_rows(batch, newest),
        readings.spans.union(
            [(fix.observed_at - origin) // width for fix in batch.fixes],
            [(event.observed_at - origin) // width for event in batch.events],
        ),
        readings.least,
    )


def _rank(fix: Fix, variant: int) -> tuple[int, int, int]:
    """The order among the positions of a device."""
    return fix.observed_at, -(2**63) if fix.seq is None else fix.seq, variant


def position_variant(position: Position) -> int:
    """A checksum of a position's content: what tells two fixes of one instant apart (signed 32 bits)."""
    packed = _POSITION(
        position.lat,
        position.lon,
        _or_nan(position.altitude_m),
        _or_nan(position.speed_kmh),
        _or_nan(position.heading_deg),
        _or_nan(position.hdop),
        -1 if position.satellites is None else position.satellites,
        position.valid,
    )
    return crc32(packed + ",".join(position.constellations).encode()) - 2**31


def _or_nan(value: float | None) -> float:
    return nan if value is None else value


def _event_row(event: Event) -> bytes:
    attributes = _JSON.encode(event.attributes)
    kind = event.kind.encode()
    return b"".join(
        (
            _COUNT(8),
            _I32(4, event.device.key),
            _I32(4, crc32(attributes) - 2**31),
            _I64(8, event.observed_at - YEAR_2000),
            _I64(8, event.received_at - YEAR_2000),
            _I16(2, event.quality),
            _LEN(len(kind)) + kind,
            _LEN(len(attributes) + 1) + b"\x01" + attributes,  # jsonb, version 1
            _time(event.claimed_at),
        )
    )


def _fix_row(fix: Fix, variant: int) -> bytes:
    position = fix.position
    names = ",".join(position.constellations).encode() if position.constellations else b""
    head = _FIX_HEAD(
        *(16, 4, fix.device.key, 4, variant, 8, fix.observed_at - YEAR_2000, 8, fix.received_at - YEAR_2000),
        *(8, position.lat, 8, position.lon),
    )
    return b"".join(
        (
            head,
            _number(position.altitude_m),
            _number(position.speed_kmh),
            _number(position.heading_deg),
            _number(position.hdop),
            NULL if fix.seq is None else _I64(8, fix.seq),
            NULL if position.satellites is None else _I16(2, position.satellites),
            _FIX_MARKS(2, fix.quality, 1, position.valid),
            _LEN(len(names)) + names if names else NULL,
            _time(fix.claimed_at),
        )
    )


def _state_rows(batch: Batch, newest: Mapping[int, Newest]) -> bytes:
    """A row for each device heard, in the order of their keys, which is that in which others lock them."""
    ways: dict[tuple[str, str], bytes] = {}
    rows: list[bytes] = []
    for key, heard in sorted(batch.seen.items()):
        way = ways.get(heard[1:])
        if way is None:
            way = ways[heard[1:]] = _text(heard.protocol) + _text(heard.source)
        online = batch.online.get(key) if batch.online else None
        if online is None:
            head = _STATE_HEAD(14, 4, key, 8, heard.received_at - YEAR_2000, -1, -1)
        else:
            told = _BOOL(1, online[1]) + _I64(8, online[0] - YEAR_2000)
            head = _COUNT(14) + _I32(4, key) + _I64(8, heard.received_at - YEAR_2000) + told
        found = newest.get(key)
        rows += (head, NO_PLACE if found is None else _place(*found), way)
    return b"".join(rows)


def _place(fix: Fix, variant: int) -> bytes:
    position = fix.position
    return b"".join(
        (
            _I64(8, fix.observed_at - YEAR_2000),
            NULL if fix.seq is None else _I64(8, fix.seq),
            _PLACE(4, variant, 8, position.lat, 8, position.lon),
            _number(position.altitude_m),
            _number(position.speed_kmh),
            _number(position.heading_deg),
        )
    )


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _LEN(len(encoded)) + encoded


def _number(value: float | None) -> bytes:
    return NULL if value is None else _F64(8, value)


def _time(instant: int | None) -> bytes:
    return NULL if instant is None else _I64(8, instant - YEAR_2000)
