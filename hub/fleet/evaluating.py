"""Making evaluations: what is planned and stored, judged by a scheme, for a worker or a crew over a period."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from time import time_ns
from typing import Protocol

import msgspec

from devices.instants import to_datetime
from fleet.compliance.result import Compliance
from fleet.evaluation.attendance import Presence, attend
from fleet.evaluation.duty import Duty, Span
from fleet.evaluation.inputs import Inputs
from fleet.evaluation.judgement import Subject, evaluate
from fleet.evaluation.post_time import PostTime, hold_post
from fleet.evaluation.records import Appeal, Contested, EnteredScheme, EvaluationStateError, RecordFilter
from fleet.evaluation.result import Deduction, Evaluation, Item, SubjectKind
from fleet.evaluation.roster import Roster
from fleet.evaluation.scheme import Scheme
from fleet.evaluation.scheme_file import read_scheme, ready_made, ready_made_text
from fleet.evaluation.walked import Walked, walk
from fleet.master.people import Worker
from fleet.master.plan import Plan
from fleet.track import Driven, Track
from store.evaluation.appeals import EvaluationAppeals
from store.evaluation.records import EvaluationRecords
from store.evaluation.schemes import EvaluationSchemes
from store.evaluation.worker_records import WorkerRecords
from store.fleet.master import FleetMaster
from store.reading import Pool, ReadSession
from store.writing import WriteSession

AT_ONCE = 40  #: duties whose records are in memory together
Group = tuple[tuple[Duty, ...], tuple[Duty, ...]]
"""Duties of one plan: those that are judged, and those of everybody who holds the post with them."""
Progress = Callable[[int, int], None]
"""Told how many duties of how many are judged."""


class RoundJudge(Protocol):
    """Judges what was driven (the service of route compliance)."""

    async def rounds(self, plans: Sequence[Plan]) -> tuple[Compliance, ...]:
        """The results of plans with a route and a vehicle, whose shifts are over."""


class Evaluating:
    """Evaluations over a store (``api.ports.evaluation.EvaluationDesk``). Raises TransientError while it is away.

    Without a ``judge`` of rounds there is no data about what drivers do with their vehicles. ``clock`` gives now in µs:
    only shifts that are over are judged.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        judge: RoundJudge | None = None,
        clock: Callable[[], int] = lambda: time_ns() // 1_000,
    ) -> None:
        reads, writes = ReadSession(pool, statement_timeout_s=60.0), WriteSession(pool)
        self.schemes = EvaluationSchemes(reads, writes)
        self.records = EvaluationRecords(reads, writes)
        self.appeals = EvaluationAppeals(reads, writes)
        self._master = FleetMaster(reads)
        self._worker_records = WorkerRecords(reads)
        self._judge = judge
        self._clock = clock

    async def scheme(self, name: str, at: int, version: int | None = None) -> Scheme | None:
        """A scheme in the version that judges a period which begins at ``at``, or in the one that is asked for."""
        found = await self.scheme_text(name, at, version)
        if found is None:
            return None
        made = await asyncio.to_thread(read_scheme, found.text, name)
        return msgspec.structs.replace(made, id=name, version=found.version)

    async def scheme_text(self, name: str, at: int, version: int | None = None) -> EnteredScheme | None:
        """The same as text; version 0 is the ready-made one of that name."""
        if version is None:
            entered = await self.schemes.in_force(name, at)
        else:
            entered = await self.schemes.version(name, version)
        if entered is not None:
            return entered
        if name in ready_made() and not version:
            return EnteredScheme(name, 0, 0, 0, "sanihub", "ready-made", ready_made_text(name))
        return None

    async def knows(self, kind: SubjectKind, name: str) -> bool:
        """Whether there is such a worker or crew, active or not."""
        people = await self._master.workers() if kind == "worker" else await self._master.crews()
        return any(one.id == name for one in people)

    async def workers(self, crew: str | None = None) -> tuple[str, ...]:
        """The ids of active workers, of a crew or all."""
        now = self._clock()
        active = [one for one in await self._master.workers() if one.active and (one.withdrawn or now + 1) > now]
        return tuple(one.id for one in active if crew is None or one.crew == crew)

    async def evaluate(
        self,
        kind: SubjectKind,
        name: str,
        start: int,
        end: int,
        scheme: Scheme,
        progress: Progress | None = None,
    ) -> Evaluation | None:
        """The evaluation of a worker or crew over ``[start, end)``; None where there is no such worker or crew.

        A crew's holds everything of its workers and what is entered about the crew; a worker's only what names them.
        """
        workers = {one.id: one for one in await self._master.workers()}
        crews = {one.id: one for one in await self._master.crews()}
        known = workers.get(name) if kind == "worker" else crews.get(name)
        if known is None:
            return None
        people = [name] if kind == "worker" else [one.id for one in workers.values() if one.crew == name]
        end_known = min(end, self._clock())
        roster = await self._roster(workers, name if kind == "worker" else None, start, end)
        duties = [duty for duty in roster.duties(people, start, end) if duty.end <= end_known]
        groups = roster.together(duties)
        presences, posts, walks = await self._judged(groups, scheme, progress)
        if kind == "crew":  # the post of several is one post
            walks = tuple({one.plan: one for one in reversed(walks)}.values())
        named = RecordFilter(tuple(people), (name,) if kind == "crew" else None, start, end)
        tasks, findings = await self.records.tasks(named), await self.records.findings(named)
        inputs = Inputs(
            *(presences, posts, walks),
            tasks=tuple(entry.task for entry in tasks.items),
            findings=tuple(entry.finding for entry in findings.items),
            rounds=await self._rounds(roster, duties),
            corrections=await self.appeals.corrections(people, [name] if kind == "crew" else [], start, end),
            now=self._clock(),
        )
        return await asyncio.to_thread(evaluate, scheme, Subject(kind, name, known.name), (start, end), inputs)

    async def appeal(
        self,
        kind: SubjectKind,
        name: str,
        start: int,
        end: int,
        scheme: Scheme,
        deduction: str,
        reason: str,
        actor: str,
    ) -> Appeal | None:
        """Make an appeal against a deduction of an evaluation; None where that has no such deduction.

        Raises EvaluationStateError while another one is open, and for what costs nothing any more.
        """
        told = await self.evaluate(kind, name, start, end, scheme)
        found = None if told is None else _deduction(told, deduction)
        if told is None or found is None:
            return None
        item, lost = found
        points = lost.points if lost.correction is None else min(lost.points, lost.correction.points)
        if points <= 0:
            raise EvaluationStateError(f"{deduction} costs nothing any more")
        evidence = lost.evidence
        about = Contested(
            *(kind, name, scheme.id, scheme.version, item.id, deduction, points),
            *(evidence.start, max(evidence.end, evidence.start), evidence.en, evidence.zh),
        )
        return await self.appeals.enter(about, reason, actor)

    async def _roster(self, workers: Mapping[str, Worker], worker: str | None, start: int, end: int) -> Roster:
        plans = await self._master.plans(*_dates(start, end), worker=worker)
        shifts = {one.id: one for one in await self._master.shifts()}
        return Roster(plans, shifts, await self._master.areas_between(start, end), workers)

    async def _judged(
        self, groups: Sequence[Group], scheme: Scheme, progress: Progress | None
    ) -> tuple[tuple[Presence, ...], tuple[PostTime, ...], tuple[Walked, ...]]:
        presences: list[Presence] = []
        posts: list[PostTime] = []
        walks: list[Walked] = []
        done, total = 0, sum(len(own) for own, _ in groups)
        for some in _chunks(groups):
            duties = [duty for _, together in some for duty in together]
            driven = dict(zip(duties, await self._worker_records.of(duties), strict=True))
            for presence, post, walked in await asyncio.to_thread(_judge, scheme, some, driven):
                presences.append(presence)
                posts += () if post is None else (post,)
                walks += () if walked is None else (walked,)
            done += sum(len(own) for own, _ in some)
            if progress is not None:
                progress(done, total)
        return tuple(presences), tuple(posts), tuple(walks)

    async def _rounds(self, roster: Roster, duties: Iterable[Duty]) -> tuple[Compliance, ...]:
        if self._judge is None:
            return ()
        driven = {duty.plan for duty in duties if duty.vehicle is not None}
        plans = [plan for plan in roster.plans if plan.id in driven and plan.route is not None]
        return await self._judge.rounds(plans) if plans else ()


