"""Wiring: the one place that knows all the rooms and joins them into a running hub."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog
from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool

from api.app import create_app
from api.live.feed import Feed
from devices.errors import TransientError
from devices.metrics import CATALOGUE, DERIVED, Catalogue
from devices.registry import Registry
from devices.vocabulary import Frame
from hub.alerting.wiring import make_alerting
from hub.area_keeper import AreaKeeper
from hub.bins.outlook import Outlook
from hub.bins.scribe import Scribe
from hub.commanding import Commanding
from hub.door.doorman import Doorman
from hub.door.floods import FloodWatch
from hub.door.wiring import doors, flooding, rate
from hub.embedded.broker import NatsBroker
from hub.fleet.plan_source import StoredPlans
from hub.fleet.service import Tracking
from hub.incidents.wiring import make_courier
from hub.influx.wiring import sinks
from hub.live import Follower
from hub.maintenance import maintain
from hub.notify.wiring import make_sender
from hub.orders.wiring import make_following
from hub.planning.audits import PlanAudits
from hub.planning.request import Sources
from hub.planning.service import PlanningService
from hub.protocols import connections, decoders, routes, webhooks
from hub.registry_keeper import RegistryKeeper
from hub.reporting.desk import ReportDesk
from hub.rolling import Rolling
from hub.secret import kept_secret
from hub.services import make_services
from hub.settings.mqtt import MqttSection
from hub.settings.settings import Settings
from hub.store_watch import StoreWatch
from hub.uplinks import PostedUplinks
from hub.web import WebServer
from ingest.adapters import http_json
from ingest.assembly import Assembler
from ingest.pipeline import Pipeline
from ingest.plugin import Tools, Wiring
from ingest.ports import Adapter, Listener
from ingest.runner import persist
from ingest.spool import Spool
from ingest.spool_feed import feed
from ingest.transports.mqtt.subscriber import MqttSubscriber
from store.access.audit import Audit
from store.bins.history import BinHistory
from store.connection import PatientConnection, session_parameters
from store.fleet.master import FleetMaster
from store.orders.plans import WorkOrders
from store.readers.bins import BinReads
from store.reading import Pool, ReadSession
from store.rollups.standing import RollupKeeper
from store.telemetry.live import LiveStore
from store.telemetry.writer import PostgresStore
from store.timescale.jobs import JobReads
from store.writing import WriteSession

log = structlog.get_logger("hub")

EMBEDDED = "embedded"  #: the name of the connection to the embedded broker
LISTEN_S = 3.0  #: for a port that is taken the hub goes on without, and tries again


def make_store(settings: Settings, dsn: str, catalogue: Catalogue) -> PostgresStore:
    """The store of these settings at ``dsn``."""
    return PostgresStore(
        dsn,
        catalogue=catalogue,
        mode=settings.store.mode,
        partition_days=settings.store.partition_days,
        columnstore=settings.store.columnstore(),
        zone=settings.store.zone,
    )


class Hub:
    """A hub over a store and brokers that are there already. :meth:`run` works until :meth:`stop`."""

    def __init__(
        self,
        settings: Settings,
        *,
        dsn: str,
        brokers: list[MqttSection],
        data: Path,
        web: WebServer | None,
        embedded: NatsBroker | None = None,
    ) -> None:
        self.settings = settings
        self.data = data
        self.web = web
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()
        self.catalogue = Catalogue((*CATALOGUE, *DERIVED))
        self.registry = Registry()
        self.store = make_store(settings, dsn, self.catalogue)
        self.registry_keeper = RegistryKeeper(self.store, self.registry)
        self._pool: Pool = AsyncConnectionPool(
            connection_class=PatientConnection,
            kwargs=session_parameters(dsn),
            min_size=0,
            max_size=8,
            open=False,
            timeout=5.0,
            name="api",
        )
        reads, writes = ReadSession(self._pool), WriteSession(self._pool)
        slow = ReadSession(self._pool, statement_timeout_s=60.0)
        # What stands between a frame and its commit.
        tools = Tools(Catalogue(), self.registry.find)  # what is derived no device may send
        self.decoders = decoders(settings, tools)
        self.alerting = make_alerting(settings, self.store, self._pool, self.registry, self.catalogue)
        self.tracking = Tracking(self.alerting.desk, slow, self.registry, StoredPlans(FleetMaster(slow)))
        rules, offsets = settings.intake.rules(), self.tracking.offsets
        assembler = Assembler(self.store, self.registry, self.decoders, rules, offsets)
        self.pipeline = Pipeline(self.tracking.desk, assembler, settings.intake.bounds())
        self.store_watch = StoreWatch(self.store, JobReads(reads))
        self.rolling = Rolling(RollupKeeper(dsn), settings.store.keeping())
        self.spool = Spool(data / "spool", settings.intake.spool())
        # Where frames come from, and commands go to.
        self.doors = doors(settings, embedded, self._pool, self.registry)
        self.floods = [
            FloodWatch(self.pipeline, rate(settings), flooding(settings, self._doors_of(section)))
            for section in brokers
        ]
        self.subscribers = [
            MqttSubscriber(section.broker(), routes(settings, section.name), watch, self._keep)
            for section, watch in zip(brokers, self.floods, strict=True)
        ]
        self.http: http_json.HttpSection = settings.sections(http_json.PLUGIN)[0]
        self.uplinks = PostedUplinks(
            self.pipeline, assembler.decode, self.registry, webhooks(), patience_s=self.http.answer_within_s
        )
        wiring = Wiring(self.pipeline, self._keep, partial(kept_secret, data), data, tools)
        self.adapters: list[Adapter] = [*self.subscribers, *connections(settings, wiring), self.uplinks]
        self.adapters += sinks(settings.influx, dsn)
        self.adapters += self.doors
        self.commanding = Commanding(self.registry, self.adapters, Audit(reads, writes))
        # What follows the telemetry.
        named = {section.name: section.broker() for section in brokers}
        self.sender = make_sender(settings.notify, dsn, named)
        self.courier = make_courier(settings.incidents, settings.notify, self._pool)
        self.following = make_following(settings.orders, self._pool, self.commanding, named)
        self.scribe = Scribe(self.alerting.desk, BinHistory(reads), self.registry, settings.bins)
        self.live_store = LiveStore(dsn, reads)
        self.follower = Follower(self.live_store, Feed(settings.api.live()))
        self.area_keeper = AreaKeeper(self._pool)
        # What is asked for.
        self.orders = WorkOrders(reads, writes)
        self.outlook = Outlook(BinReads(slow), BinHistory(slow), settings.bins)
        sources = Sources.over(slow, settings.bins, self.outlook)
        self.planning = PlanningService(sources, self.orders, PlanAudits(self._pool, self.orders))
        self.reports = ReportDesk(self._pool)

    async def run(self) -> None:
        """Work until :meth:`stop`, then end in order: stop reading, commit, acknowledge, disconnect."""
        await self._pool.open(wait=False)
        tasks: dict[str, asyncio.Task[None]] = {"pipeline": asyncio.create_task(self._carry())}
        try:
            tasks["registry"] = asyncio.create_task(self.registry_keeper.run(self._stop))
            tasks["maintenance"] = asyncio.create_task(maintain(self.store, self.settings.store.keeping(), self._stop))
            tasks["store jobs"] = asyncio.create_task(self.store_watch.run(self._stop))
            tasks["alerts"] = asyncio.create_task(self._watch())
            tasks["spool"] = asyncio.create_task(feed(self.spool, self.pipeline, self._stop))
            for adapter in self.adapters:
                tasks[adapter.name] = asyncio.create_task(adapter.run())
            if self.web is not None:
                tasks["live"] = asyncio.create_task(self.follower.run(self._stop))
                tasks["web"] = asyncio.create_task(self.web.run(self._app()))
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait({stopping, *tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
        finally:
            await self._end(tasks)
        for name, task in tasks.items():
            if (error := task.exception()) is not None:
                log.error("task_failed", task=name, error=str(error))
                raise error

    def stop(self) -> None:
        """Ask :meth:`run` to finish."""
        self._stop.set()

    async def listening(self) -> None:
        """Wait until the page answers and every connection that listens has its port, or the time for that is over."""
        listeners = [adapter.listening for adapter in self.adapters if isinstance(adapter, Listener)]
        if self.web is not None:
            await self.web.listening.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(LISTEN_S):
                for listening in listeners:
                    await listening.wait()

    async def prepared(self) -> bool:
        """Wait until the store is ready for everything, or the hub is to stop; whether it is ready."""
        ready, stopping = asyncio.ensure_future(self._ready.wait()), asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({ready, stopping}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        stopping.cancel()
        return self._ready.is_set()

    @property
    def is_prepared(self) -> bool:
        """Whether the store has all of its tables, and what the hub works by was read from it."""
        return self._ready.is_set()

    async def subscribed(self) -> None:
        """Wait until every broker has taken the subscriptions, or the hub is to stop."""
        stopping = asyncio.create_task(self._stop.wait())
        for subscriber in self.subscribers:
            waiting = asyncio.create_task(subscriber.subscribed.wait())
            await asyncio.wait({stopping, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        stopping.cancel()

    async def _end(self, tasks: dict[str, asyncio.Task[None]]) -> None:
        self._stop.set()
        self.sender.stop()
        for adapter in self.adapters:
            adapter.pause_reading()
        self.pipeline.stop()
        await asyncio.wait({tasks["pipeline"]})
        for adapter in self.adapters:
            await adapter.stop()
        if self.web is not None:
            self.web.stop()
        await self.planning.stop()
        await asyncio.wait(set(tasks.values()))
        await self.reports.stop()
        self.spool.close()
        await self._pool.close()
        await self.store.close()

    def _doors_of(self, section: MqttSection) -> list[Doorman]:
        """The doors of a connection's broker: those of the embedded one."""
        return self.doors if section.name == EMBEDDED else []

    def _keep(self, frame: Frame) -> None:
        self.spool.append(frame)

    def _app(self) -> FastAPI:
        return create_app(make_services(self, self._pool), feed=self.follower.feed)

    async def _carry(self) -> None:
        """The pipeline, once the registry is read: decoders look up devices in it."""
        with suppress(TransientError):  # raised only while stopping
            await self.registry_keeper.read(self.pipeline.store_condition, self._stop)
            await persist(self.alerting.open, self.pipeline.store_condition, self._stop)
            await persist(self.tracking.open, self.pipeline.store_condition, self._stop)
            self._ready.set()
        await self.pipeline.run()

    async def _watch(self) -> None:
        """The alert engine and what follows the telemetry, once registry and rules are read."""
        if await self.prepared():
            works = (
                self.alerting,
                self.tracking,
                self.scribe,
                self.courier,
                self.following,
                self.rolling,
                self.area_keeper,
            )
            await asyncio.gather(*(one.run(self._stop) for one in works), self.sender.run())
