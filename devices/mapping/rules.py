"""The rules of a mapping: what one field of a codec's object becomes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import msgspec

FixField = Literal["lat", "lon", "altitude_m", "speed_kmh", "heading_deg", "hdop", "satellites"]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one field of a codec's object becomes.

    ``metric``: the reading ``value * scale + offset``, in the metric's unit. A value outside ``least``..``most`` (both
    as the codec gives it) is no reading, silently: the blind zone of a distance. ``values`` gives the reading of a text
    or code instead (``{"tilt": 1, "normal": 0}``); null there means that the value is no reading (a sentinel), silently
    too. Values in ``doubtful`` are filed with the mark of an uncertain one. ``events`` gives the event that a text or
    code is (``{"threshold_alarm": "distance_alarm"}``). ``fix`` makes the field a part of the position (WGS-84).
    ``samples`` makes it a list of older objects of the same form, each with its time in Unix seconds in the field that
    ``samples`` names.
    """

    metric: str | None = None
    scale: float = 1
    offset: float = 0
    least: float = -math.inf
    most: float = math.inf
    values: Mapping[str, float | None] = {}
    doubtful: tuple[str, ...] = ()
    events: Mapping[str, str] = {}
    fix: FixField | None = None
    samples: str | None = None


Mapped = Mapping[str, Rule]
"""Rules by the field's name; a dot leads into an object (``gps.lat``). The first rule that yields a metric wins."""