def _chunks(groups: Sequence[Group]) -> Iterator[list[Group]]:
    """Groups together as long as their duties are few enough to be held in memory."""
    some: list[Group] = []
    for group in groups:
        if some and sum(len(together) for _, together in some) + len(group[1]) > AT_ONCE:
            yield some
            some = []
        some.append(group)
    if some:
        yield some


def _judge(
    scheme: Scheme, groups: Iterable[Group], driven: Mapping[Duty, Driven | None]
) -> list[tuple[Presence, PostTime | None, Walked | None]]:
    found: list[tuple[Presence, PostTime | None, Walked | None]] = []
    for own, together in groups:
        present: dict[Duty, tuple[Presence, tuple[Span, Track] | None]] = {}
        for duty in together:
            presence, records = attend(duty, driven[duty], scheme.attendance), driven[duty]
            span = presence.on_duty()
            seen = None if span is None or records is None or span[1] <= span[0] else (span, records.track)
            present[duty] = presence, seen
        for duty in own:
            presence, seen = present[duty]
            if seen is None:
                found.append((presence, None, None))
                continue
            others = [way for one, (_, way) in present.items() if one is not duty and way is not None]
            post = hold_post(duty, *seen, scheme.post)
            found.append((presence, post, walk(duty, *seen, scheme.walk, others)))
    return found


def _deduction(told: Evaluation, name: str) -> tuple[Item, Deduction] | None:
    return next(((item, one) for item in told.items for one in item.deductions if one.id == name), None)


def _dates(start: int, end: int) -> tuple[date, date]:
    """Service dates on which a shift may begin within the span, in whatever zone."""
    day = timedelta(days=1)
    return to_datetime(start).date() - day, to_datetime(end).date() + day
