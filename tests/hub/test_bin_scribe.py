"""Emptyings entered and taken back, over a real database: live, late, doubled, and with alerts that see them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from alerts.engine import Engine
from alerts.rule import Rule, Scope
from alerts.rulebook import Rulebook, RuleSet
from alerts.rules.event import Happening
from devices.instants import from_datetime
from devices.metrics import Catalogue
from devices.registry import Registry
from devices.vocabulary import Device
from fleet.bins.emptying import emptyings, series
from hub.alerting.desk import AlertDesk
from hub.alerting.repair import Repairer
from hub.bench.bins.city import BinCity, halts
from hub.bins.scribe import Scribe, _place
from hub.bins.settings import BinsSection
from store.alerts.history import AlertHistory
from store.bins.history import BinHistory
from store.connection import session_parameters
from store.reading import ReadSession
from tests.intake import NOW, frame, make_assembler, make_store

SECOND = 1_000_000
MINUTE = 60 * SECOND
BEGIN = NOW - 24 * 3_600 * SECOND
RULE = Rule("emptied", "event", Happening(events=("emptied",), after_s=60), scope=Scope(kinds=("bin",)))
Said = tuple[str, dict[str, Any]]


class Hub:
    def __init__(self, dsn: str, pool: AsyncConnectionPool[Any]) -> None:
        self.dsn = dsn
        self.time = NOW
        self.store = make_store(dsn)
        reads = ReadSession(pool)
        engine = Engine(Rulebook((RuleSet(1, BEGIN, (RULE,)),)))
        self.desk = AlertDesk(self.store, AlertHistory(reads), engine, Catalogue(), now=lambda: self.time)
        self.assembler = make_assembler(self.desk)  # type: ignore[arg-type]
        self.registry: Registry = self.assembler._registry
        self.repairer = Repairer(self.desk, self.registry.by_key)
        self.scribe = Scribe(self.desk, BinHistory(reads), self.registry, BinsSection(), now=lambda: self.time)

    async def take(self, said: Sequence[Said], received_at: int) -> None:
        claims = [self.assembler.decode(frame(message, device, at=received_at)) for device, message in said]
        await self.desk.write(await self.assembler.assemble(claims))

    async def look(self) -> int:
        count = await self.scribe.look()
        await self.repairer.mend_all()
        return count

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()

    def emptyings(self) -> list[tuple[Any, ...]]:
        return self.sql(
            "SELECT d.id, e.at, e.since, e.until, e.before_pct, e.after_pct, e.vehicle, e.proof FROM emptyings e"
            " JOIN devices d ON d.key = e.device_key WHERE NOT e.retracted ORDER BY 1, 2"
        )

    def events(self) -> list[tuple[Any, ...]]:
        return self.sql(
            "SELECT d.id, e.observed_at, e.attributes FROM events e JOIN devices d ON d.key = e.device_key"
            " WHERE e.kind = 'emptied' ORDER BY 1, 2"
        )

    def alerts(self) -> list[tuple[Any, ...]]:
        return self.sql(
            "SELECT d.id, a.raised_at FROM alerts a JOIN devices d ON d.key = a.device_key WHERE NOT a.retracted"
            " ORDER BY 1, 2"
        )


@pytest.fixture
async def hub(postgres_dsn: str) -> AsyncIterator[Hub]:
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        kwargs=session_parameters(postgres_dsn), min_size=0, max_size=2, open=False
    )
    await pool.open()
    made = Hub(postgres_dsn, pool)
    await made.store.open()
    yield made
    await pool.close()
    await made.store.close()


def fills(device: str, *levels: float, start: int = BEGIN) -> list[Said]:
    pairs = enumerate(levels)
    return [(device, {"ts": start + place * 10 * MINUTE, "readings": {"fill_pct": fill}}) for place, fill in pairs]


def truck(at: int) -> list[Said]:
    """A truck that lifts beside the bin (30.5, 114.3) for half a minute, ending at ``at``."""

    def said(when: int, lift: int, lat: float) -> Said:
        fix = {"lat": lat, "lon": 114.3, "speed_kmh": 0 if lift else 20}
        return "vehicle-1", {"ts": when, "readings": {"lift": lift, "speed_kmh": fix["speed_kmh"]}, "fix": fix}

    return [said(at - 60 * SECOND, 0, 30.501), said(at - 30 * SECOND, 1, 30.5), said(at, 0, 30.5)]


PLACE = ("bin-1", {"ts": BEGIN - MINUTE, "readings": {"fill_pct": 77}, "fix": {"lat": 30.50005, "lon": 114.3}})
DAY = [PLACE, *fills("bin-1", 78, 80, 3, 4, 5), *fills("bin-2", 50, 66, 52, 53, 54)]


async def test_an_emptying_is_entered_once_with_its_event_and_alerts_see_it(hub: Hub) -> None:
    await hub.take(DAY[:1], NOW)
    assert await hub.look() == 0
    await hub.take(DAY + truck(BEGIN + 14 * MINUTE), NOW)
    assert await hub.look() == 1
    ((device, at, since, until, *rest),) = hub.emptyings()
    assert (device, rest) == ("bin-1", [80.0, 3.0, "vehicle-1", "lift"])
    assert since < at < until
    ((_, event_at, attributes),) = hub.events()
    assert (event_at, attributes["derived"], attributes["vehicle"]) == (at, True, "vehicle-1")
    assert hub.alerts() == [("bin-1", at)]
    assert await hub.look() == 0, "nothing new"
    assert len(hub.events()) == 1


async def test_what_the_bin_tells_itself_is_one_event(hub: Hub) -> None:
    await hub.take(DAY, NOW)
    assert await hub.look() == 1
    own = {"ts": BEGIN + 19 * MINUTE, "events": [{"kind": "emptied", "attributes": {"fill_before_pct": 81}}]}
    await hub.take([("bin-1", own)], NOW + MINUTE)
    assert await hub.look() == 2, "the one that was derived gives way to the bin's own word"
    assert [row[-1] for row in hub.emptyings()] == ["device"]
    assert [attributes for *_, attributes in hub.events()] == [{"fill_before_pct": 81}]
    assert len(hub.alerts()) == 1
    ((revised, retracted),) = hub.sql("SELECT revised_at IS NOT NULL, retracted FROM emptyings WHERE proof = 'fill'")
    assert (revised, retracted) == (True, True)


async def test_late_readings_take_an_emptying_back_with_its_event_and_its_alert(hub: Hub) -> None:
    sparse = fills("bin-1", 78, 80, 3, 40)
    await hub.take(sparse, NOW)
    assert await hub.look() == 1
    await hub.take([("bin-1", {"ts": BEGIN + 25 * MINUTE, "readings": {"fill_pct": 81}})], NOW + MINUTE)
    again = [("bin-1", {"ts": BEGIN + (31 + n) * MINUTE, "readings": {"fill_pct": 82}}) for n in range(3)]
    await hub.take(again, NOW + MINUTE)
    await hub.look()
    assert hub.emptyings() == []
    assert hub.events() == []
    assert hub.alerts() == []


async def test_late_lifts_make_an_emptying_of_what_was_none(hub: Hub) -> None:
    await hub.take([PLACE, *fills("bin-1", 88, 90, 55, 56)], NOW)
    assert await hub.look() == 0, "it might have settled"
    await hub.take(truck(BEGIN + 14 * MINUTE), NOW + 2 * MINUTE)
    assert await hub.look() == 1
    assert [row[-2:] for row in hub.emptyings()] == [("vehicle-1", "lift")]


@pytest.mark.parametrize("seed", [1, 2])
async def test_in_whatever_order_it_comes_the_end_is_the_same(hub: Hub, seed: int) -> None:
    chance = random.Random(seed)
    levels = [60, 70, 80, 4, 5, 20, 40, 60, 70, 2, 71, 72, 3, 4, 30, 55, 40, 45, 60, 5, 6, 7]
    said = [PLACE, *fills("bin-1", *levels), *truck(BEGIN + 24 * MINUTE), *truck(BEGIN + 154 * MINUTE)]
    shuffled = [*said, *said[::3]]
    chance.shuffle(shuffled)
    for place in range(0, len(shuffled), 6):
        await hub.take(shuffled[place : place + 6], NOW + place * MINUTE)
        await hub.look()
    piecemeal = hub.emptyings(), hub.alerts(), [(row[0], row[1]) for row in hub.events()]
    with psycopg.connect(hub.dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM emptyings")
        connection.execute("DELETE FROM looks")
        connection.execute("DELETE FROM events")
    assert await hub.scribe.look() == len(piecemeal[0]) >= 3
    assert (hub.emptyings(), piecemeal[1], [(row[0], row[1]) for row in hub.events()]) == piecemeal
    assert [at for _, at in piecemeal[1]] == [row[1] for row in piecemeal[0]]


def test_a_device_is_known_by_its_own_place() -> None:
    assert _place(Device(1, "bin-1", "bin", attributes={"lat": 30, "lon": 114.5})) == (30.0, 114.5)
    assert _place(Device(1, "bin-1", "bin", attributes={"lat": "north"})) is None


async def test_a_simulated_morning_ends_in_what_all_of_it_at_once_shows(hub: Hub) -> None:
    city = BinCity(4, 0.45, bins=24, vehicles=2, moving_s=10.0)
    said: list[Said] = []
    for name, reports in city.bins.items():
        lat, lon = city.places[name]
        for one in reports:
            message: dict[str, Any] = {"ts": one.at, "readings": {"fill_pct": one.fill}}
            said.append((name, message | {"fix": {"lat": lat, "lon": lon}}))
    for name, drives in city.trucks.items():
        for place in drives:
            fix = {"lat": place.lat, "lon": place.lon, "speed_kmh": place.speed_kmh}
            said.append((name, {"ts": place.at, "readings": {"lift": place.lift}, "fix": fix}))
    said.sort(key=lambda one: one[1]["ts"])
    chance, half = random.Random(4), len(said) // 2
    early, late = said[: half + 200], said[half:]  # with some of it twice
    chance.shuffle(early)
    for number, lot in enumerate((early[: len(early) // 2], early[len(early) // 2 :], late)):
        await hub.take(lot, NOW + number * 60 * MINUTE)
        await hub.look()
    stood, expected = halts(city.trucks), []
    for name, reports in city.bins.items():
        beside = stood.beside(*city.places[name])
        expected += emptyings(name, series((one.at, one.fill) for one in reports), (), beside)
    found = [(row[0], from_datetime(row[1]), row[6], row[7]) for row in hub.emptyings()]
    assert found == sorted((one.bin, one.at, one.vehicle, one.proof) for one in expected)
    truths = sum(map(len, city.emptied.values()))
    assert truths > 15
    assert abs(len(found) - truths) <= 1
    assert len(hub.events()) == len(found)
