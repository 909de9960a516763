"""Wiring: the one place that knows all the rooms and joins them into a running hub."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from secrets import token_bytes
from time import time_ns

import structlog
from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool

from api.app import create_app
from api.live.feed import Feed
from api.ports import PostLimits, Services
from devices.errors import ConfigError, TransientError
from devices.metrics import CATALOGUE, DERIVED, Catalogue
from devices.registry import Registry
from devices.vocabulary import Frame
from hub.alerting.service import Alerting
from hub.areas import Areas
from hub.bins.outlook import Outlook
from hub.bins.scribe import Scribe
from hub.commanding import Commanding
from hub.embedded import EmbeddedServers, default_data_folder
from hub.fleet.evaluating import Evaluating
from hub.fleet.plan_source import StoredPlans
from hub.fleet.service import Tracking
from hub.incidents.areas import AreaFinder
from hub.incidents.courier import Courier
from hub.incidents.desk import IncidentDesk
from hub.live import Follower
from hub.notify.channel import Surroundings
from hub.notify.wiring import make_sender
from hub.orders.desk import OrderDesk
from hub.orders.service import Following
from hub.orders.ways import ways
from hub.planning.audits import PlanAudits
from hub.planning.request import Sources
from hub.planning.service import PlanningService
from hub.probe import Probe
from hub.protocols import connections, decoders, routes, webhooks
from hub.reporting.desk import ReportDesk
from hub.reporting.sources.plans import Rounds
from hub.settings import MqttSection, Settings
from hub.uplinks import PostedUplinks
from hub.web import WebServer
from ingest.adapters import http_json
from ingest.assembly import Assembler
from ingest.pipeline import Pipeline
from ingest.plugin import Tools, Wiring
from ingest.ports import Adapter, Listener
from ingest.runner import Condition, pause, persist
from ingest.spool import Spool
from ingest.spool_feed import feed
from ingest.transports.mqtt.session import Broker
from ingest.transports.mqtt.subscriber import MqttSubscriber
from store.alert_actions import AlertActions
from store.alert_history import AlertHistory
from store.api_keys import ApiKeys
from store.audit import Audit
from store.bin_history import BinHistory
from store.connection import session_parameters
from store.device_entry import DeviceEntry
from store.fleet_entry import FleetEntry
from store.fleet_master import FleetMaster
from store.incident_letters import IncidentLetters
from store.incidents import Incidents
from store.live import LiveStore
from store.order_steward import OrderSteward
from store.orders import Orders
from store.people import People
from store.readers import DeviceReads, Readers
from store.readers_bins import BinReads
from store.readers_session import Pool, ReadSession
from store.rule_sets import RuleSets
from store.sessions import SessionTable
from store.work_orders import WorkOrders
from store.writer import PostgresStore
from store.writers_session import WriteSession

log = structlog.get_logger("hub")

REFRESH_S = 5.0  #: how soon changes of the registry by others are seen
LISTEN_S = 3.0  #: for a port that is taken the hub goes on without, and tries again
MAINTAIN_S = 600.0  #: between two looks at partitions and retention
OVERLAP_US = 60_000_000  #: changes are asked for a minute back, for transactions that commit late


def make_store(settings: Settings, dsn: str, catalogue: Catalogue) -> PostgresStore:
    """The store of these settings at ``dsn``."""
    return PostgresStore(
        dsn, catalogue=catalogue, mode=settings.store.mode, partition_days=settings.store.partition_days
    )


def make_alerting(
    settings: Settings, store: PostgresStore, pool: Pool, registry: Registry, catalogue: Catalogue
) -> Alerting:
    """The alert engine over a store; it reads through ``pool``."""
    reads, writes = ReadSession(pool, statement_timeout_s=60.0), WriteSession(pool)
    history, rule_sets, actions = AlertHistory(reads), RuleSets(reads, writes), AlertActions(writes)
    return Alerting(store, history, rule_sets, registry, catalogue, actions, settings.alerts)


def kept_secret(data: Path) -> bytes:
    """The hub's own secret, drawn at the first use and kept in the data folder for its owner alone."""
    file = data / "secret"
    try:
        return file.read_bytes()
    except FileNotFoundError:
        drawn = token_bytes(32)
        beside = file.with_suffix(".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
            target.write(drawn)
        beside.replace(file)  # whole or not at all, wherever the hub dies
        return drawn


class Hub:
    """A hub over a store and brokers that are there already. :meth:`run` works until :meth:`stop`."""

    def __init__(
        self, settings: Settings, *, dsn: str, brokers: list[MqttSection], data: Path, web: WebServer | None
    ) -> None:
        self.settings = settings
        self.data = data
        self.web = web
        self.catalogue = Catalogue((*CATALOGUE, *DERIVED))
        self.registry = Registry()
        self.store = make_store(settings, dsn, self.catalogue)
        tools = Tools(Catalogue(), self.registry.find)  # what is derived no device may send
        self.decoders = decoders(settings, tools)
        self._pool = AsyncConnectionPool(
            kwargs=session_parameters(dsn), min_size=0, max_size=8, open=False, timeout=5.0, name="api"
        )
        self.alerting = make_alerting(settings, self.store, self._pool, self.registry, self.catalogue)
        reads = ReadSession(self._pool, statement_timeout_s=60.0)
        self.tracking = Tracking(self.alerting.desk, reads, self.registry, StoredPlans(FleetMaster(reads)))
        rules, offsets = settings.intake.rules(), self.tracking.offsets
        assembler = Assembler(self.store, self.registry, self.decoders, rules, offsets)
        self.pipeline = Pipeline(self.tracking.desk, assembler, settings.intake.bounds())
        self._bin_history = BinHistory(ReadSession(self._pool))
        self.scribe = Scribe(self.alerting.desk, self._bin_history, self.registry, settings.bins)
        self.reports = ReportDesk(self._pool)
        self.spool = Spool(data / "spool", settings.intake.spool())
        self.subscribers = [
            MqttSubscriber(section.broker(), routes(settings, section.name), self.pipeline, self._keep)
            for section in brokers
        ]
        wiring = Wiring(self.pipeline, self._keep, partial(kept_secret, data), data, tools)
        self.http: http_json.HttpSection = settings.sections(http_json.PLUGIN)[0]
        self.live_store = LiveStore(dsn, ReadSession(self._pool))
        self.follower = Follower(self.live_store, Feed(settings.api.live()))
        self.orders = WorkOrders(ReadSession(self._pool), WriteSession(self._pool))
        slow = ReadSession(self._pool, statement_timeout_s=60.0)
        self.outlook = Outlook(BinReads(slow), BinHistory(slow), settings.bins)
        sources = Sources.over(slow, settings.bins, self.outlook)
        self.planning = PlanningService(sources, self.orders, PlanAudits(self._pool, self.orders))
        self.uplinks = PostedUplinks(
            self.pipeline, assembler.decode, self.registry, webhooks(), patience_s=self.http.answer_within_s
        )
        self.sender = make_sender(settings.notify, dsn, {section.name: section.broker() for section in brokers})
        around = Surroundings(settings.notify.targets(), {}, settings.notify.zone)
        self.courier = Courier(IncidentLetters(WriteSession(self._pool)), settings.incidents, around)
        self.adapters: list[Adapter] = [*self.subscribers, *connections(settings, wiring), self.uplinks]
        audit = Audit(ReadSession(self._pool), WriteSession(self._pool))
        self.commanding = Commanding(self.registry, self.adapters, audit)
        self.following = self._following({section.name: section.broker() for section in brokers})
        self._registry_read_at = 0
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Work until :meth:`stop`, then end in order: stop reading, commit, acknowledge, disconnect."""
        await self._pool.open(wait=False)
        tasks: dict[str, asyncio.Task[None]] = {"pipeline": asyncio.create_task(self._carry())}
        try:
            tasks["registry"] = asyncio.create_task(self._keep_registry())
            tasks["maintenance"] = asyncio.create_task(self._maintain())
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

    def _keep(self, frame: Frame) -> None:
        self.spool.append(frame)

    def _app(self) -> FastAPI:
        readers = Readers.over(self._pool)
        writes = WriteSession(self._pool)
        probe = Probe(self, time_ns() // 1_000)
        services = Services(
            devices=readers.devices,
            telemetry=readers.telemetry,
            dead_letters=readers.dead_letters,
            store=readers.status,
            keys=ApiKeys(WriteSession(self._pool)),
            audit=readers.audit,
            uplinks=self.uplinks,
            commands=self.commanding,
            alerts=readers.alerts,
            alert_handling=self.alerting.actions,
            rules=self.alerting.rule_sets,
            fleet=readers.fleet,
            trips=readers.trips,
            emptyings=readers.bins,
            outlook=self.outlook,
            fleet_keeper=FleetEntry(WriteSession(self._pool)),
            planning=self.planning,
            city=self.live_store,
            probe=probe,
            people=People(writes),
            sessions=SessionTable(writes),
            key_keeper=ApiKeys(writes),
            registry=DeviceEntry(writes),
            areas=Areas(ReadSession(self._pool)),
            access=self.settings.api.policy(),
            reports=self.reports,
            incidents=self._incidents(writes),
            order_desk=self._order_desk(readers, writes),
            evaluation=Evaluating(self._pool, judge=Rounds(self._pool)),
            limits=PostLimits(
                body_bytes=self.settings.intake.max_payload_bytes,
                body_within_s=self.http.body_within_s,
                waiting=self.http.max_waiting,
                waiting_per_key=self.http.max_waiting_per_key,
            ),
            board=self.settings.api.board.settings(),
            metrics=probe.families,
            catalogue=self.catalogue,
        )
        return create_app(services, feed=self.follower.feed)

    def _following(self, brokers: dict[str, Broker]) -> Following:
        reads = ReadSession(self._pool)
        steward = OrderSteward(reads, WriteSession(self._pool))
        found = ways(self.commanding, brokers, self.settings.orders)
        return Following(steward, DeviceReads(reads), found, self.settings.orders)

    def _order_desk(self, readers: Readers, writes: WriteSession) -> OrderDesk:
        store, section = Orders(ReadSession(self._pool), writes), self.settings.orders
        return OrderDesk(store, readers.devices, readers.alerts, section, nudge=self.following.nudge)

    def _incidents(self, writes: WriteSession) -> IncidentDesk:
        reads = ReadSession(self._pool)
        finder = AreaFinder(FleetMaster(reads))
        return IncidentDesk(Incidents(reads, writes), finder, self.settings.incidents, nudge=self.courier.nudge)

    async def _carry(self) -> None:
        """The pipeline, once the registry is read: decoders look up devices in it."""
        with suppress(TransientError):  # raised only while stopping
            await self._read_registry(self.pipeline.store_condition)
            await persist(self.alerting.open, self.pipeline.store_condition, self._stop)
            await persist(self.tracking.open, self.pipeline.store_condition, self._stop)
            self._ready.set()
        await self.pipeline.run()

    async def _watch(self) -> None:
        """The alert engine and what follows the telemetry, once registry and rules are read."""
        if await self.prepared():
            work = (self.alerting, self.tracking, self.scribe, self.courier, self.following)
            await asyncio.gather(*(one.run(self._stop) for one in work), self.sender.run())

    async def _keep_registry(self) -> None:
        """Follow what others change in the registry."""
        condition = Condition("registry")
        with suppress(TransientError):
            while not self._stop.is_set():
                await pause(self._stop, REFRESH_S)
                await self._read_registry(condition)

    async def _read_registry(self, condition: Condition) -> None:
        """Bring the registry up to date, with all of it the first time. Raises TransientError only while stopping."""
        since, asked_at = self._registry_read_at, time_ns() // 1_000
        for identity, device in await persist(lambda: self.store.changed_devices(since), condition, self._stop):
            self.registry.add(identity, device)
        self._registry_read_at = asked_at - OVERLAP_US

    async def _maintain(self) -> None:
        """Partitions ahead, retention behind."""
        condition = Condition("maintenance")
        while not self._stop.is_set():
            await pause(self._stop, MAINTAIN_S)
            if self._stop.is_set():
                return
            try:
                dropped = await self.store.maintain(self.settings.store.keeping())
                condition.recovered()
            except TransientError as error:
                condition.failed(error)
                continue
            if dropped:
                log.info("partitions_dropped", count=dropped)


class Installation:
    """A hub with the servers that its settings ask it to bring along. An async context manager."""

    def __init__(self, settings: Settings, *, port: int | None = None) -> None:
        self.settings = settings
        self.data = (settings.data or default_data_folder()).expanduser().resolve()
        chosen = settings.api
        self.web = WebServer(chosen.host, chosen.port if port is None else port, chosen.trusted_proxies)
        self.servers: EmbeddedServers | None = None
        if settings.embedded_database or settings.embedded_broker:
            broker = settings.broker
            self.servers = EmbeddedServers(
                self.data,
                database=settings.embedded_database,
                broker=settings.embedded_broker,
                postgres_port=settings.store.embedded_port,
                mqtt_host=broker.host,
                mqtt_port=broker.port,
                mqtt_username=broker.username,
                mqtt_password=broker.password.get_secret_value() if broker.password else None,
                mqtt_sync=broker.sync,
            )

    async def start(self) -> Hub:
        """Start the embedded servers and make the hub. Raises ConfigError, ChildError."""
        try:
            if self.servers is not None:
                await self.servers.start()
            else:
                self.data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"data folder {self.data}: {error.strerror or error}") from None
        brokers = list(self.settings.mqtt)
        if self.servers is not None and self.settings.embedded_broker:
            brokers.append(self.embedded_connection())
        return Hub(self.settings, dsn=self.dsn(), brokers=brokers, data=self.data, web=self.web)

    async def stop(self) -> None:
        """Stop the embedded servers."""
        if self.servers is not None:
            await self.servers.stop()

    def dsn(self) -> str:
        """Where the store is."""
        if self.servers is not None and self.settings.embedded_database:
            return self.servers.dsn
        return self.settings.store.dsn.get_secret_value()

    def embedded_connection(self) -> MqttSection:
        """The connection to the embedded broker."""
        assert self.servers is not None
        host, port = self.servers.mqtt_address
        broker = self.settings.broker
        return MqttSection(name="embedded", host=host, port=port, username=broker.username, password=broker.password)
