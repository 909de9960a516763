"""A city in a real database, and the application over it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from argon2 import PasswordHasher
from psycopg_pool import AsyncConnectionPool
from pydantic import SecretStr

from api import passwords
from api.app import create_app
from api.ports.probe import About, Connection, Endpoint, MetricFamily, Sample
from api.ports.services import Services
from devices.access import Role
from devices.registry import Registry
from hub.areas import Areas
from hub.bins.outlook import Outlook
from hub.bins.settings import BinsSection
from hub.commanding import Commanding
from hub.fleet.evaluating import Evaluating
from hub.incidents.desk import IncidentDesk
from hub.incidents.settings import Department, IncidentsSection
from hub.orders.desk import OrderDesk
from hub.orders.settings import OrdersSection
from hub.planning.audits import PlanAudits
from hub.planning.request import Sources
from hub.planning.service import PlanningService
from hub.reporting.desk import ReportDesk
from hub.uplinks import PostedUplinks
from ingest.assembly import Assembler, IntakeRules
from ingest.pipeline import Pipeline
from store.access.api_keys import ApiKeys
from store.access.people import People
from store.access.sessions import SessionTable
from store.alerts.actions import AlertActions
from store.alerts.rule_sets import RuleSets
from store.bins.history import BinHistory
from store.fleet.entry import FleetEntry
from store.incidents.records import Incidents
from store.orders.life import Orders
from store.orders.plans import WorkOrders
from store.readers.devices import Readers
from store.reading import ReadSession
from store.telemetry.device_entry import DeviceEntry
from store.telemetry.live import LiveStore
from store.telemetry.writer import PostgresStore
from store.writing import WriteSession
from tests.access_keys import make_key
from tests.servers import PostgresServer

NOW = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
ROADS = Department(
    name="roads", zh="市政养护", en="Roads", url=SecretStr("https://roads.example/hook"), secrets=(SecretStr("s" * 32),)
)


def micros(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


class City:
    """Writes straight into the tables, as the writer would."""

    now = NOW

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.connection = psycopg.connect(dsn, autocommit=True, options="-c timezone=Asia/Shanghai")

    def sql(self, statement: str, *params: Any) -> list[tuple[Any, ...]]:
        cursor = self.connection.execute(statement.encode(), params)
        return cursor.fetchall() if cursor.description else []

    def device(self, device_id: str, kind: str = "bin", status: str = "active", name: str = "", **ids: str) -> int:
        insert = "INSERT INTO devices (id, kind, status, name) VALUES (%s, %s, %s, %s) RETURNING key"
        key = self.sql(insert, device_id, kind, status, name)[0][0]
        for scheme, value in ids.items():
            self.sql("INSERT INTO identities VALUES (%s, %s, %s)", scheme, value, key)
        return int(key)

    def heard(
        self,
        key: int,
        at: datetime = NOW,
        lat: float | None = None,
        lon: float | None = None,
        protocol: str = "mqtt-json",
        source: str = "city",
    ) -> None:
        self.sql(
            "INSERT INTO device_state (device_key, received_at, fix_at, lat, lon, heading_deg, protocol, source)"
            " VALUES (%s, %s, %s, %s, %s, 90, %s, %s)",
            *(key, at, None if lat is None else at, lat, lon, protocol, source),
        )

    def latest(self, key: int, metric: str, value: float, at: datetime = NOW) -> None:
        self.sql("INSERT INTO latest_readings VALUES (%s, %s, %s, %s, 0)", key, self.metric(metric), at, value)

    def metric(self, name: str) -> int:
        return int(self.sql("SELECT key FROM metrics WHERE name = %s", name)[0][0])

    def reading(self, key: int, metric: str, value: float, at: datetime) -> None:
        insert = "INSERT INTO readings VALUES (%s, %s, 0, %s, %s, %s)"
        self.sql(insert, key, self.metric(metric), at, value, at)
        hour = at.replace(minute=0, second=0, microsecond=0)  # as the writer notes what is old
        self.sql(
            "INSERT INTO rollup_dirty SELECT %s, %s, date_trunc('day', %s, zone) FROM rollup_state", key, hour, hour
        )

    def fix(self, key: int, at: datetime, variant: int, seq: int | None = None, **columns: Any) -> None:
        row = {"lat": 31.2, "lon": 121.5, "speed_kmh": 12.5, "heading_deg": 270.0, "valid": True} | columns
        self.sql(
            "INSERT INTO fixes (device_key, variant, observed_at, received_at, seq, quality,"
            " lat, lon, speed_kmh, heading_deg, valid, constellations)"
            " VALUES (%s, %s, %s, %s, %s, 0, %s, %s, %s, %s, %s, 'GPS,BDS')",
            *(key, variant, at, at, seq, row["lat"], row["lon"], row["speed_kmh"], row["heading_deg"], row["valid"]),
        )

    def event(self, key: int, kind: str, at: datetime, variant: int = 0, **attributes: Any) -> None:
        insert = "INSERT INTO events VALUES (%s, %s, %s, %s, 0, %s, %s)"
        self.sql(insert, key, variant, at, at, kind, json.dumps(attributes))

    def key(self, role: Role, *, device: str | None = None, areas: Sequence[str] | None = None) -> str:
        """A key of a role, made without an entry of the audit."""
        return make_key(self.dsn, role, device=device, areas=areas)

    micros = staticmethod(micros)

    def alert(self, key: int, rule: str, at: datetime, severity: str = "warning", **columns: Any) -> int:
        """An alert that was told, with its notification."""
        insert = (
            "INSERT INTO alerts (device_key, rule, severity, rule_set, raised_at, raised_value, cleared_at)"
            " VALUES (%s, %s, %s, 1, %s, 90, %s) RETURNING id"
        )
        number = int(self.sql(insert, key, rule, severity, at, columns.get("cleared_at"))[0][0])
        self.sql("INSERT INTO alert_log (alert_id, actor, action) VALUES (%s, 'hub', 'raised')", number)
        content = json.dumps({"rule": rule, "severity": severity, "device": {"id": "x"}, "raised_at": micros(at)})
        enter = "INSERT INTO outbox (key, alert_id, action, content) VALUES (%s, %s, 'raised', %s)"
        self.sql(enter, f"raised:{number}", number, content)
        return number

    def dead_letter(self, payload: bytes | None, code: str = "malformed", replayed: bool = False, **row: Any) -> int:
        insert = (
            "INSERT INTO dead_letters (received_at, adapter, source, channel, code, reason, device_id, size, digest,"
            " payload, replayable, replayed_at) VALUES (%s, 'mqtt-json', 'broker', 'sanihub/x/up', %s, 'no JSON', %s,"
            " %s, ''::bytea, %s, true, %s) RETURNING id"
        )
        size = len(payload or b"")
        rows = self.sql(insert, NOW, code, row.get("device"), size, payload, NOW if replayed else None)
        return int(rows[0][0])


class FakeProbe:
    """What the hub would say of itself."""

    def __init__(self) -> None:
        self.brokers = [Connection("broker-1", connected=True)]

    def about(self) -> About:
        return About(
            "0.1.0",
            micros(NOW - timedelta(hours=1)),
            "plain",
            "/data",
            (Endpoint("MQTT", "mqtt://[::]:1883"),),
            "plain",
        )

    def connections(self) -> list[Connection]:
        return self.brokers

    def counters(self) -> Mapping[str, int]:
        return {"messages_total": 1234, "duplicates_total": 5}


@pytest.fixture(scope="module", autouse=True)
def quick_hashes() -> Iterator[None]:
    """Passwords are hashed as ever, with less work each: there are many here, and none is a secret."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
        yield


