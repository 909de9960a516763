"""Evaluations over a real PostgreSQL: plans, records of badges, findings, appeals, corrections, the audit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import date, timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from devices.instants import from_datetime, to_datetime
from fleet import calendar
from fleet.evaluation.inputs import Finding, Task
from fleet.evaluation.records import EvaluationStateError, RecordFilter
from fleet.evaluation.result import Evaluation, Item
from fleet.evaluation.scheme import Scheme
from fleet.evaluation.scheme_file import ready_made, ready_made_text
from fleet.master.collection import Master
from fleet.master.people import Crew, Worker
from fleet.master.places import Area
from fleet.master.plan import Plan, Shift
from hub.fleet.evaluating import Evaluating
from store.access.audit import Audit
from store.fleet.entry import FleetEntry
from store.reading import Pool, ReadSession
from store.telemetry.writer import PostgresStore
from store.writing import WriteSession

MINUTE = 60_000_000
HOUR = 60 * MINUTE
MONDAY = date(2026, 6, 1)
NIGHT = Shift("night", 22 * 60, 480, breaks=((120, 30),))
LON, LAT = 114.30, 30.58
METRE = 1 / 111_195
POST = Area("post-1", 0, "post", lines=(((LON, LAT), (LON, LAT + 300 * METRE)),), width_m=40.0)
PEOPLE = (
    Worker("li", "Li Mei", device="badge-1", crew="east"),
    Worker("wang", "Wang Bo", device="badge-2", crew="east"),
    Worker("old", "Chen", crew="east", active=False),
)
PLANS = (
    Plan("p1", MONDAY, "night", area="post-1", workers=("li",)),
    Plan("p2", MONDAY + timedelta(days=1), "night", area="post-1", crew="east"),
)
START, END = calendar.wall(MONDAY, 0, NIGHT.zone), calendar.wall(MONDAY + timedelta(days=7), 0, NIGHT.zone)
FIRST = calendar.span(NIGHT, MONDAY)
SECOND = calendar.span(NIGHT, MONDAY + timedelta(days=1))
WEIGHTED = ready_made()["weighted"]


class Town:
    """A store with master data, and what badges say written straight into the tables."""

    def __init__(self, dsn: str, pool: Pool) -> None:
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.service = Evaluating(pool, clock=lambda: END)
        self.audit = Audit(ReadSession(pool), WriteSession(pool))
        for badge in ("badge-1", "badge-2"):
            self.connection.execute("INSERT INTO devices (id, kind, status) VALUES (%s, 'worker', 'active')", (badge,))

    def duty(self, badge: str, at: int, on: int) -> None:
        self.connection.execute(
            "INSERT INTO readings SELECT d.key, m.key, 0, %s, %s, now() FROM devices d, metrics m"
            " WHERE d.id = %s AND m.name = 'on_duty' ON CONFLICT DO NOTHING",
            (to_datetime(at), on, badge),
        )

    def fix(self, badge: str, at: int, north_m: float, variant: int = 0, seq: int | None = None) -> None:
        self.connection.execute(
            "INSERT INTO fixes (device_key, variant, observed_at, received_at, seq, quality, lat, lon, valid)"
            " SELECT key, %s, %s, now(), %s, 0, %s, %s, true FROM devices WHERE id = %s ON CONFLICT DO NOTHING",
            (variant, to_datetime(at), seq, LAT + north_m * METRE, LON, badge),
        )

    def walks(self, badge: str, start: int, end: int) -> None:
        """On duty, up and down the post, a record a minute."""
        with self.connection.transaction():
            for step, at in enumerate(range(start, end, MINUTE)):
                self.duty(badge, at, 1)
                self.fix(badge, at, 300 - abs(step * 60 % 600 - 300))

    async def told(self, kind: Any = "worker", name: str = "li", scheme: Scheme = WEIGHTED) -> Evaluation:
        found = await self.service.evaluate(kind, name, START, END, scheme)
        assert found is not None
        return found


@pytest.fixture
async def town(postgres_dsn: str) -> AsyncIterator[Town]:
    store = PostgresStore(postgres_dsn, mode="plain")
    await store.open()
    await store.close()
    options = {"options": "-c timezone=America/St_Johns"}
    pool = AsyncConnectionPool(postgres_dsn, min_size=1, max_size=3, open=False, kwargs=options)
    async with pool, AsyncExitStack() as stack:
        made = Town(postgres_dsn, pool)
        stack.callback(made.connection.close)
        master = Master(areas=(POST,), crews=(Crew("east", "East"),), workers=PEOPLE, shifts=(NIGHT,), plans=PLANS)
        await FleetEntry(WriteSession(pool)).enter(master, "test")
        yield made


def item(told: Evaluation, name: str) -> Item:
    return next(one for one in told.items if one.id == name)


def finding(**changes: Any) -> Finding:
    fields = {"id": "", "kind": "inspection", "at": FIRST[0] + HOUR, "outcome": "fault", "worker": "li", "by": "key:a"}
    return Finding(**{**fields, **changes})


async def test_a_night_shift_belongs_to_the_day_on_which_it_begins(town: Town) -> None:
    town.duty("badge-1", FIRST[0], 0)
    town.walks("badge-1", FIRST[0] + 12 * MINUTE, FIRST[1])
    town.walks("badge-1", *SECOND)
    told = await town.told()
    first, second = told.shifts
    assert [(row.plan, row.start, row.end, row.state) for row in told.shifts] == [
        ("p1", *FIRST, "present"), ("p2", *SECOND, "present"),
    ]  # fmt: skip
    assert (first.late_s, second.late_s) == (720, 0)
    assert first.on_post_s == pytest.approx(7.8 * 3_600 - 1_800, abs=60)
    assert first.covered == 1
    assert (told.completeness, told.name) == (pytest.approx(1.0, abs=0.02), "Li Mei")
    (late,) = item(told, "attendance").deductions
    assert (late.evidence.id, late.evidence.device, late.evidence.start) == ("p1", "badge-1", FIRST[0])


async def test_what_is_outside_the_shift_is_not_read(town: Town) -> None:
    town.walks("badge-1", *FIRST)
    before = await town.told()
    town.walks("badge-1", FIRST[0] - 3 * HOUR, FIRST[0] - 30 * MINUTE)
    for at in range(FIRST[1], FIRST[1] + 3 * HOUR, MINUTE):
        town.fix("badge-1", at, 5_000)
    assert await town.told() == before
    town.duty("badge-1", FIRST[0] - 5 * MINUTE, 1)  # the one value before it
    town.fix("badge-1", FIRST[0] - 5 * MINUTE, 5_000)
    assert (await town.told()).revision == before.revision


async def test_of_one_instant_the_position_with_the_greatest_number_counts(town: Town) -> None:
    town.walks("badge-1", *FIRST)
    before = await town.told()
    for at in range(FIRST[0] + HOUR, FIRST[0] + 2 * HOUR, MINUTE):
        town.fix("badge-1", at, 9_000, variant=7, seq=5)
    moved = await town.told()
    assert (item(before, "on_post").score, item(moved, "on_post").score) == (1, pytest.approx(1 - 60 / 450, abs=0.01))


async def test_late_data_makes_the_same_evaluation_as_data_in_time(town: Town) -> None:
    half = FIRST[0] + 4 * HOUR
    town.walks("badge-1", FIRST[0], half)
    partial = await town.told()
    assert item(partial, "attendance").score == 1, "nobody left early because data is missing"
    assert partial.completeness is not None
    assert partial.completeness < 0.3
    town.walks("badge-1", half, FIRST[1])
    whole = await town.told()
    town.walks("badge-1", *FIRST)  # delivered again
    assert await town.told() == whole
    assert whole.revision != partial.revision


async def test_a_crew_is_judged_by_all_of_its_people(town: Town) -> None:
    town.walks("badge-1", *SECOND)
    for at in range(*SECOND, 10 * MINUTE):
        town.duty("badge-2", at, 0)
    await town.service.records.enter_finding(finding(worker=None, crew="east", text="cart broken"))
    crew = await town.told("crew", "east")
    assert sorted((row.plan, row.worker, row.state) for row in crew.shifts) == [
        ("p1", "li", "no_data"), ("p2", "li", "present"), ("p2", "wang", "absent"),
    ]  # fmt: skip
    assert item(crew, "attendance").score == pytest.approx(0.5)
    assert item(crew, "inspection").score == pytest.approx(0.9)
    assert item(await town.told(), "inspection").score is None, "what is about the crew names nobody of it"
    assert await town.service.evaluate("crew", "west", START, END, WEIGHTED) is None
    assert await town.service.evaluate("worker", "nobody", START, END, WEIGHTED) is None


async def test_what_one_walks_is_walked_for_all_who_hold_the_post(town: Town) -> None:
    with town.connection.transaction():
        for at in range(*SECOND, MINUTE):
            for badge, north in (("badge-1", 20 + at // MINUTE % 3 * 60), ("badge-2", 160 + at // MINUTE % 3 * 60)):
                town.duty(badge, at, 1)
                town.fix(badge, at, north)
    li, crew = await town.told(), await town.told("crew", "east")
    assert item(li, "coverage").score == 1, "each walked half of it"
    assert [row.covered for row in crew.shifts if row.plan == "p2"] == [1, None]
    town.connection.execute("DELETE FROM fixes USING devices WHERE device_key = key AND id = 'badge-2'")
    town.connection.execute("DELETE FROM readings USING devices WHERE device_key = key AND id = 'badge-2'")
    for at in range(*SECOND, 10 * MINUTE):
        town.duty("badge-2", at, 0)
    alone = await town.told()
    assert item(alone, "coverage").score == pytest.approx(0.55, abs=0.04)


async def test_findings_and_tasks_are_entered_once_and_audited(town: Town) -> None:
    first = await town.service.records.enter_finding(finding(text="litter", refs=("photo/1.jpg",)), "sheet-7/1")
    again = await town.service.records.enter_finding(finding(text="litter", refs=("photo/1.jpg",)), "sheet-7/1")
    assert first == again
    complaint = await town.service.records.enter_finding(finding(kind="complaint", outcome="open"))
    task = Task("", "flush drain", FIRST[0], FIRST[1], worker="li", by="key:a")
    entered = await town.service.records.enter_task(task)
    told = await town.told()
    assert (item(told, "complaints").score, item(told, "tasks").score) == (1, 0)
    assert item(told, "inspection").deductions[0].evidence.refs == ("photo/1.jpg",)
    number = int(complaint.finding.id)
    decided = await town.service.records.decide(number, "key:m", "fault", 1.5, "photo shows it")
    assert decided is not None
    assert (decided.finding.points, decided.decided_by, decided.reason) == (1.5, "key:m", "photo shows it")
    await town.service.records.settle_task(int(entered.task.id), "key:a", FIRST[1] - HOUR, cancelled=False)
    told = await town.told()
    assert (item(told, "complaints").score, item(told, "tasks").score) == (0.5, 1)
    assert await town.service.records.decide(999, "key:m", "fault", None, "") is None
    noted = await town.audit.entries(actor=None, action=None, target=None, cursor=None, limit=50)
    assert [one.action for one in noted.items if one.action.startswith("evaluation.")][::-1] == [
        "evaluation.inspection", "evaluation.complaint", "evaluation.task", "evaluation.decide", "evaluation.task",
    ]  # fmt: skip
    page = await town.service.records.findings(RecordFilter(), limit=1)
    assert (page.items[0].finding.kind, page.next_cursor is not None) == ("complaint", True)
    rest = await town.service.records.findings(RecordFilter(), cursor=page.next_cursor, limit=5)
    assert [entry.finding.kind for entry in rest.items] == ["inspection"]


async def test_an_appeal_from_the_deduction_to_the_correction(town: Town) -> None:
    town.walks("badge-1", *FIRST)
    await town.service.records.enter_finding(finding(points=2.0, text="litter"))
    before = await town.told()
    (lost,) = item(before, "inspection").deductions
    service = town.service

    async def appeal(reason: str) -> Any:
        return await service.appeal("worker", "li", START, END, WEIGHTED, lost.id, reason, "key:li")

    made = await appeal("wind from the building site")
    assert (made.state, made.about.points, made.about.item, made.about.zh) == (
        "open",
        4.0,
        "inspection",
        "检查：litter",
    )
    with pytest.raises(EvaluationStateError, match="open already"):
        await appeal("again")
    assert await service.appeal("worker", "li", START, END, WEIGHTED, "inspection:99", "what", "key:li") is None
    with pytest.raises(EvaluationStateError, match="expected less than the 4"):
        await service.appeals.decide(made.id, "key:m", True, 4.0, "half")
    rejected = await service.appeals.decide(made.id, "key:m", False, 0.0, "seen twice")
    assert rejected is not None
    assert rejected.state == "rejected"
    assert (await town.told()).revision == before.revision
    with pytest.raises(EvaluationStateError, match="rejected already"):
        await service.appeals.decide(made.id, "key:m", True, 0.0, "")
    second = await appeal("here is a picture")
    accepted = await service.appeals.decide(second.id, "key:boss", True, 1.0, "half of it was the wind")
    assert accepted is not None
    after = await town.told()
    (kept,) = item(after, "inspection").deductions
    assert kept.correction is not None
    assert (kept.correction.by, kept.correction.reason, kept.correction.points) == (
        "key:boss",
        "half of it was the wind",
        1,
    )
    assert before.points is not None
    assert after.points is not None
    assert after.points > before.points
    assert after.corrections == (kept.correction,)
    listed = await service.appeals.page(worker="li", cursor=None, limit=10)
    assert [(one.id, one.state) for one in listed.items] == [(second.id, "accepted"), (made.id, "rejected")]
    noted = await town.audit.entries(actor=None, action="evaluation.appeal", target=None, cursor=None, limit=9)
    assert [one.details["reason"] for one in noted.items] == ["here is a picture", "wind from the building site"]


async def test_a_period_is_judged_by_the_scheme_that_was_in_force_when_it_began(town: Town) -> None:
    service = town.service
    assert (await service.scheme("weighted", START)) == WEIGHTED
    text = ready_made_text("weighted").replace("weight: 20", "weight: 30", 1).replace("weight: 15", "weight: 5", 1)
    entered = await service.schemes.enter("weighted", text, "key:m", START + HOUR, "more attendance", expected=0)
    assert entered.version == 1
    with pytest.raises(EvaluationStateError, match="newest version of the scheme is 1, and not 0"):
        await service.schemes.enter("weighted", text, "key:m", START, expected=0)
    old, new = await service.scheme("weighted", START), await service.scheme("weighted", START + HOUR)
    assert old is not None
    assert new is not None
    assert (old.version, old.items[0].weight, new.version, new.items[0].weight) == (0, 20, 1, 30)
    assert await service.scheme("weighted", START, 7) is None
    assert await service.scheme("other", START) is None
    asked = await service.scheme("weighted", END, 0)
    assert asked is not None
    assert (asked.version, asked.items[0].weight) == (0, 20)


async def test_shifts_that_are_not_over_are_not_judged_and_progress_is_told(town: Town) -> None:
    town.walks("badge-1", *FIRST)
    town.service._clock = lambda: FIRST[1] + HOUR
    steps: list[tuple[int, int]] = []
    told = await town.service.evaluate("worker", "li", START, END, WEIGHTED, lambda done, of: steps.append((done, of)))
    assert told is not None
    assert [row.plan for row in told.shifts] == ["p1"]
    assert steps == [(1, 1)]
    assert msgspec.json.encode(told)
    assert from_datetime(to_datetime(FIRST[0])) == FIRST[0]
