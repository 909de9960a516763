"""How well attendance and time on post are judged: a simulated city against what really happened, also with bad data.

The records are those of the city's badges, gathered as columns and judged by the pure functions of ``fleet.evaluation``
within the planned shifts. Scores are only over shifts that began and ended within the run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import NamedTuple

import msgspec
import numpy as np

from fleet.calendar import local_date
from fleet.evaluation.attendance import Presence, attend
from fleet.evaluation.duty import Duty, length_s, without
from fleet.evaluation.post_time import hold_post
from fleet.evaluation.roster import Roster
from fleet.track import Driven, Signal, Track
from hub.city_master import master_of
from simulators.city import City, Incidents, Observation, Size
from simulators.city.local_time import ZONE
from simulators.truth import Record, TruthLog

SECOND = 1_000_000
HOUR = 3_600 * SECOND
START_US = 1_780_243_200_000_000  #: 2026-06-01, a Monday, at midnight in Shanghai
WITHIN_S = 120.0
GRACE_S = 300.0
CASES = ("undisturbed", "10 % lost", "30 s jitter", "an hour missing", "second half late")
INCIDENTS = Incidents(late=0.15, early=0.15, absent=0.08, off_post=0.15, standing=0.05)


class Seen(NamedTuple):
    """A record of a badge: when, on duty or not, and where."""

    at: int
    on: float
    lat: float
    lon: float


class Figures(msgspec.Struct, frozen=True):
    """One case. Errors in seconds over ends that were judged; ``unknown_ends`` are those that were left open.

    ``wrong`` counts shifts called absent that were not, the reverse, and late or early beyond five minutes that was
    not so, or was but was not seen in spite of data. ``off_post_error_pct`` is of the true time off post.
    """

    case: str
    shifts: int
    ends: int
    unknown_ends: int
    within_pct: float
    greatest_error_s: float
    mean_error_s: float
    absent: int
    absent_found: int
    no_data: int
    wrong: int
    off_post_min: float
    off_post_error_pct: float


class Town:
    """A run of the city: what badges said, by worker, and what was true."""

    def __init__(self, seed: int, workers: int, days: int) -> None:
        lines: list[bytes] = []
        truth = TruthLog(lines.append)
        size = Size(vehicles=0, bins=0, toilets=0, workers=workers)
        city = City(seed, START_US, size, incidents=INCIDENTS, truth=truth)
        self.seen: dict[str, list[Seen]] = defaultdict(list)
        for observation in city.advance(START_US + days * 24 * HOUR):
            self.seen[observation.device_id].append(_seen(observation))
        truth.footer({})
        records = [msgspec.json.decode(line, type=Record) for line in lines[:-1]]
        self.kept = [
            one for one in records if one.kind == "attendance" and one.start_us > START_US and one.end_us is not None
        ]
        self.away = [one for one in records if one.kind == "off_post" and one.end_us is not None]
        begin, end = START_US, START_US + days * 24 * HOUR
        dates = (local_date(START_US, ZONE) + timedelta(days=day) for day in range(days))
        master = master_of(city, dates)
        roster = Roster(
            master.plans,
            {one.id: one for one in master.shifts},
            master.areas,
            {one.id: one for one in master.workers},
        )
        self._duties = {(one.worker, one.start): one for one in roster.duties(roster.workers, begin, end)}

    def duty(self, record: Record) -> Duty:
        """The planned shift of a record of attendance."""
        return self._duties[record.device_id, record.start_us]


def measure(seed: int = 1, workers: int = 60, days: int = 4) -> list[Figures]:
    """All cases over the same run."""
    town = Town(seed, workers, days)
    return [_score(town, case, seed) for case in CASES]


def _score(town: Town, case: str, seed: int) -> Figures:
    rng = Random(f"{seed}/{case}")  # noqa: S311 - the same disturbance again
    errors: list[float] = []
    unknown = absent = found = no_data = wrong = 0
    off_true = off_wrong = 0.0
    for record in town.kept:
        duty = town.duty(record)
        driven = _driven(duty, _disturbed(town.seen[record.device_id], case, duty, rng))
        told = attend(duty, driven)
        gone = bool(record.detail.get("absent"))
        absent, found = absent + gone, found + (gone and told.state == "absent")
        no_data += told.state == "no_data"
        wrong += (told.state == "absent" and not gone) or (told.state == "present" and gone)
        if gone or told.state != "present":
            continue
        for end, judged, by in _ends(record, told):
            unknown += judged is None
            if judged is not None:
                errors.append(abs(judged - end) / SECOND)
                wrong += abs(by - GRACE_S) > WITHIN_S and (by > GRACE_S) != (_told_by(told, judged) > GRACE_S)
        span = told.on_duty()
        assert span is not None
        post = hold_post(duty, span, driven.track)
        assert post is not None
        true = without(
            ((a.start_us, a.end_us or 0) for a in town.away if a.device_id == record.device_id),
            [(0, span[0]), (span[1], 2**62), *_silences(driven)],
        )
        off_true, off_wrong = off_true + length_s(true), off_wrong + abs(post.off_s - length_s(true))
    near = sum(error <= WITHIN_S for error in errors)
    return Figures(
        *(case, len(town.kept), len(errors) + unknown, unknown),
        round(100 * near / max(1, len(errors)), 2),
        round(max(errors, default=0.0), 1),
        round(sum(errors) / max(1, len(errors)), 1),
        *(absent, found, no_data, wrong),
        round(off_true / 60, 1),
        round(100 * off_wrong / off_true, 1) if off_true else 0.0,
    )


def _told_by(told: Presence, judged: int) -> float:
    """How late or early the end ``judged`` was found to be, seconds."""
    return told.late_s if judged == told.arrived else told.early_s


def _ends(record: Record, told: Presence) -> Iterator[tuple[int, int | None, float]]:
    """Both ends of a shift: the true one, the one that was found, and by how much the true one is off the plan."""
    arrived, left, end = record.detail["arrived_us"], record.detail["left_us"], record.end_us or 0
    yield arrived, told.arrived, (arrived - record.start_us) / SECOND
    yield left, told.left, (end - left) / SECOND


def _disturbed(seen: Sequence[Seen], case: str, duty: Duty, rng: Random) -> Iterable[Seen]:
    around = [one for one in seen if duty.start - HOUR <= one.at < duty.end + HOUR]
    if case == "10 % lost":
        return [one for one in around if rng.random() >= 0.1]
    if case == "30 s jitter":
        return [one._replace(at=one.at + rng.randrange(-30 * SECOND, 30 * SECOND)) for one in around]
    if case == "an hour missing":
        begin = duty.start + rng.randrange(-HOUR, duty.end - duty.start)
        return [one for one in around if not begin <= one.at < begin + HOUR]
    if case == "second half late":
        middle = len(around) // 2
        return [*around[:middle], *around[middle:], *rng.sample(around, len(around) // 10)][::-1]
    return around


def _driven(duty: Duty, seen: Iterable[Seen]) -> Driven:
    """What a reader would give for the shift: its span, and the last ``on_duty`` before it; each instant once."""
    ordered = sorted({one.at: one for one in seen if one.at < duty.end}.values())
    before = [one for one in ordered if one.at < duty.start][-1:]
    inside = [one for one in ordered if one.at >= duty.start]
    stated = [*before, *inside]
    signal = Signal(np.array([one.at for one in stated], np.int64), np.array([one.on for one in stated], np.float64))
    fixed = [one for one in inside if one.lat == one.lat]
    unknown = np.full(len(fixed), np.nan)
    track = Track(
        np.array([one.at for one in fixed], np.int64),
        np.array([one.lat for one in fixed], np.float64),
        np.array([one.lon for one in fixed], np.float64),
        *(unknown, unknown),
    )
    return Driven(duty.worker, duty.start, duty.end, track, {"on_duty": signal})


def _silences(driven: Driven) -> list[tuple[int, int]]:
    """Gaps of the positions in which nobody can tell where somebody was (five minutes, as in PostRules)."""
    return [(a, b) for a, b in pairwise(driven.track.at.tolist()) if b - a > 300 * SECOND]


def _seen(observation: Observation) -> Seen:
    fix = observation.fix or {}
    return Seen(
        observation.observed_at,
        float(observation.readings["on_duty"]),
        float(fix.get("lat", np.nan)),
        float(fix.get("lon", np.nan)),
    )
