"""Readings as rows of a binary COPY, a column at a time (the format is told in :mod:`store.telemetry.copying`).

A batch has thousands of them, and all rows are of one form: so numpy lays them out in one table, whose bytes are the
rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from devices.clock import YEAR_2000
from devices.vocabulary import Reading

_FIELDS = (
    ("fields", ">i2", 7),
    ("device_key_length", ">i4", 4),
    ("device_key", ">i4", 0),
    ("metric_key_length", ">i4", 2),
    ("metric_key", ">i2", 0),
    ("quality_length", ">i4", 2),
    ("quality", ">i2", 0),
    ("observed_at_length", ">i4", 8),
    ("observed_at", ">i8", 0),
    ("value_length", ">i4", 8),
    ("value", ">f8", 0),
    ("received_at_length", ">i4", 8),
    ("received_at", ">i8", 0),
    ("claimed_at_length", ">i4", -1),  # NULL
)
_ROW = np.dtype([(name, form) for name, form, _ in _FIELDS])
_EMPTY_ROW = np.array([tuple(value for _, _, value in _FIELDS)], _ROW)
_CLAIM_ROW = np.dtype([*((name, form) for name, form, _ in _FIELDS), ("claimed_at", ">i8")])

Rows = NDArray[np.void]
Numbers = NDArray[np.int64]


class ReadingRows(msgspec.Struct):
    """Rows of ``readings``, those of them that are the newest of their device and metric, and the oldest instant (µs).

    Of one instant the greater value is the newer one, and of equal ones the first.
    """

    all: bytes = b""
    latest: bytes = b""
    latest_count: int = 0
    least: int | None = None
    spans: frozenset[int] = frozenset()  #: of partitions


def lay_out(readings: Sequence[Reading], metric_keys: Mapping[str, int], width: int, origin: int) -> ReadingRows:
    """The rows of readings; ``width`` and ``origin`` (µs) are of the partitions."""
    if not readings:
        return ReadingRows()
    rows = np.repeat(_EMPTY_ROW, len(readings))
    keys = np.array([one.device.key for one in readings], np.int64)
    metrics = np.array([metric_keys[one.metric] for one in readings], np.int64)
    instants = np.array([one.observed_at for one in readings], np.int64)
    values = np.array([one.value for one in readings], np.float64)
    rows["device_key"], rows["metric_key"] = keys, metrics
    rows["observed_at"], rows["value"] = instants - YEAR_2000, values
    rows["quality"] = [one.quality for one in readings]
    rows["received_at"] = np.array([one.received_at for one in readings], np.int64) - YEAR_2000
    claims = [one.claimed_at for one in readings]
    newest = _newest(keys << 16 | metrics, instants, values)
    return ReadingRows(
        _joined(rows, claims),
        _joined(rows[newest], [claims[place] for place in newest]),
        len(newest),
        int(instants.min()),
        _spans(instants, width, origin),
    )


def _newest(slots: Numbers, instants: Numbers, values: NDArray[np.float64]) -> Numbers:
    """The places of the newest of each slot, in the order of the slots."""
    order: Numbers = slots.argsort(kind="stable")
    ordered = slots[order]
    if not (ordered[1:] == ordered[:-1]).any():
        return order
    # Sorted backwards, so that the first of equal ones comes last.
    order = len(slots) - 1 - np.lexsort((values[::-1], instants[::-1], slots[::-1]))
    ordered = slots[order]
    last: Numbers = order[np.append(ordered[1:] != ordered[:-1], True)]
    return last


def _joined(rows: Rows, claims: Sequence[int | None]) -> bytes:
    """The bytes of rows, to which the few that hold a claimed time are appended: they are longer."""
    if claims.count(None) == len(claims):
        return bytes(rows)
    claimed = np.array([claim is not None for claim in claims])
    longer = np.zeros(int(claimed.sum()), _CLAIM_ROW)
    for name in _ROW.names or ():
        longer[name] = rows[name][claimed]
    longer["claimed_at_length"] = 8
    longer["claimed_at"] = np.array([claim for claim in claims if claim is not None], np.int64) - YEAR_2000
    return bytes(rows[~claimed]) + bytes(longer)


def _spans(instants: Numbers, width: int, origin: int) -> frozenset[int]:
    first, last = ((int(one) - origin) // width for one in (instants.min(), instants.max()))
    if first == last:
        return frozenset((first,))
    return frozenset(np.unique((instants - origin) // width).tolist())
