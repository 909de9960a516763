"""Register maps: what stands where in a Modbus device, which metric it is, and what may be written.

Modbus itself says nothing about meaning: registers are 16-bit words behind one of four functions (MODBUS Application
Protocol V1.1b3, clauses 6.1 to 6.4). A map is a YAML file; those that come with the hub lie beside this module, and a
folder of one's own may be named in the settings. :mod:`devices.register_maps.files` reads them.

Addresses are those of the protocol, from 0: input register "30001" of a manual is function 4, address 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Order = Literal["big", "little"]
ValueType = Literal["bool", "u16", "s16", "u32", "s32", "u64", "f32", "f64", "bcd"]

READ_COILS, READ_DISCRETE_INPUTS, READ_HOLDING_REGISTERS, READ_INPUT_REGISTERS = 1, 2, 3, 4
WRITE_COIL, WRITE_REGISTER, WRITE_REGISTERS = 5, 6, 16
BIT_FUNCTIONS = frozenset((READ_COILS, READ_DISCRETE_INPUTS))
WIDTHS: Mapping[str, int] = {"bool": 1, "u16": 1, "s16": 1, "u32": 2, "s32": 2, "f32": 2, "u64": 4, "f64": 4}
"""Registers that a value of each type takes; ``bcd`` says it itself."""

TABLES: Mapping[int, str] = {1: "coil", 2: "discrete input", 3: "holding register", 4: "input register"}
"""What the functions read, as people call it."""


class Point(msgspec.Struct, frozen=True):
    """One value of a device.

    ``address`` counts from 0. Of a ``bool`` in a register ``bit`` (0 is the lowest) says which; without it the whole
    register is 0 or 1. ``byte_order`` is that of the two bytes within a register, ``word_order`` that of the registers
    of a longer value (``big``: the high word first). The value is ``raw * scale + offset``, in the metric's unit.
    ``sentinels`` are codes that mean "no reading": for whole numbers the pattern of bits, for ``f32`` and ``f64`` the
    value; NaN and infinity are never readings. A ``bool`` may make an event when it becomes 1 (``event``) or 0
    (``event_off``). ``doubtful_if`` is the name of a ``bool`` which marks this value as uncertain while it is 1.
    """

    name: str
    function: int
    address: int
    type: ValueType
    width: int = 1  #: registers (or bits, behind functions 1 and 2)
    bit: int | None = None
    byte_order: Order = "big"
    word_order: Order = "big"
    scale: float = 1.0
    offset: float = 0.0
    metric: str | None = None
    sentinels: frozenset[float] = frozenset()
    event: str | None = None
    event_off: str | None = None
    doubtful_if: str | None = None

    @property
    def place(self) -> str:
        """Where it stands, for people: ``input register 4``."""
        bit = "" if self.bit is None else f" bit {self.bit}"
        return f"{TABLES[self.function]} {self.address}{bit}"

    @property
    def makes_events(self) -> bool:
        """Whether its changes are events."""
        return self.event is not None or self.event_off is not None


class Group(msgspec.Struct, frozen=True):
    """Points that are read together, by one function. ``period_s`` is None where the map's (or the unit's) holds."""

    name: str
    function: int
    points: tuple[Point, ...]
    period_s: float | None = None


class WritePoint(msgspec.Struct, frozen=True):
    """A coil or register that may be written, and with what.

    ``function`` is 5 (coil), 6 (register) or 16 (registers). ``values`` lists what is allowed; without it the range
    ``low``..``high`` is. Numbers are in people's units: ``raw = (value - offset) / scale``, rounded.
    """

    name: str
    function: int
    address: int
    type: ValueType
    width: int = 1
    byte_order: Order = "big"
    word_order: Order = "big"
    scale: float = 1.0
    offset: float = 0.0
    values: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    title: str = ""

    @property
    def allowed(self) -> str:
        """What may be written, for people."""
        if self.type == "bool":
            return "true or false"
        if self.values:
            return "one of " + ", ".join(f"{value:g}" for value in self.values)
        return f"a number in {self.low:g}..{self.high:g}"


class RegisterMap(msgspec.Struct, frozen=True):
    """What a kind of device holds. ``name`` is that of its file.

    ``kind`` is the kind of device where the settings name none. ``gap`` is how many registers (or bits) that no point
    needs may be read along to save a request, ``max_registers`` how many the device gives in one answer.
    """

    name: str
    title: str
    groups: tuple[Group, ...]
    kind: str | None = None
    period_s: float = 30.0
    gap: int = 0
    max_registers: int = 125
    writes: Mapping[str, WritePoint] = {}

    def points(self) -> Mapping[str, Point]:
        """All points by name."""
        return {point.name: point for group in self.groups for point in group.points}
