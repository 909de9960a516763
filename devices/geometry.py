"""How full a bin is, from the distance that a sensor under its lid measures.

The geometry stands in the attributes of the registered device, in millimetres as the sensor sees them:

* ``empty_mm``: what it measures when the bin is empty; without it ``depth_mm``, the depth below the sensor;
* ``full_mm``: what it measures when the bin counts as full (120 where it is not given);
* ``blind_mm``: nearer than this the sensor cannot measure (0 where it is not given).

From general practice (no standard): fill = (empty - distance) / (empty - full), held within 0 and 100 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

FULL_MM = 120.0
TOLERANCE = 0.05  #: of the way from empty to full; the floor of a bin gives, and sensors sit askew
LEAST_TOLERANCE_MM = 50.0


class Geometry(msgspec.Struct, frozen=True):
    """The measures of one bin, millimetres."""

    empty_mm: float
    full_mm: float
    blind_mm: float = 0.0

    def fault(self, distance_mm: float) -> str | None:
        """Why a distance tells no fill: one line, or None when it does."""
        if distance_mm < self.blind_mm:
            return f"distance_mm: {distance_mm:g} is within the sensor's blind zone of {self.blind_mm:g} mm"
        farthest = self.empty_mm + max(LEAST_TOLERANCE_MM, TOLERANCE * (self.empty_mm - self.full_mm))
        if not distance_mm <= farthest:
            return f"distance_mm: {distance_mm:g} is beyond the floor of the bin at {self.empty_mm:g} mm"
        return None

    def fill(self, distance_mm: float) -> float | None:
        """Per cent, or None where :meth:`fault` says why not."""
        if self.fault(distance_mm) is not None:
            return None
        share = (self.empty_mm - distance_mm) / (self.empty_mm - self.full_mm)
        return round(100 * min(1.0, max(0.0, share)), 2)


def geometry_of(attributes: Mapping[str, Any]) -> Geometry | None:
    """The geometry in a device's attributes; None where there is none, or none that can be."""
    empty = _length(attributes, "empty_mm") or _length(attributes, "depth_mm")
    if empty is None:
        return None
    full = _length(attributes, "full_mm")
    full = FULL_MM if full is None else full
    blind = _length(attributes, "blind_mm") or 0.0
    return Geometry(empty, full, blind) if full < empty and blind < empty else None


def fill_from_distance(distance_mm: float, attributes: Mapping[str, Any]) -> float | None:
    """The fill of a device with these attributes, per cent, or None."""
    geometry = geometry_of(attributes)
    return None if geometry is None else geometry.fill(distance_mm)


def _length(attributes: Mapping[str, Any], name: str) -> float | None:
    value = attributes.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
        return float(value)
    return None
