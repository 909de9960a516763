"""The sink beside the pipeline: keeps marks on, pumps them to InfluxDB, and says how far behind it is.

It has the shape of an adapter (:class:`ingest.ports.Adapter`), so that it is started, ended and shown as they are; a
hub is ready without it.
"""

from __future__ import annotations

import asyncio
from time import monotonic

import structlog

from devices.errors import SanihubError
from devices.instants import to_iso
from hub.influx.pump import Pump, gap_told
from hub.influx.settings import InfluxSection
from ingest.ports import Figure, Standing
from ingest.runner import Backoff, Condition, pause
from store.influx.client import InfluxAwayError, InfluxClient
from store.influx.marks import MarkQueue, Waiting

log = structlog.get_logger("hub.influx")

COUNT_EVERY_S = 10.0  #: between two looks at how much waits
HOUSEKEEP_EVERY_S = 3_600.0  #: well within the days for which marks are kept on


class InfluxSink:
    """See the module. ``condition`` tells whether InfluxDB takes what comes."""

    name = "influx"

    def __init__(self, section: InfluxSection, dsn: str) -> None:
        self.condition = Condition("influx")
        self._section = section
        self._queue = MarkQueue(dsn)
        self._client = InfluxClient(section.target())
        self._pump = Pump(self._client, self._queue, section.naming(), section.batch_points)
        self._backoff = Backoff(first=0.5, most=section.most_wait_s)
        self._stop = asyncio.Event()
        self._waiting, self._counted_at, self._kept_on_at = Waiting(), float("-inf"), float("-inf")
        self._given_up, self._wait_s = 0, 0.0

    async def run(self) -> None:
        """Pump until :meth:`stop`. A request that is on its way is awaited, at most for the timeout of the settings."""
        try:
            while not self._stop.is_set():
                self._wait_s = await self._turn()
                await pause(self._stop, self._wait_s)
        finally:
            await self._queue.close()
            self._client.close()

    def pause_reading(self) -> None:
        """Nothing to pause: it brings no frames."""

    async def stop(self) -> None:
        """Ask :meth:`run` to finish. What waits stays marked."""
        self._stop.set()

    def standing(self) -> Standing:
        """How it is doing; not required, for the hub works without it."""
        where = f"{self._section.url} {self._section.bucket}"
        fault = self.condition.fault
        return Standing(
            "InfluxDB", "store", "", fault is None, False, f"{where}: {fault}" if fault else "", self._figures()
        )

    async def _turn(self) -> float:
        """Do what there is to do; how long to wait before the next turn, in seconds."""
        try:
            if not await self._queue.prepared():
                return self._section.every_s  # the writer makes the tables
            await self._housekeep()
            marks = await self._pump.step()
            if not marks:
                self._waiting = Waiting()
        except SanihubError as error:
            self.condition.failed(error)
            return self._wait(error)
        self.condition.recovered()
        return 0.0 if marks else self._section.every_s

    def _wait(self, error: Exception) -> float:
        if isinstance(error, InfluxAwayError):
            if error.lasting:
                return self._section.most_wait_s
            return max(error.wait_s, self._backoff.delay(self.condition.failures))
        return self._backoff.delay(self.condition.failures)

    async def _housekeep(self) -> None:
        now = monotonic()
        if now - self._kept_on_at >= HOUSEKEEP_EVERY_S:
            began, since = await self._queue.keep_on()
            if began:
                gap_told(since)
            await self._give_up()
            self._kept_on_at = now
        if now - self._counted_at >= COUNT_EVERY_S:
            self._waiting, self._counted_at = await self._queue.waiting(), now

    async def _give_up(self) -> None:
        """Forget what has waited for too long, so that marks do not fill the disk."""
        gone = await self._queue.give_up(self._section.keep_days)
        if gone is not None:
            records, first, last = gone
            self._given_up += records
            advice = "stored they are still: sanihub influx backfill"
            log.error("influx_given_up", records=records, made=to_iso(first), until=to_iso(last), advice=advice)

    def _figures(self) -> tuple[Figure, ...]:
        pumped, waiting = self._pump.pumped, self._waiting
        lag = waiting.age_s + monotonic() - self._counted_at if waiting.records else 0.0
        up = float(self.condition.fault is None)
        return (
            Figure("sanihub_influx_points_total", "Points that InfluxDB has taken or refused", pumped.points),
            Figure("sanihub_influx_refused_total", "Values that InfluxDB refused", pumped.refused),
            Figure("sanihub_influx_withdrawn_total", "Instants taken away in InfluxDB too", pumped.withdrawn),
            Figure("sanihub_influx_given_up_total", "Records that waited for too long", self._given_up),
            Figure("sanihub_influx_lag_seconds", "Age of the oldest batch that waits", lag, kind="gauge"),
            Figure("sanihub_influx_waiting_records", "Records not yet in InfluxDB", waiting.records, kind="gauge"),
            Figure("sanihub_influx_up", "1 while InfluxDB takes points", up, kind="gauge"),
        )
