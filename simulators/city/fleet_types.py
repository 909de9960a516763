"""The three types of vehicle, with the figures that their driving, work and consumption follow from."""

from __future__ import annotations

import msgspec

from simulators.city.motion import Signals


class VehicleType(msgspec.Struct, frozen=True):
    """Figures of a type. Speeds in km/h, accelerations in m/s², shift windows as (start, length) in local minutes.

    ``work_limit_kmh`` is the speed that the work allows at most; ``shifts_a_day`` how many of the windows one vehicle
    takes. ``round_minutes`` is the least time from one round's start to the next.
    """

    name: str
    title: str
    title_zh: str
    work_kmh: float
    work_limit_kmh: float
    transit_kmh: float
    accel: float
    brake: float
    tank_l: float
    burn_l_per_km: float
    burn_l_per_hour: float
    round_minutes: int
    windows: tuple[tuple[int, int], ...]
    shifts_a_day: int


_THREE_SHIFTS = ((5 * 60, 480), (13 * 60, 480), (21 * 60, 480))

REFUSE_TRUCK = VehicleType(
    "refuse_truck", "Refuse truck", "压缩式垃圾车", 15, 25, 40, 0.8, 1.2, 200, 0.34, 2.6, 120, _THREE_SHIFTS, 2
)
SWEEPER = VehicleType("sweeper", "Sweeper", "洗扫车", 8, 12, 36, 0.9, 1.3, 160, 0.28, 4.2, 60, _THREE_SHIFTS, 2)
# Sprinklers keep out of the rush hours from 7 to 10 and from 17 to 20.
_OFF_PEAK = ((10 * 60 + 10, 380), (22 * 60, 500))
SPRINKLER = VehicleType("sprinkler", "Sprinkler", "洒水车", 12, 18, 38, 0.8, 1.2, 180, 0.30, 3.4, 60, _OFF_PEAK, 2)

_FIVE = (REFUSE_TRUCK, SWEEPER, REFUSE_TRUCK, SPRINKLER, REFUSE_TRUCK)
TYPES = (*_FIVE, *_FIVE[:-1], SWEEPER)
"""The types in the order in which a fleet grows: of ten vehicles five are trucks, three sweepers, two sprinklers."""

WORKING = {
    "refuse_truck": Signals(pto=1),
    "sweeper": Signals(pto=1, brush=1, spray=1, pump=1),
    "sprinkler": Signals(pto=1, spray=1, pump=1),
}
LIFTING = Signals(pto=1, lift=1)
FILLING = Signals(pto=1, pump=1)


def type_of(index: int) -> tuple[VehicleType, int]:
    """The type of the vehicle number ``index`` (from 0), and how many of that type come before it."""
    kind = TYPES[index % len(TYPES)]
    earlier = index // len(TYPES) * TYPES.count(kind) + TYPES[: index % len(TYPES)].count(kind)
    return kind, earlier
