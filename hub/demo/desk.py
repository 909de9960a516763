"""People of the demo at their desks: incidents of the last fortnight, findings, and orders for alerts as they come.

All of it goes the way that it goes in life, through the same desks as the API, so that histories and the audit are
whole. The references follow from the seed: a demo that is started again enters nothing twice.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Sequence
from contextlib import suppress
from time import time_ns

import structlog

from alerts.records import AlertFilter
from devices.errors import RejectedError, TransientError
from fleet.evaluation.inputs import Finding, Task
from fleet.incidents.categories import categories
from fleet.incidents.incident import IncidentStateError, Report, Reporter
from hub.areas import Areas
from hub.demo.photo import drawn
from hub.incidents.desk import IncidentDesk
from hub.incidents.settings import IncidentsSection
from hub.orders.desk import OrderDesk
from hub.orders.settings import OrdersSection
from ingest.runner import pause
from store.evaluation.records import EvaluationRecords
from store.fleet.master import FleetMaster
from store.incidents.records import Incidents
from store.orders.life import Orders
from store.readers.devices import Readers
from store.reading import Pool, ReadSession
from store.writing import WriteSession

log = structlog.get_logger("hub.demo")

ACTOR = "demo"
INCIDENTS = 36
DAYS = 14
SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
OPEN_AT_ONCE = 8  #: orders that the demo's dispatcher has under way
LOOK_S = 20.0
_TEXTS = {
    "overflowing-bin": "垃圾桶已满，周围有散落",
    "broken-bin": "桶盖缺失",
    "rubbish-heap": "三张旧床垫和一张沙发",
    "illegal-dumping": "夜间倾倒的装修垃圾",
    "construction-waste": "水泥块堆在人行道上",
    "spill": "渣土车遗撒约二十米",
    "dirty-road": "油污",
    "toilet-fault": "二号蹲位堵塞",
    "blocked-drain": "落叶堵住雨水口",
    "damaged-road": "路缘石破损",
}


class DemoDesk:
    """Works on a store; ``seed`` makes it repeatable, ``tellable`` are the protocols by which orders go down."""

    def __init__(self, pool: Pool, seed: int, tellable: Collection[str]) -> None:
        reads, writes = ReadSession(pool), WriteSession(pool)
        readers = Readers.over(pool)
        self._seed = seed
        self._devices, self._alerts, self._master = readers.devices, readers.alerts, FleetMaster(reads)
        self._incidents = IncidentDesk(Incidents(reads, writes), Areas(reads), IncidentsSection())
        store, section = Orders(reads, writes), OrdersSection()
        self._orders = OrderDesk(store, readers.devices, readers.alerts, section, tellable=tellable)
        self._records = EvaluationRecords(reads, writes)

    async def run(self, stop: asyncio.Event) -> None:
        """Enter what was, then follow what comes, until ``stop``."""
        with suppress(TransientError):
            await self._past()
        while not stop.is_set():
            try:
                await self._answer()
            except TransientError as error:
                log.warning("demo_desk_waits", error=str(error))
            await pause(stop, LOOK_S)

    async def _past(self) -> None:
        bins = (await self._devices.devices(kinds=("bin",), cursor=None, limit=400)).items
        known = [(one.attributes.get("lat"), one.attributes.get("lon")) for one in bins]  # before anything is heard
        places = [(lat, lon) for lat, lon in known if isinstance(lat, float) and isinstance(lon, float)]
        if not places:
            return
        chance, now = random.Random(f"incidents {self._seed}"), time_ns() // 1_000
        for number in range(INCIDENTS):
            await self._incident(number, chance, places, now)
        await self._evaluated(random.Random(f"findings {self._seed}"), now)

    async def _incident(
        self, number: int, chance: random.Random, places: Sequence[tuple[float, float]], now: int
    ) -> None:
        """An incident near a bin, more often in one quarter of the city, and what has become of it since."""
        lat, lon = sorted(places)[int(len(places) * chance.random() ** 2)]
        category = chance.choice(list(_TEXTS))
        age = int(chance.random() * DAYS * DAY)
        spread = chance.gauss(0, 0.0004), chance.gauss(0, 0.0004)
        fate, shade = chance.random(), chance.randrange(1_000)
        report = Report(
            f"demo-{self._seed}-{number:04}", category, lat + spread[0], lon + spread[1], 8.0, _TEXTS[category],
            claimed_at=now - age,
        )  # fmt: skip
        entered, new = await self._incidents.report(report, Reporter(ACTOR, "巡查员 · Inspector"))
        if not new:
            return
        title = categories()[category].en
        await self._incidents.add_photo(entered, ACTOR, await asyncio.to_thread(drawn, category, title, shade))
        with suppress(IncidentStateError):
            if fate < 0.5 and age > DAY:
                await self._incidents.act(entered, ACTOR, "done", "已清理")
            elif fate > 0.92:
                await self._incidents.act(entered, ACTOR, "rejected", "现场未见异常")

    async def _evaluated(self, chance: random.Random, now: int) -> None:
        """Tasks, inspections and complaints of the last days, for the workers that there are."""
        workers = [worker for worker in await self._master.workers() if worker.active][:24]
        for number, worker in enumerate(workers):
            at = now - int(chance.random() * 3 * DAY) - HOUR
            name = f"demo-{self._seed}-{number:03}"
            done = None if chance.random() < 0.2 else at + HOUR
            task = Task("", "清洗果皮箱", at, at + 2 * HOUR, worker.id, category="cleaning", done_at=done, by=ACTOR)
            await self._records.enter_task(task, f"{name}-task")
            passed = chance.random() < 0.7
            finding = Finding(
                "", "inspection", at, "passed" if passed else "fault", "cleanliness",
                "路面整洁" if passed else "果皮箱外溢", worker=worker.id, by=ACTOR,
            )  # fmt: skip
            await self._records.enter_finding(finding, f"{name}-finding")

    async def _answer(self) -> None:
        """Give orders for full bins that nobody sees to, as a dispatcher does with one click."""
        open_alerts = await self._alerts.alerts(AlertFilter(open=True, rules=("bin-full",)), cursor=None, limit=200)
        given = 0
        for alert in reversed(open_alerts.items):
            if given >= OPEN_AT_ONCE:
                return
            fields = {"reference": f"demo-alert-{alert.id}", "alert": alert.id, "title": "清运满桶", "nearest": True}
            with suppress(RejectedError):
                await self._orders.give(fields, ACTOR, within=None)
                given += 1
