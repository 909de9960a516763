"""What a vehicle or worker is doing at a moment: off, idle, in transit, working; or nothing tells.

From engine, speed and the signals of its work (DOMAIN.md, vehicles): working is a work signal with the engine on and
not faster than the work allows; standing with a work signal on is no idling. Where the engine is not known, standing
counts as off: nobody is said to idle without evidence.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from fleet.master.route import Route
from fleet.trackers.ports import Moment, Task

SECOND = 1_000_000
GAP = 300 * SECOND  #: µs without a moment beyond which nobody knows what happened meanwhile
MOVING_KMH = 5.0
WORK_MAX_KMH = 40.0  #: where no route says otherwise
WORK_SIGNALS = ("pto", "brush", "spray", "pump", "lift")
_HELD = ("ignition", "engine_rpm", "on_duty", *WORK_SIGNALS)


class Doing(IntEnum):
    """The values of the metric ``work_state``."""

    NO_DATA = 0  #: nothing tells
    OFF = 1  #: standing, the engine off or not known; a worker off duty
    IDLE = 2  #: standing with the engine on, without work
    TRANSIT = 3  #: moving without work, or too fast for it
    WORKING = 4  #: a work signal on, the engine not off, not too fast; a worker on duty


class Signals(msgspec.Struct, array_like=True, gc=False):
    """What is held of a device's signals, and since when (µs) it has been doing what it does.

    A value holds until the next one; behind a gap all are forgotten. ``idle_told`` is how many whole minutes of
    the present idle spell were told. ``kmh`` is the speed that was known last, by the receiver or by the way.
    """

    held: dict[str, float] = {}
    kmh: float | None = None
    doing: int = -1
    since: int = 0
    idle_told: int = 0

    def copy(self) -> Signals:
        """One to change without touching this one; the held values are never changed in place."""
        return Signals(self.held, self.kmh, self.doing, self.since, self.idle_told)


def hold(signals: Signals, moment: Moment, gap: int) -> float | None:
    """Take what a moment says, ``gap`` µs after the one before; the speed (km/h) that it tells, if it does."""
    readings = moment.readings
    held = signals.held
    if gap > GAP:
        held, signals.kmh = {}, None
    for name in _HELD:
        value = readings.get(name)
        if value is not None and held.get(name) != value:
            held = {**held, name: value}
    signals.held = held
    speed = readings.get("speed_kmh")
    if speed is None and moment.position is not None:
        speed = moment.position.speed_kmh
    return speed


def engine(signals: Signals) -> bool | None:
    """Whether the engine is on; None where nothing tells."""
    ignition = signals.held.get("ignition")
    if ignition is not None:
        return ignition >= 0.5
    rpm = signals.held.get("engine_rpm")
    return None if rpm is None else rpm > 0


def of_vehicle(signals: Signals, speed_kmh: float | None, route: Route | None) -> Doing:
    """What a vehicle does at ``speed_kmh`` (None: not known)."""
    running = engine(signals)
    wanted = route.work if route is not None and route.work else WORK_SIGNALS
    on = [name for name in wanted if signals.held.get(name, 0.0) >= 0.5]
    if speed_kmh is None:
        if running is False:
            return Doing.OFF
        return Doing.WORKING if on else Doing.NO_DATA
    if speed_kmh < MOVING_KMH:
        if running is False:
            return Doing.OFF
        if on or any(signals.held.get(name, 0.0) >= 0.5 for name in WORK_SIGNALS):
            return Doing.WORKING
        return Doing.IDLE if running else Doing.OFF
    fastest = WORK_MAX_KMH if route is None else route.work_max_kmh
    return Doing.WORKING if on and running is not False and speed_kmh <= fastest else Doing.TRANSIT


def of_worker(signals: Signals, task: Task | None) -> Doing:
    """What a worker does: on duty by what the badge says, else by the plan. Standing still is nobody's business."""
    duty = signals.held.get("on_duty")
    if duty is not None:
        return Doing.WORKING if duty >= 0.5 else Doing.OFF
    return Doing.WORKING if task is not None else Doing.NO_DATA


def note(signals: Signals, doing: Doing, at: int, gap: int, idles: bool, derived: dict[str, float]) -> None:
    """Take over what a device is doing now, and derive the readings that this makes.

    ``work_state`` is told when it changes and behind a gap, ``data_gap_s`` behind a gap, ``idle_s`` once in each whole
    minute of a spell and as 0 when it is over.
    """
    broken = gap > GAP
    if broken and signals.doing >= 0:
        derived["data_gap_s"] = round(gap / SECOND, 3)
    if doing != signals.doing or broken:
        derived["work_state"] = float(doing)
        if signals.idle_told:
            derived["idle_s"] = 0.0
        signals.doing, signals.since, signals.idle_told = int(doing), at, 0
    elif idles and doing is Doing.IDLE:
        seconds = (at - signals.since) // SECOND
        if seconds // 60 > signals.idle_told:
            signals.idle_told = seconds // 60
            derived["idle_s"] = float(seconds)
