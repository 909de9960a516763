"""Sizes, reporting intervals and incident rates of a simulated city; all of them data, with ranges that are checked."""

from __future__ import annotations

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
Seconds = Annotated[float, msgspec.Meta(ge=1, le=86_400)]
Rate = Annotated[float, msgspec.Meta(ge=0, le=60)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Size(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many devices of each kind. Adding one never changes the chance of those that are there already."""

    vehicles: Count = 40
    bins: Count = 400
    toilets: Count = 30
    workers: Count = 60


class Intervals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds between two reports of a device; devices also report at once when something happens to them."""

    vehicle_moving_s: Seconds = 10
    vehicle_still_s: Seconds = 30
    bin_s: Seconds = 600
    toilet_s: Seconds = 60
    worker_s: Seconds = 30
    worker_off_duty_s: Seconds = 600


class Incidents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often things go wrong: mean occurrences per device and hour (on duty, for vehicles and workers).

    ``missed_stop`` is a share instead: of the stops that were due, those at which the crew drives past. ``compaction``
    is refuse that settles or is pressed down, ``outlier`` one wild reading of a bin's sensor. ``late``, ``early`` and
    ``absent`` are shares of a worker's shifts.
    """

    idle: Rate = 0.1
    deviation: Rate = 0.06
    speeding: Rate = 0.08
    missed_stop: Share = 0.01
    fire: Rate = 0.0001
    compaction: Rate = 0.0
    outlier: Rate = 0.0
    odour: Rate = 0.03
    water_leak: Rate = 0.01
    off_post: Rate = 0.05
    standing: Rate = 0.02
    sos: Rate = 0.004
    late: Share = 0.03
    early: Share = 0.02
    absent: Share = 0.01
