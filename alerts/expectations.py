"""What the rules that come along are to find of the simulator's truth, and what nobody can ask of them. Data.

Each entry says which kind of truth (``simulators/truth.py``) a rule is to find, from which duration on, how far its
alert may lie from it, and what hides it; :mod:`alerts.sight` applies that to a run. Figures follow from the rules'
parameters, from the intervals at which the devices report and from their sensors' noise, never from results.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from alerts.scoring import Tolerance


class Expectation(msgspec.Struct, frozen=True):
    """What a rule is to find.

    A truth of ``kind`` whose details are as ``where`` says counts when it can be seen for ``least_s`` seconds on end
    and by ``reports`` reports. It is blind while one of the ``blind`` faults befalls the device (``fault_stuck`` only
    where it holds one of ``metrics``, which are those that the rule reads). ``until`` is the kind of record that ends
    what the truth only tells the beginning of. ``gap``: the truth is the gap between two reports, and with
    ``while_on`` only one that began while the device was on. Alerts that other kinds of truth explain
    (``explained_by``) are neither right nor wrong, and so are those that a stuck sensor makes. ``hint`` is the kind of
    record that tells how long before a truth the sensor's noise may have shown it; where no truth followed, it explains
    an alert. ``lasting`` names the detail that says how long (s) the truth lasted on end, where that is less than all
    of it. ``goal`` is the least precision and recall, where there is one.
    """

    rule: str
    kind: str
    why: str
    where: Mapping[str, Any] = {}
    least_s: float = 0
    reports: int = 0
    until: str | None = None
    gap: bool = False
    while_on: bool = False
    blind: tuple[str, ...] = ("fault_silence", "fault_stuck", "fault_backfill")
    metrics: tuple[str, ...] = ()
    explained_by: tuple[str, ...] = ()
    hint: str | None = None
    lasting: str | None = None
    tolerance: Tolerance = Tolerance()
    goal: float | None = None


_POSITION = ("fault_silence", "fault_backfill", "fault_tunnel", "fault_jitter")


def _level(rule: str, percent: float, goal: float | None = None) -> Expectation:
    return Expectation(
        rule,
        "bin_threshold",
        "A bin reports every ten minutes; one that is emptied before it has reported twice since it was full was never"
        " seen to be. Its sensor is off by half a point (one sigma): an alert within three of that is right.",
        where={"threshold_pct": percent},
        until="emptied",
        reports=2,
        metrics=("fill_pct",),
        hint="bin_near",
        goal=goal,
    )


def _silent(rule: str, patience_s: float, interval_s: float, on: bool = False) -> Expectation:
    return Expectation(
        rule,
        "fault_silence",
        f"Told {patience_s:g} s after the last report; a gap that ends within an interval of that may go either way.",
        gap=True,
        least_s=patience_s + interval_s,
        while_on=on,
        blind=("fault_stuck", "fault_backfill"),
        metrics=("ignition", "on_duty") if on else (),
        tolerance=Tolerance(early_s=0, late_s=0),
        goal=0.99,
    )


EXPECTATIONS: tuple[Expectation, ...] = (
    _level("bin-notice", 75.0),
    _level("bin-full", 85.0, goal=0.99),
    _level("bin-overflow", 95.0),
    Expectation(
        "bin-predicted-full",
        "bin_threshold",
        "Told four hours before, or as soon as it can be; of one that was emptied before it was full nobody knows.",
        where={"threshold_pct": 85.0},
        metrics=("fill_pct",),
        explained_by=("emptied",),
        tolerance=Tolerance(early_s=6 * 3_600, late_s=0),
    ),
    Expectation(
        "bin-fire",
        "fire",
        "Rises two degrees a minute, reported each minute.",
        least_s=900,
        metrics=("temperature_c",),
    ),
    Expectation("smoke", "fire", "The smoke sensor is on as long as it burns.", reports=2, metrics=("smoke",)),
    Expectation(
        "vehicle-idle",
        "idle",
        "Five minutes must be seen without a gap, by reports half a minute apart.",
        least_s=360,
        metrics=("speed_kmh", "ignition", "pto", "brush", "spray", "pump", "lift"),
        goal=0.97,
    ),
    Expectation(
        "vehicle-off-route",
        "deviation",
        "Three positions ten seconds apart, or a minute; without positions nothing is known. The way back may lead over"
        " the route, and off it once more.",
        least_s=60,
        blind=_POSITION,
        tolerance=Tolerance(again=True),
        goal=0.95,
    ),
    Expectation(
        "vehicle-speeding",
        "speeding",
        "The working limit for twenty seconds. In transit the rule knows one limit, not that of each street.",
        where={"working": True},
        least_s=30,
        lasting="longest_s",
        metrics=("speed_kmh", "pto", "brush", "spray", "pump"),
        explained_by=("speeding",),
    ),
    _silent("bin-silent", 1_800, 600),
    _silent("vehicle-silent", 180, 30, on=True),
    _silent("toilet-silent", 900, 60),
    _silent("worker-silent", 300, 30, on=True),
    Expectation(
        "toilet-ammonia",
        "odour",
        "The mean of ten minutes is behind the air by five. Cleaning ends the alert; the air may still need its time.",
        least_s=1_200,
        metrics=("nh3_ppm",),
        tolerance=Tolerance(again=True),
    ),
    Expectation(
        "toilet-hydrogen-sulphide",
        "odour",
        "The truth tells of ammonia; hydrogen sulphide comes and goes with it.",
        least_s=1_200,
        metrics=("h2s_ppm",),
        tolerance=Tolerance(early_s=1_200, late_s=1_200, again=True),
    ),
    Expectation("toilet-water-leak", "water_leak", "Reported each minute.", reports=2, metrics=("water_leak",)),
    Expectation(
        "toilet-water-runs",
        "water_leak",
        "Half an hour on end.",
        least_s=2_100,
        metrics=("water_m3",),
        tolerance=Tolerance(early_s=0, late_s=60),
    ),
    Expectation("sos", "sos", "One report carries it.", reports=0),
    Expectation(
        "worker-off-post",
        "off_post",
        "Five minutes on end.",
        least_s=420,
        blind=_POSITION,
    ),
    Expectation(
        "worker-stationary",
        "standing",
        "Twenty minutes on end, by positions.",
        least_s=1_260,
        blind=_POSITION,
        explained_by=("off_post",),
    ),
)
"""In the order of the rules."""
