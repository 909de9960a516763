"""Judging the time that a device claims, against the time at which the hub heard it.

A device's clock is evidence and not truth: receivers start in 1970 or 1980, GPS weeks roll over after 1,024 weeks
(IS-GPS-200, clause 20.3.3.3.1.1), and cheap terminals run fast. Old times are believed, for a device may backfill
weeks after a gap and history is imported; only what cannot be is doubted.
"""

from __future__ import annotations

from enum import Enum

import msgspec

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
GPS_ROLLOVER = 1024 * 7 * DAY
YEAR_2000 = 946_684_800 * SECOND


class ClockPolicy(msgspec.Struct, frozen=True):
    """How far a claim may stray. All in microseconds.

    ``future`` is the greatest lead over the time of reception; ``oldest`` the earliest instant that is believed at
    all; ``rollover_window`` how near to exactly one or two GPS week rollovers ago a claim must lie to be taken for one.
    """

    future: int = 60 * SECOND
    oldest: int = YEAR_2000
    rollover_window: int = 2 * DAY


class Verdict(Enum):
    """What a claim is worth."""

    PLAUSIBLE = "plausible"
    ABSENT = "no time claimed"
    FUTURE = "later than the time of reception"
    ANCIENT = "before the earliest believable time"
    ROLLOVER = "a whole number of GPS week rollovers ago"


def judge(claimed_at: int | None, received_at: int, policy: ClockPolicy) -> Verdict:
    """Judge a claimed instant (µs since 1970, or None) against the time of reception (µs)."""
    if claimed_at is None:
        return Verdict.ABSENT
    age = received_at - claimed_at
    if age < -policy.future:
        return Verdict.FUTURE
    if claimed_at < policy.oldest:
        return Verdict.ANCIENT
    if age >= GPS_ROLLOVER - policy.rollover_window:
        for rollovers in (1, 2):
            if abs(age - rollovers * GPS_ROLLOVER) <= policy.rollover_window:
                return Verdict.ROLLOVER
    return Verdict.PLAUSIBLE
