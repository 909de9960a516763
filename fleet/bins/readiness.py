"""Which bins are to be emptied, and why: because of their fill, of their age, or of an alert.

DOMAIN.md: readiness has a reason. Thresholds are per bin in practice; they stand in the device's attributes
(``notice_pct``, ``collect_pct``, ``overflow_pct``, ``max_days``), those of :class:`Thresholds` count otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec

from fleet.bins.fill_model import BinRates
from fleet.bins.forecast import Forecast, forecast, reaches
from fleet.bins.hours import DAY
from fleet.bins.watch import Level

State = Literal["READY", "NOT_READY", "NO_DATA"]
Reason = Literal["FULLNESS", "AGE", "ALERT"]


class Thresholds(msgspec.Struct, frozen=True):
    """In percent; ``max_days`` is how long a bin may stay unemptied (None: as long as it likes)."""

    notice_pct: float = 75.0
    collect_pct: float = 85.0
    overflow_pct: float = 95.0
    max_days: float | None = 7.0


class Standing(msgspec.Struct, frozen=True):
    """What is known of a bin: its level and when it was emptied last (µs; None: not known), and its open alerts.

    ``known_since`` is since when there are data of it (µs): a bin that was never seen emptied is at least so old.
    """

    bin: str
    level: Level | None
    emptied_at: int | None = None
    known_since: int | None = None
    alerts: Collection[str] = ()


class Readiness(msgspec.Struct, frozen=True):
    """A bin as planning sees it, at ``at`` (µs).

    ``reason`` is the strongest of ``reasons``: an alert, then fullness, then age. ``due_at`` is when it is at its
    collecting threshold if nobody comes (µs), ``by_visit`` what it will be at the next visit, if that is known.
    """

    bin: str
    at: int
    state: State
    reason: Reason | None
    reasons: tuple[Reason, ...]
    level_pct: float | None
    level_at: int | None
    days_since_emptied: float | None
    due_at: int | None
    overflow_at: int | None
    by_visit: Forecast | None = None
    alerts: tuple[str, ...] = ()


def thresholds_of(attributes: Mapping[str, Any]) -> Thresholds:
    """The thresholds in a device's attributes; what is none, or out of order, is as everywhere."""
    usual = Thresholds()
    given = {}
    for name in ("notice_pct", "collect_pct", "overflow_pct"):
        value = attributes.get(name)
        known = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 100
        given[name] = float(value) if known else getattr(usual, name)  # type: ignore[arg-type]
    if not given["notice_pct"] <= given["collect_pct"] <= given["overflow_pct"]:
        given = {name: getattr(usual, name) for name in given}
    days = attributes.get("max_days", usual.max_days)
    lasting = isinstance(days, int | float) and not isinstance(days, bool) and days > 0
    return Thresholds(**given, max_days=float(days) if lasting else None)


def readiness(
    standing: Standing, rates: BinRates, at: int, thresholds: Thresholds | None = None, next_visit: int | None = None
) -> Readiness:
    """Whether a bin is to be emptied, as of ``at`` (µs).

    It is ready by FULLNESS when it is at its collecting threshold now, or would be by ``next_visit`` (µs) more likely
    than not; by AGE when it was not emptied for ``max_days``; by ALERT when one that asks for it is open. Without a
    level that is recent enough there is no saying whether it is full: NO_DATA, unless another reason holds.
    """
    limits = thresholds or Thresholds()
    level = standing.level
    by_visit = None
    if level is not None and next_visit is not None and next_visit > level.at:
        by_visit = forecast(rates, level, next_visit, ())
    age = _days(standing, at)
    reasons: list[Reason] = []
    if standing.alerts:
        reasons.append("ALERT")
    if level is not None and (
        level.fill >= limits.collect_pct or (by_visit is not None and by_visit.median_pct >= limits.collect_pct)
    ):
        reasons.append("FULLNESS")
    if age is not None and limits.max_days is not None and age >= limits.max_days:
        reasons.append("AGE")
    when = {} if level is None else reaches(rates, level, {limits.collect_pct, limits.overflow_pct})
    state: State = "READY" if reasons else "NO_DATA" if level is None else "NOT_READY"
    return Readiness(
        standing.bin,
        at,
        state,
        reasons[0] if reasons else None,
        tuple(reasons),
        None if level is None else level.fill,
        None if level is None else level.at,
        age,
        when.get(f"{limits.collect_pct:g}"),
        when.get(f"{limits.overflow_pct:g}"),
        by_visit,
        tuple(sorted(standing.alerts)),
    )


def _days(standing: Standing, at: int) -> float | None:
    """Days since the bin was emptied; for one that never was, since there are data of it."""
    since = standing.emptied_at if standing.emptied_at is not None else standing.known_since
    return None if since is None else max(0.0, (at - since) / DAY)
