"""Which requests read the points of a unit: near ones together, within what one answer may hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from devices.register_maps.layout import Group, Point, RegisterMap
from ingest.wire.modbus.pdu import MAX_BITS, MAX_REGISTERS, READS_BITS


class Read(msgspec.Struct, frozen=True):
    """One request. ``bridges`` is whether it reads addresses along that no point needs."""

    function: int
    address: int
    count: int
    bridges: bool = False

    @property
    def key(self) -> tuple[int, int, int]:
        """What the request asks for."""
        return self.function, self.address, self.count


class Unit(msgspec.Struct, frozen=True):
    """A unit of a bus as the settings know it: its address (0 to 255), the device it is, how and how often it is read.

    ``period_s`` takes the place of the map's; groups with a period of their own keep it.
    """

    number: int
    device: str
    register_map: RegisterMap
    period_s: float | None = None

    def period_of(self, group: Group) -> float:
        """Seconds between two polls of a group."""
        return group.period_s or self.period_s or self.register_map.period_s


def plan(groups: Iterable[Group], gap: int, max_registers: int = MAX_REGISTERS) -> tuple[Read, ...]:
    """The requests for all points of ``groups``, by function and address.

    Two points share a request where at most ``gap`` addresses lie between them and the whole stays within
    ``max_registers`` (of bits: 2,000). A value of several registers is never torn apart.
    """
    points = {(point.function, point.address, point.width): point for group in groups for point in group.points}
    reads: list[Read] = []
    for function in sorted({point.function for point in points.values()}):
        mine = sorted((p for p in points.values() if p.function == function), key=lambda p: (p.address, p.width))
        most = MAX_BITS if function in READS_BITS else min(max_registers, MAX_REGISTERS)
        reads += _merged(function, mine, gap, most)
    return tuple(reads)


def _merged(function: int, points: Sequence[Point], gap: int, most: int) -> list[Read]:
    reads: list[Read] = []
    start, end, bridges = points[0].address, points[0].address + points[0].width, False
    for point in points[1:]:
        last = max(end, point.address + point.width)
        if point.address - end <= gap and last - start <= most:
            bridges = bridges or point.address > end
            end = last
            continue
        reads.append(Read(function, start, end - start, bridges))
        start, end, bridges = point.address, point.address + point.width, False
    reads.append(Read(function, start, end - start, bridges))
    return reads
