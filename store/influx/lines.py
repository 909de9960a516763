"""InfluxDB's line protocol: points as text.

https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/: measurement, tags, fields, a time in the
precision of the request. Written here and not with the client's ``Point``, which is made for a few points: it sorts,
looks up types and converts times for each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite

import msgspec

Value = float | int | bool
_MEASUREMENT = str.maketrans({",": r"\,", " ": r"\ ", "\n": " ", "\t": " ", "\r": " "})
_KEY = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\ ", "\t": r"\ ", "\r": r"\ "})


class Point(msgspec.Struct, frozen=True):
    """What is known of a device at an instant (µs) in one measurement. ``tags`` come after the device, by name.

    Readings are floats, whatever they look like; marks of quality and times of reception are integers.
    """

    measurement: str
    device: str
    at: int
    fields: Mapping[str, Value]
    tags: tuple[tuple[str, str], ...] = ()


def encode(points: Iterable[Point]) -> bytes:
    """The points as lines, times in microseconds. Points without fields are no lines."""
    heads: dict[tuple[object, ...], str] = {}
    lines = []
    for point in points:
        key = (point.measurement, point.device, point.tags)
        head = heads.get(key)
        if head is None:
            heads[key] = head = _head(point)
        if point.fields:
            fields = ",".join([f"{escaped(name)}={_value(value)}" for name, value in point.fields.items()])
            lines.append(f"{head} {fields} {point.at}")
    return "\n".join(lines).encode()


def escaped(key: str) -> str:
    """A tag's or field's name, or a tag's value, as it stands in a line."""
    return key.translate(_KEY)


def writable(value: float) -> bool:
    """Whether the line protocol has a form for a number: it has none for infinities and what is no number."""
    return isfinite(value)


def _head(point: Point) -> str:
    tags = "".join([f",{escaped(name)}={_tag(value)}" for name, value in point.tags if value.strip()])
    return f"{point.measurement.translate(_MEASUREMENT)},device={_tag(point.device)}{tags}"


def _tag(value: str) -> str:
    text = escaped(value)
    return text + r"\ " if text.endswith("\\") else text  # a backslash at the end would escape what comes after it


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value}i" if isinstance(value, int) else repr(value)
