"""The entries of register map files: points to read and points to write, checked.

The functions raise ValueError with the place of the fault in the file in front (``groups.air.points[0].type: ...``).
"""

from __future__ import annotations

import math
import re
from typing import Annotated, cast

import msgspec

from devices.metrics import Catalogue
from devices.register_maps.layout import (
    BIT_FUNCTIONS,
    WIDTHS,
    WRITE_COIL,
    WRITE_REGISTER,
    WRITE_REGISTERS,
    Order,
    Point,
    ValueType,
    WritePoint,
)

POINT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}\Z")
FLOATS = frozenset(("f32", "f64"))
_WRITABLE = ("bool", "u16", "s16", "u32", "s32", "f32")
ORDERS: frozenset[str] = frozenset(("big", "little"))
_TYPES = (*WIDTHS, "bcd")

_Address = Annotated[int, msgspec.Meta(ge=0, le=65_535)]


class PointForm(msgspec.Struct, forbid_unknown_fields=True):
    """A point as it stands in a file."""

    address: _Address
    type: str
    metric: str | None = None
    name: str | None = None
    bit: Annotated[int, msgspec.Meta(ge=0, le=15)] | None = None
    registers: Annotated[int, msgspec.Meta(ge=1, le=4)] | None = None
    byte_order: str | None = None
    word_order: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    sentinels: list[float | int] = []
    event: str | None = None
    event_off: str | None = None
    doubtful_if: str | None = None


class WriteForm(msgspec.Struct, forbid_unknown_fields=True):
    """A point to write as it stands in a file."""

    function: int
    address: _Address
    type: str
    byte_order: str | None = None
    word_order: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    values: list[float | int] = []
    low: float | None = None
    high: float | None = None
    title: str = ""


def point_of(where: str, function: int, form: PointForm, orders: tuple[str, str], catalogue: Catalogue) -> Point:
    """A point that is read by ``function``. ``orders`` are the map's byte and word order."""
    _check_type(where, form, function)
    _check_numbers(where, form.scale, form.offset)
    if form.metric is not None and form.metric not in catalogue:
        raise ValueError(f"{where}.metric: expected a metric of the catalogue, got {form.metric!r}")
    name = form.name or form.metric or form.event or form.event_off
    if name is None:
        raise ValueError(f"{where}: expected a metric, an event or a name")
    for field in ("name", "event", "event_off"):
        text = getattr(form, field)
        if text is not None and not POINT_NAME.match(text):
            raise ValueError(f"{where}.{field}: expected letters, digits and _, got {text!r}")
    if form.type != "bool" and (form.event or form.event_off):
        raise ValueError(f"{where}.event: only a bool makes events, and this is a {form.type}")
    width = form.registers or WIDTHS.get(form.type, 1)
    if form.address + width > 65_536:
        raise ValueError(f"{where}.address: {width} registers from {form.address} reach beyond 65535")
    return Point(
        name=name,
        function=function,
        address=form.address,
        type=cast(ValueType, form.type),
        width=width,
        bit=form.bit,
        byte_order=_order(where, "byte_order", form.byte_order, orders[0]),
        word_order=_order(where, "word_order", form.word_order, orders[1]),
        scale=form.scale,
        offset=form.offset,
        metric=form.metric,
        sentinels=frozenset(_sentinel(f"{where}.sentinels", form.type, width, value) for value in form.sentinels),
        event=form.event,
        event_off=form.event_off,
        doubtful_if=form.doubtful_if,
    )


def write_of(where: str, name: str, form: WriteForm, orders: tuple[str, str]) -> WritePoint:
    """A point that may be written."""
    if not POINT_NAME.match(name):
        raise ValueError(f"{where}: expected a name of letters, digits and _")
    if form.type not in _WRITABLE:
        raise ValueError(f"{where}.type: expected one of {', '.join(_WRITABLE)}, got {form.type!r}")
    width = WIDTHS[form.type]
    fitting = {WRITE_COIL} if form.type == "bool" else set()
    fitting |= {WRITE_REGISTER} if width == 1 else set()
    fitting |= {WRITE_REGISTERS}
    if form.function not in fitting:
        listed = " or ".join(str(number) for number in sorted(fitting))
        raise ValueError(f"{where}.function: expected {listed} for a {form.type}, got {form.function}")
    _check_numbers(where, form.scale, form.offset)
    if form.type != "bool" and not form.values and (form.low is None or form.high is None or form.low > form.high):
        raise ValueError(f"{where}: expected values, or low and high, so that nothing else is written")
    if form.address + width > 65_536:
        raise ValueError(f"{where}.address: {width} registers from {form.address} reach beyond 65535")
    return WritePoint(
        name,
        form.function,
        form.address,
        cast(ValueType, form.type),
        width,
        _order(where, "byte_order", form.byte_order, orders[0]),
        _order(where, "word_order", form.word_order, orders[1]),
        form.scale,
        form.offset,
        tuple(form.values),
        form.low,
        form.high,
        form.title,
    )


def _check_type(where: str, form: PointForm, function: int) -> None:
    if form.type not in _TYPES:
        raise ValueError(f"{where}.type: expected one of {', '.join(_TYPES)}, got {form.type!r}")
    if function in BIT_FUNCTIONS and form.type != "bool":
        raise ValueError(f"{where}.type: expected bool, for function {function} reads single bits, got {form.type}")
    if form.bit is not None and (form.type != "bool" or function in BIT_FUNCTIONS):
        raise ValueError(f"{where}.bit: only a bool in a register has one")
    if form.registers is not None and form.type != "bcd":
        raise ValueError(f"{where}.registers: only bcd says it, a {form.type} takes {WIDTHS[form.type]}")
    if form.sentinels and form.type == "bool":
        raise ValueError(f"{where}.sentinels: a bool has none")


def _check_numbers(where: str, scale: float, offset: float) -> None:
    if scale == 0 or not math.isfinite(scale):
        raise ValueError(f"{where}.scale: expected a number that is not 0, got {scale!r}")
    if not math.isfinite(offset):
        raise ValueError(f"{where}.offset: expected a number, got {offset!r}")


def _order(where: str, field: str, own: str | None, of_map: str) -> Order:
    order = own or of_map
    if order not in ORDERS:
        raise ValueError(f"{where}.{field}: expected big or little, got {order!r}")
    return cast(Order, order)


def _sentinel(where: str, kind: str, width: int, value: float | int) -> float:
    """A code as it is compared: of whole numbers the pattern of bits, unsigned."""
    if kind in FLOATS:
        return float(value)
    bits = 16 * width
    if not isinstance(value, int) or not -(1 << (bits - 1)) <= value < 1 << bits:
        raise ValueError(f"{where}: expected whole numbers of {bits} bits, got {value!r}")
    return value % (1 << bits)
