"""Rows in PostgreSQL's binary COPY format, encoded once for each batch.

Format: chapter "COPY", section "Binary Format", of the PostgreSQL manual: a header, for each row a 16-bit field count
and for each field a 32-bit length (-1 for NULL) with the value in its type's send format, and a 16-bit -1 at the end.
timestamptz is microseconds since 2000-01-01, big-endian.
"""

from __future__ import annotations

import struct
from math import nan
from zlib import crc32

import msgspec

from devices.clock import YEAR_2000
from devices.vocabulary import Batch, Event, Fix, Heard, Position

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

_READING = struct.Struct(">hiiihihiqidiqi").pack  # the last field, claimed_at, is a length of -1: NULL
_READING_CLAIM = struct.Struct(">hiiihihiqidiqiq").pack
_POSITION = struct.Struct(">6dh?").pack
_I64 = struct.Struct(">iq").pack
_I32 = struct.Struct(">ii").pack
_I16 = struct.Struct(">ih").pack
_F64 = struct.Struct(">id").pack
_BOOL = struct.Struct(">i?").pack
_LEN = struct.Struct(">i").pack
_COUNT = struct.Struct(">h").pack
_JSON = msgspec.json.Encoder(order="sorted")


class Encoded(msgspec.Struct):
    """A batch as COPY data, rows joined, without header and trailer; and what the upserts of latest state need."""

    readings: bytes
    fixes: bytes
    events: bytes
    latest: bytes  #: the newest reading of each (device, metric), in the form of ``readings``
    state: bytes  #: a row of ``stage_state`` for each device heard
    spans: set[int]  #: partition spans touched
    latest_count: int
    least: int | None  #: the oldest instant of the readings, µs


def encode(batch: Batch, metric_keys: dict[str, int], width: int, origin: int) -> Encoded:
    """Encode a batch; ``width`` and ``origin`` (µs) are of the partitions."""
    spans: set[int] = set()
    readings, latest, least = _readings(batch, metric_keys, width, origin, spans)
    fixes: list[bytes] = []
    newest: dict[int, tuple[int, int, int, Fix]] = {}
    for fix in batch.fixes:
        variant = position_variant(fix.position)
        fixes.append(_fix_row(fix, variant))
        spans.add((fix.observed_at - origin) // width)
        if fix.position.valid:
            rank = (fix.observed_at, -(2**63) if fix.seq is None else fix.seq, variant)
            known = newest.get(fix.device.key)
            if known is None or rank > known[:3]:
                newest[fix.device.key] = (*rank, fix)
    spans.update((event.observed_at - origin) // width for event in batch.events)
    return Encoded(
        b"".join(readings),
        b"".join(fixes),
        b"".join([_event_row(event) for event in batch.events]),
        b"".join([row for _, _, row in latest.values()]),
        b"".join([_state_row(key, heard, batch, newest.get(key)) for key, heard in sorted(batch.seen.items())]),
        spans,
        len(latest),
        least if readings else None,
    )


def _readings(
    batch: Batch, metric_keys: dict[str, int], width: int, origin: int, spans: set[int]
) -> tuple[list[bytes], dict[tuple[int, str], tuple[int, float, bytes]], int]:
    """The rows of the readings, of them the newest of each device and metric, and the oldest instant."""
    rows: list[bytes] = []
    least = 2**63
    latest: dict[tuple[int, str], tuple[int, float, bytes]] = {}
    for reading in batch.readings:
        key, metric, at, value = reading.device.key, reading.metric, reading.observed_at, reading.value
        fields = (4, key, 2, metric_keys[metric], 2, reading.quality, 8, at - YEAR_2000, 8, value)
        received = reading.received_at - YEAR_2000
        if reading.claimed_at is None:
            row = _READING(7, *fields, 8, received, -1)
        else:
            row = _READING_CLAIM(7, *fields, 8, received, 8, reading.claimed_at - YEAR_2000)
        rows.append(row)
        spans.add((at - origin) // width)
        if at < least:  # noqa: PLR1730 - a call for each reading costs more
            least = at
        known = latest.get((key, metric))
        if known is None or (at, value) > known[:2]:
            latest[key, metric] = (at, value, row)
    return rows, latest, least


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
    names = ",".join(position.constellations).encode()
    return b"".join(
        (
            _COUNT(16),
            _I32(4, fix.device.key),
            _I32(4, variant),
            _I64(8, fix.observed_at - YEAR_2000),
            _I64(8, fix.received_at - YEAR_2000),
            _F64(8, position.lat),
            _F64(8, position.lon),
            _number(position.altitude_m),
            _number(position.speed_kmh),
            _number(position.heading_deg),
            _number(position.hdop),
            NULL if fix.seq is None else _I64(8, fix.seq),
            NULL if position.satellites is None else _I16(2, position.satellites),
            _I16(2, fix.quality),
            _BOOL(1, position.valid),
            _LEN(len(names)) + names if names else NULL,
            _time(fix.claimed_at),
        )
    )


def _state_row(key: int, heard: Heard, batch: Batch, newest: tuple[int, int, int, Fix] | None) -> bytes:
    online = batch.online.get(key)
    head = (
        _COUNT(14),
        _I32(4, key),
        _I64(8, heard.received_at - YEAR_2000),
        NULL + NULL if online is None else _BOOL(1, online[1]) + _I64(8, online[0] - YEAR_2000),
    )
    way = b"".join([_LEN(len(text)) + text for text in (heard.protocol.encode(), heard.source.encode())])
    if newest is None:
        return b"".join((*head, NULL * 8, way))
    at, _, variant, fix = newest
    position = fix.position
    return b"".join(
        (
            *head,
            _I64(8, at - YEAR_2000),
            NULL if fix.seq is None else _I64(8, fix.seq),
            _I32(4, variant),
            _F64(8, position.lat),
            _F64(8, position.lon),
            _number(position.altitude_m),
            _number(position.speed_kmh),
            _number(position.heading_deg),
            way,
        )
    )


def _number(value: float | None) -> bytes:
    return NULL if value is None else _F64(8, value)


def _time(instant: int | None) -> bytes:
    return NULL if instant is None else _I64(8, instant - YEAR_2000)
