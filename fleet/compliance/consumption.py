"""Fuel that was burnt and loads that were tipped, from levels."""

from __future__ import annotations

import numpy as np

from fleet.compliance.course import Course
from fleet.compliance.settings import Settings
from fleet.compliance.steps import Steps
from fleet.track import Column, Driven, Signal

STANDING_TIP_M = 150.0
"""A load that goes within so many metres of a tip was tipped there."""


def fuel_l(driven: Driven, settings: Settings) -> float | None:
    """Litres: the level at the beginning less that at the end, and what was filled in between.

    From ``fuel_l``, or ``fuel_pct`` with the size of the tank; None without. A rise of ``refuel_pct`` of the tank
    within the time of a few readings is a filling; smaller ones are a level that sways.
    """
    signal, unit = driven.signals.get("fuel_l"), 1.0
    if (signal is None or len(signal.at) < 2) and settings.tank_l is not None:
        signal, unit = driven.signals.get("fuel_pct"), settings.tank_l / 100
    if signal is None or len(signal.at) < 2:
        return None
    value = signal.value * unit
    tank = settings.tank_l or float(value.max())
    risen = np.diff(value)
    filled = float(risen[risen >= settings.refuel_pct / 100 * tank].sum())
    return max(0.0, float(value[0] - value[-1]) + filled)


def loads(driven: Driven, made: Steps, course: Course, settings: Settings) -> int | None:
    """How often the vehicle was emptied: falls of ``load_kg`` (or ``hopper_pct``), at a tip where one is known."""
    signal, least = driven.signals.get("load_kg"), settings.load_drop_kg
    if signal is None or len(signal.at) < 2:
        signal, least = driven.signals.get("hopper_pct"), settings.hopper_drop_pct
    if signal is None or len(signal.at) < 2:
        return None
    drops = _falls(signal, least)
    tips = [number for number, place in enumerate(course.places) if place.role == "tip"]
    if not tips or not len(made.at):
        return len(drops)
    x, y = np.interp(drops, made.at, made.x), np.interp(drops, made.at, made.y)
    near = np.zeros(len(drops), bool)
    for tip in tips:
        reach = course.places[tip].radius_m + STANDING_TIP_M
        near |= np.hypot(x - course.place_x[tip], y - course.place_y[tip]) <= reach
    return int(near.sum())


def _falls(signal: Signal, least: float) -> Column:
    """When a level fell by ``least`` and to less than half, however many readings that took."""
    found: list[int] = []
    top = float(signal.value[0])
    changed = np.concatenate(([True], np.diff(signal.value) != 0))
    for at, value in zip(signal.at[changed].tolist(), signal.value[changed].tolist(), strict=True):
        if top - value >= least and value < top / 2:
            found.append(at)
            top = value
        top = max(top, value)
    return np.array(found, float)
