"""Who works in the city, and when: shifts, crews of the zones, cleaners, drivers and supervisors, as plain data.

Names are made up from the commonest ones, and follow from a person's number alone.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from simulators.city.city import City
from simulators.city.local_time import ZONE
from simulators.city.streets import ZONES

SHIFTS: dict[tuple[int, int], tuple[str, str, str]] = {
    (5 * 60, 480): ("early", "Early shift", "早班"),
    (13 * 60, 480): ("late", "Late shift", "中班"),
    (21 * 60, 480): ("night", "Night shift", "夜班"),
    (10 * 60 + 10, 380): ("off-peak", "Off-peak shift", "平峰班"),
    (22 * 60, 500): ("off-peak-night", "Off-peak night shift", "夜间平峰班"),
}
"""(start, length) in local minutes to id and names."""

_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高"
_GIVEN = ("伟", "芳", "娜", "敏", "静", "秀英", "丽", "强", "磊", "洋", "艳", "勇", "军", "杰", "娟", "涛", "明", "超",
          "桂英", "建国", "霞", "平", "刚")  # fmt: skip


def shifts() -> list[dict[str, Any]]:
    """Every shift that is worked: ``id``, ``start``, ``length`` (minutes), ``zone`` and names."""
    return [
        {"id": own, "start": start, "length": length, "zone": ZONE, "name": name, "name_zh": name_zh}
        for (start, length), (own, name, name_zh) in SHIFTS.items()
    ]


def crews(city: City) -> list[dict[str, Any]]:
    """A crew for each zone in which somebody works, with its supervisor."""
    zones = sorted({_zone_of(worker.id) for worker in city.workers})
    return [
        {
            "id": f"crew-{zone + 1:02d}",
            "name": f"Crew {zone + 1}",
            "name_zh": f"{zone + 1}班",
            "supervisor": f"supervisor-{zone + 1:02d}",
        }
        for zone in zones
    ]


def people(city: City) -> list[dict[str, Any]]:
    """Cleaners with their badges, supervisors of the crews, and a driver for each shift of a vehicle."""
    cleaners = [
        {
            "id": worker.id,
            "name": name_of(int(worker.id[-4:])),
            "role": "cleaner",
            "device": worker.id,
            "crew": f"crew-{_zone_of(worker.id) + 1:02d}",
        }
        for worker in city.workers
    ]
    supervisors = [
        {"id": crew["supervisor"], "name": name_of(5_000 + number), "role": "supervisor", "crew": crew["id"]}
        for number, crew in enumerate(crews(city))
    ]
    drivers = [
        {"id": driver_of(vehicle.id, turn), "name": name_of(7_000 + 2 * number + turn), "role": "driver"}
        for number, vehicle in enumerate(city.vehicles)
        for turn in range(len(city.plans[vehicle.id].windows))
    ]
    return [*cleaners, *supervisors, *drivers]


def duties(city: City, on: date) -> list[dict[str, Any]]:
    """What is planned for a date: each vehicle's round in each of its shifts, each worker's post in theirs."""
    rounds = [
        {
            "id": f"{on}:{vehicle.id}:{_shift(window)}",
            "on": on.isoformat(),
            "shift": _shift(window),
            "route": f"route-{vehicle.id[-4:]}",
            "vehicle": vehicle.id,
            "workers": [driver_of(vehicle.id, turn)],
        }
        for vehicle in city.vehicles
        for turn, window in enumerate(city.plans[vehicle.id].windows)
    ]
    posts = [
        {
            "id": f"{on}:{worker.id}:{_shift(worker.window)}",
            "on": on.isoformat(),
            "shift": _shift(worker.window),
            "area": f"post-{worker.id[-4:]}",
            "workers": [worker.id],
        }
        for worker in city.workers
    ]
    return [*rounds, *posts]


def driver_of(vehicle_id: str, turn: int) -> str:
    """The driver of a vehicle in the first or second of its shifts."""
    return f"driver-{vehicle_id[-4:]}-{turn + 1}"


def name_of(number: int) -> str:
    """The name of person number so and so."""
    return _SURNAMES[number * 7 % len(_SURNAMES)] + _GIVEN[number * 5 % len(_GIVEN)]


def _zone_of(worker_id: str) -> int:
    return (int(worker_id[-4:]) - 1) % ZONES


def _shift(window: tuple[int, int]) -> str:
    return SHIFTS[window][0]