@pytest.fixture
async def city(postgres_server: PostgresServer, prepared: str) -> AsyncIterator[City]:
    with postgres_server.database(like=prepared) as dsn:
        made = City(dsn)
        # A second partition beside the default one, so that nothing leans upon there being only one.
        for table in ("readings", "fixes", "events"):
            span = "FOR VALUES FROM ('2026-11-01Z') TO ('2026-11-08Z')"
            made.sql(f"CREATE TABLE {table}_november PARTITION OF {table} {span}")
        yield made
        made.connection.close()


@pytest.fixture
def probe() -> FakeProbe:
    return FakeProbe()


@pytest.fixture
async def services(city: City, probe: FakeProbe) -> AsyncIterator[Services]:
    # Neither client nor server run in UTC here: what comes out must not depend on it.
    options = {"options": "-c timezone=America/St_Johns"}
    async with AsyncConnectionPool(city.dsn, min_size=1, max_size=4, kwargs=options, open=False) as pool:
        readers = Readers.over(pool)
        registry = Registry()
        # Nothing is posted in the tests of this folder: those of posts have a whole hub (tests/integration).
        store = PostgresStore(city.dsn, mode="plain")
        assembler = Assembler(store, registry, {}, IntakeRules())
        orders = WorkOrders(ReadSession(pool), WriteSession(pool))
        sources = Sources.over(ReadSession(pool), BinsSection())
        planning = PlanningService(sources, orders, PlanAudits(pool, orders, lambda: micros(NOW)))
        desk = ReportDesk(pool)
        areas = Areas(ReadSession(pool), clock=lambda: micros(NOW))
        yield Services(
            devices=readers.devices,
            telemetry=readers.telemetry,
            dead_letters=readers.dead_letters,
            store=readers.status,
            keys=ApiKeys(WriteSession(pool)),
            audit=readers.audit,
            uplinks=PostedUplinks(Pipeline(store, assembler), assembler.decode, registry),
            commands=Commanding(registry, (), readers.audit),
            alerts=readers.alerts,
            alert_handling=AlertActions(WriteSession(pool)),
            rules=RuleSets(ReadSession(pool), WriteSession(pool)),
            fleet=readers.fleet,
            trips=readers.trips,
            emptyings=readers.bins,
            outlook=Outlook(readers.bins, BinHistory(ReadSession(pool)), BinsSection()),
            fleet_keeper=FleetEntry(WriteSession(pool)),
            planning=planning,
            city=LiveStore(city.dsn, ReadSession(pool)),
            probe=probe,
            people=People(WriteSession(pool)),
            sessions=SessionTable(WriteSession(pool)),
            key_keeper=ApiKeys(WriteSession(pool)),
            registry=DeviceEntry(WriteSession(pool)),
            areas=areas,
            reports=desk,
            order_desk=OrderDesk(
                Orders(ReadSession(pool), WriteSession(pool)),
                readers.devices,
                readers.alerts,
                OrdersSection(),
                clock=lambda: micros(NOW),
            ),
            incidents=IncidentDesk(
                Incidents(ReadSession(pool), WriteSession(pool)),
                areas,
                IncidentsSection(departments=(ROADS,)),
                clock=lambda: micros(NOW),
            ),
            evaluation=Evaluating(pool, clock=lambda: micros(NOW)),
            metrics=lambda: [
                MetricFamily("sanihub_ingest_messages_total", "Frames.", (Sample(7, {"adapter": "mqtt"}),), "counter"),
                MetricFamily("sanihub_spool_bytes", "Spooled.", (Sample(3.5),)),
            ],
            clock=lambda: micros(NOW),
        )
        await planning.stop()
        await desk.stop()


@pytest.fixture
async def client(services: Services, city: City) -> AsyncIterator[httpx.AsyncClient]:
    """With a viewer's key; one that a request names itself (`Authorization`) comes before it."""
    transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False)
    key = {"X-API-Key": city.key(Role.VIEWER)}
    async with httpx.AsyncClient(transport=transport, base_url="http://hub", headers=key) as opened:
        yield opened


@pytest.fixture
async def nobody(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """Without any key."""
    transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as opened:
        yield opened


@pytest.fixture
def now() -> Iterator[datetime]:
    yield NOW
