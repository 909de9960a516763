"""What is known and foretold of bins: the fill model over the stored weeks, learnt anew now and then, and asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from fleet.bins.fill_model import BinPast, FillModel, learn
from fleet.bins.forecast import STALE, Forecast, course, forecast, level_of
from fleet.bins.readiness import Readiness, Standing, readiness, thresholds_of
from fleet.bins.watch import Level
from fleet.track import Signal
from hub.bins.settings import BinsSection
from store.bins.history import BinHistory
from store.readers.bins import BinReads, BinRow

log = structlog.get_logger("hub.bins")

DAY = 86_400_000_000
AT_ONCE = 5  #: bins whose weeks are read together; what a question brings holds the event loop up
TOGETHER = 500  #: bins whose last hours are


class Outlook:
    """See the module. Raises TransientError while the store is away."""

    def __init__(self, reads: BinReads, history: BinHistory, section: BinsSection) -> None:
        self._reads, self._history, self._section = reads, history, section
        self._model: FillModel | None = None
        self._learnt_at = 0
        self._learning = asyncio.Lock()

    async def readiness(self, at: int, next_visit: int | None = None) -> Sequence[Readiness]:
        """Of every bin in service, by id, as of ``at`` (µs)."""
        rows = await self._reads.bins(at, self._section.ready_rules)
        model, found = await self._known(at), []
        for place in range(0, len(rows), TOGETHER):
            some = rows[place : place + TOGETHER]
            news = await self._history.news([row.key for row in some], at - STALE - 1, at)
            for row in some:
                level = level_of(news[row.key].fill, at)
                standing = Standing(row.id, level, row.emptied_at, row.registered_at, row.alerts)
                limits = thresholds_of(row.attributes)
                found.append(readiness(standing, model.of(row.id), at, limits, next_visit))
        return found

    async def forecast(self, device: str, at: int, then: int, visits: Sequence[int] | None) -> Forecast | None:
        """How full a bin will be at ``then``, by what is known at ``at`` (µs); None without a level recent enough."""
        rows = await self._reads.bins(at, (), (device,))
        if not rows:
            return None
        news = await self._history.news([rows[0].key], at - STALE - 1, at)
        level = level_of(news[rows[0].key].fill, at)
        if level is None:
            return None
        rates = (await self._known(at)).of(device)
        return _named(forecast(rates, level, then, visits), device)

    async def courses(self, at: int, until: int) -> dict[str, Signal]:
        """How bins that nobody empties go on until ``until``, by what is known at ``at`` (µs), by id.

        Bins without a level that is recent enough are left out.
        """
        rows, model = await self._reads.bins(at, ()), await self._known(at)
        found: dict[str, Signal] = {}
        for place in range(0, len(rows), TOGETHER):
            some = rows[place : place + TOGETHER]
            news = await self._history.news([row.key for row in some], at - STALE - 1, at)
            levels = {row.id: level_of(news[row.key].fill, at) for row in some}
            known = {name: level for name, level in levels.items() if level is not None}
            found |= await asyncio.to_thread(_courses, model, known, until)
        return found

    async def _known(self, at: int) -> FillModel:
        """The model; learnt anew when it is older than the settings want, by one caller while the others wait."""
        async with self._learning:
            if self._model is None or at - self._learnt_at > self._section.learn_every_h * 3_600_000_000:
                rows = await self._reads.bins(at, ())
                pasts = [past for place in range(0, len(rows), AT_ONCE) for past in await self._pasts(rows, place, at)]
                self._model = await asyncio.to_thread(learn, pasts, self._section.zone)
                self._learnt_at = at
                log.info("fill_learnt", bins=len(pasts), readings=sum(len(past.fill.at) for past in pasts))
            return self._model

    async def _pasts(self, rows: Sequence[BinRow], place: int, at: int) -> list[BinPast]:
        some = rows[place : place + AT_ONCE]
        begin = at - int(self._section.learn_days * DAY)
        news = await self._history.news([row.key for row in some], begin, at)
        return [BinPast(row.id, news[row.key].fill, news[row.key].known) for row in some]


def _named(found: Forecast, device: str) -> Forecast:
    """A forecast by the rates of all bins together is still that of this one."""
    return found if found.bin == device else Forecast(device, *(getattr(found, f) for f in found.__struct_fields__[1:]))


def _courses(model: FillModel, levels: Mapping[str, Level], until: int) -> dict[str, Signal]:
    return {name: course(model.of(name), level, until) for name, level in levels.items()}
