"""Rules that the mappings of Milesight's models share."""

from __future__ import annotations

from devices.mapping.rules import Rule

NO_DISTANCE: dict[str, float | None] = {"65535": None, "65534": None, "65533": None}
"""No echo, a fault, and too near: what the sensors send in the place of a distance."""

BATTERY = Rule(metric="battery_pct", values={"255": None})
DISTANCE = Rule(metric="distance_mm", values=NO_DISTANCE)
TILT = Rule(metric="tilt", values={"normal": 0, "tilt": 1, "unknown": None})


def alarm(kind: str) -> Rule:
    """An alarm and its release as events, in the words of all generations of decoders."""
    raised, over = kind, f"{kind}_cleared"
    return Rule(
        events={
            "true": raised,
            "threshold_alarm": raised,
            "mutation_alarm": raised,
            "alarm_triggered": raised,
            "false": over,
            "threshold_alarm_release": over,
            "normal": over,
            "alarm_released": over,
        }
    )
