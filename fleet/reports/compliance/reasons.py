"""Why a stop was not served in time, or not by its vehicle, in words."""

from __future__ import annotations

from fleet.bins.missed_pickups import Pickup
from fleet.compliance.result import StopResult
from fleet.reports.compliance.judged import Judged
from fleet.reports.document import MOMENT, Cell, Said


def reason(judged: Judged, stop: StopResult) -> Said:
    """Why a stop was not on time, as far as the data says: late start, a deviation, a gap, or what the bin says."""
    driving = _driving(judged, stop)
    if driving is not None:
        return driving
    one = judged.compliance
    if stop.state == "early":
        return Said("reason.early")
    if stop.state == "late":
        return Said(
            "reason.late_start" if one.began is not None and one.began > one.start + 900_000_000 else "reason.late"
        )
    told = said_of(judged.pickup(stop.stop, stop.number))
    return told or Said("reason.not_found" if stop.proof is None else "reason.no_service")


def _driving(judged: Judged, stop: StopResult) -> Said | None:
    """What the vehicle did in the window that explains it; None where there is nothing."""
    one = judged.compliance
    if stop.planned is not None:
        begin, end = stop.planned
        if one.began is not None and one.began >= end:
            return Said("reason.late_start")
        if any(each.start < end and begin < each.end for each in one.deviations):
            return Said("reason.deviation")
        if any(gap.start < end and begin < gap.end for gap in one.gaps):
            return Said("reason.gap")
    return None


def said_of(pickup: Pickup | None) -> Said | None:
    """What the outcome of a pick-up goes by; None where the bin has nothing to say about it."""
    if pickup is None or not pickup.why:
        return None
    at = Said(MOMENT, {"at": pickup.at}) if pickup.at is not None else None
    if pickup.why == "other":
        if pickup.vehicle is None:
            return Said("pickup.somebody", {"bin": pickup.bin, "at": at})
        return Said("pickup.other", {"bin": pickup.bin, "at": at, "vehicle": pickup.vehicle})
    if pickup.why == "whose":
        return Said("pickup.whose", {"bin": pickup.bin, "at": at})
    if pickup.why == "silent":
        return Said("pickup.silent", {"bin": pickup.bin})
    level = "–" if pickup.most_pct is None else f"{pickup.most_pct:.0f}"
    values: dict[str, Cell] = {"bin": pickup.bin, "most": level}
    if pickup.why in ("low", "low_then", "age"):
        values["limit"] = f"{pickup.limit_pct or 0:.0f}"
    if pickup.why in ("passed", "low_then") and pickup.passed is not None:
        metres = f"{pickup.passed.distance_m:.0f}"
        values |= {"at": Said(MOMENT, {"at": pickup.passed.start}), "metres": metres}
    return Said(f"pickup.{pickup.why}", values)
