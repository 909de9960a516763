"""Colours of states and tones. Told apart by lightness too, and never the only sign where a shape can be had."""

from __future__ import annotations

from collections.abc import Mapping

INK, MUTED, FAINT, GRID = "#1f2a37", "#6b7683", "#dfe4ea", "#e9edf1"
GOOD, WARN, BAD, UNKNOWN, BLUE, VIOLET = "#2f8f5b", "#d98a00", "#cf3f3f", "#9aa5b1", "#2b6cb0", "#7c4dbd"

TONE: Mapping[str, str] = {"good": GOOD, "warn": WARN, "bad": BAD, "unknown": UNKNOWN, "none": BLUE}

STATE: Mapping[str, str] = {
    "work": GOOD, "transit": BLUE, "idle": "#e6b450", "off": "#cbd3db", "no_data": "#f1f3f5", "stand": "#e6b450",
    "covered": GOOD, "served": GOOD, "missed": BAD, "late": WARN, "early": "#3aa6a6", "deviation": VIOLET,
    "driven": BLUE, "planned": "#93a1b0", "street": FAINT, "area": "#b9c4cf", "speeding": BAD, "present": GOOD,
    "points": GOOD, "lost": "#f0c9c9", "over_limit": BAD, "within_limit": GOOD, "visits": BLUE, "drive": BLUE,
    "not_full": "#b5c7b0", "other_vehicle": "#5b8fc7", "absent": BAD, "left_early": WARN, "late_and_early": WARN,
}  # fmt: skip
SERIES = (BLUE, VIOLET, "#3aa6a6", WARN, GOOD, "#8c6d46")


def of_state(state: str) -> str:
    """The colour of a state."""
    return STATE.get(state, UNKNOWN)
