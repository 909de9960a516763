"""Flapping and storms over a real database: which bells ring, which are held back, and what is told of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from alerts.fold import Alert
from alerts.kind import Cleared, Raised
from alerts.rule import Rule
from alerts.rules.silence import Silence
from alerts.rules.threshold import Threshold
from devices.vocabulary import Batch, Device
from store.alerts.actions import AlertActions
from store.alerts.bells import MANY, Bells
from store.alerts.writes import Told, record, revise
from store.connection import session_parameters
from store.writing import WriteSession
from tests.intake import NOW, make_store

SECOND = 1_000_000
RULES = {
    "full": Rule("full", "threshold", Threshold("fill_pct", 85)),
    "silent": Rule("silent", "silence", Silence(interval_s=60)),
    "gateway-silent": Rule("gateway-silent", "silence", Silence(interval_s=60), severity="critical"),
}
BELLS = Bells(flaps=3, flap_s=600, storm=4, storm_s=60, gather_s=0, silences=("silent", "gateway-silent"))


class Tower:
    """A store with a gateway, ten bins behind it, and ten that stand alone."""

    def __init__(self, dsn: str, pool: AsyncConnectionPool[Any]) -> None:
        self.dsn = dsn
        self.store = make_store(dsn)
        self.actions = AlertActions(WriteSession(pool))
        self.devices: dict[str, Device] = {}

    def device(self, name: str, gateway: str | None = None) -> None:
        attributes = {} if gateway is None else {"gateway": gateway}
        insert = (
            "INSERT INTO devices (id, kind, status, attributes) VALUES (%s, 'bin', 'active', %s::jsonb) RETURNING key"
        )
        key = self.sql(insert, name, "{}" if gateway is None else f'{{"gateway": "{gateway}"}}')[0][0]
        self.devices[name] = Device(key, name, "bin", attributes=attributes)

    def told(self, device: str, rule: str = "full", at: int = 0, end: int | None = None, late: bool = False) -> Told:
        cleared = None if end is None else Cleared(NOW + end * SECOND)
        alert = Alert(rule, "", Raised(NOW + at * SECOND, 90.0), cleared)
        return Told(self.devices[device], alert, RULES[rule], 1, rings=not late, late=late)

    async def enter(self, *told: Told, bells: Bells = BELLS) -> None:
        await self.store.write(Batch(), lambda cursor: record(cursor, told, bells))

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def bells(self) -> list[tuple[str, str]]:
        """(action, device) of all notifications."""
        return self.sql(
            "SELECT o.action, d.id FROM outbox o JOIN alerts a ON a.id = o.alert_id "
            " JOIN devices d ON d.key = a.device_key ORDER BY o.id"
        )

    def parts(self) -> dict[str, set[str]]:
        """The devices of the parts of each storm, by the device of its head."""
        rows = self.sql(
            "SELECT h.id, p.id FROM alerts a JOIN alerts s ON s.id = a.storm JOIN devices h ON h.key = s.device_key"
            " JOIN devices p ON p.key = a.device_key"
        )
        found: dict[str, set[str]] = {}
        for head, part in rows:
            found.setdefault(head, set()).add(part)
        return found


@pytest.fixture
async def tower(postgres_dsn: str) -> AsyncIterator[Tower]:
    store = make_store(postgres_dsn)
    await store.open()
    await store.close()
    async with AsyncConnectionPool(kwargs=session_parameters(postgres_dsn), min_size=0, max_size=3, open=False) as pool:
        made = Tower(postgres_dsn, pool)
        made.device("gw")
        for number in range(10):
            made.device(f"behind-{number}", "gw")
            made.device(f"alone-{number}")
        yield made
        await made.store.close()


async def test_what_flaps_rings_no_more_until_it_is_calm(tower: Tower) -> None:
    for number in range(6):
        at = number * 100
        await tower.enter(tower.told("alone-0", at=at))
        if number < 5:
            await tower.enter(tower.told("alone-0", at=at, end=at + 50))
    assert tower.bells() == [("raised", "alone-0"), ("cleared", "alone-0")] * 3
    assert tower.sql("SELECT flapping FROM alerts ORDER BY id") == [(False,)] * 3 + [(True,)] * 3
    assert await tower.actions.release(600, 600) == 0
    assert await tower.actions.release(0, 600) == 1  # it has stayed for long enough
    assert tower.bells()[6:] == [("raised", "alone-0")]
    await tower.enter(tower.told("alone-0", at=500, end=2_000))
    assert tower.bells()[7:] == [("cleared", "alone-0")]
    await tower.enter(tower.told("alone-0", at=5_000))  # long after
    assert tower.bells()[8:] == [("raised", "alone-0")]


async def test_a_batch_in_which_it_flaps_is_judged_as_if_it_had_come_in_pieces(tower: Tower) -> None:
    told = [tower.told("alone-0", at=number * 10, end=number * 10 + 5) for number in range(6)]
    await tower.enter(*told)
    assert tower.sql("SELECT flapping FROM alerts ORDER BY raised_at") == [(False,)] * 3 + [(True,)] * 3
    await tower.enter(*told)  # written again after a commit whose fate was unknown
    assert len(tower.bells()) == 6
    await tower.enter(*(tower.told("alone-1", at=number * 10, end=number * 10 + 5, late=True) for number in range(6)))
    assert tower.sql("SELECT count(*) FROM alerts WHERE flapping") == [(3,)]  # history does not flap


async def test_other_devices_and_scopes_do_not_make_it_flap(tower: Tower) -> None:
    bells = Bells(flaps=1, storm=1_000)
    await tower.enter(tower.told("alone-0"), tower.told("alone-1", at=1), bells=bells)
    await tower.enter(tower.told("alone-0", "silent", at=2), bells=bells)
    assert [action for action, _ in tower.bells()] == ["raised"] * 3


async def test_many_alerts_of_a_rule_are_told_as_one(tower: Tower) -> None:
    for number in range(10):
        await tower.enter(tower.told(f"alone-{number}", at=number))
    await tower.enter(tower.told("behind-0", "silent", at=99))  # of another rule
    rung = [device for action, device in tower.bells() if action == "raised"]
    assert rung == ["alone-0", "alone-1", "alone-2", "alone-3", "behind-0"]
    assert tower.parts() == {"alone-0": {f"alone-{number}" for number in range(4, 10)}}
    assert await tower.actions.tell_storms() == 1
    assert await tower.actions.tell_storms() == 0
    ((members, count, severity),) = tower.sql(
        "SELECT content -> 'members', content ->> 'member_count', content ->> 'severity'"
        "  FROM outbox WHERE action = 'storm'"
    )
    assert (members, count, severity) == ([f"alone-{number}" for number in range(4, 10)], "6", "warning")
    await tower.enter(tower.told("alone-9", at=9, end=50), tower.told("alone-0", at=0, end=51))
    assert tower.bells()[-1] == ("cleared", "alone-0")  # nobody was told of the other by itself
    assert await tower.actions.release(0, 0) == 0  # they were told with the storm


async def test_a_storm_of_a_whole_city_in_one_batch(tower: Tower) -> None:
    names = [f"city-{number:03}" for number in range(MANY + 20)]
    for name in names:
        tower.device(name)
    await tower.enter(*(tower.told(name, at=number) for number, name in enumerate(names)))
    await tower.enter(*(tower.told(name, at=number, end=500) for number, name in enumerate(names)))
    assert tower.sql("SELECT count(*), count(cleared_at) FROM alerts") == [(len(names), len(names))]
    assert [len(parts) for parts in tower.parts().values()] == [len(names) - 4]
    assert sorted(action for action, _ in tower.bells()) == ["cleared"] * 4 + ["raised"] * 4


async def test_a_storm_in_one_batch_and_another_after_it(tower: Tower) -> None:
    gathering = msgspec.structs.replace(BELLS, gather_s=1_000)
    await tower.enter(*(tower.told(f"alone-{number}", at=number) for number in range(8)), bells=gathering)
    assert len(tower.bells()) == 4
    await tower.enter(tower.told("alone-8", at=8), bells=gathering)
    assert tower.parts() == {"alone-0": {f"alone-{number}" for number in range(4, 9)}}
    assert await tower.actions.tell_storms() == 0
    tower.sql("UPDATE alerts SET storm_due = now() WHERE storm_due IS NOT NULL")
    assert await tower.actions.tell_storms() == 1
    await tower.enter(tower.told("alone-9", at=9), bells=gathering)  # after it was told: the next storm
    assert tower.parts()["alone-1"] == {"alone-9"}
    tower.sql("UPDATE alerts SET told_at = now() - interval '1 hour'")
    await tower.enter(tower.told("behind-0", at=3_600))
    assert tower.bells()[-1] == ("raised", "behind-0")  # the storm is over


async def test_the_devices_behind_a_silent_gateway_are_inside_of_its_alert(tower: Tower) -> None:
    await tower.enter(tower.told("behind-0", "silent"))  # it was quicker, and has rung
    await tower.enter(tower.told("gw", "gateway-silent", at=1), tower.told("behind-1", "silent", at=2))
    await tower.enter(*(tower.told(f"behind-{number}", "silent", at=number) for number in range(2, 10)))
    await tower.enter(tower.told("alone-0", "silent", at=3), tower.told("behind-3", at=4))  # what it says is no silence
    assert tower.parts() == {"gw": {f"behind-{number}" for number in range(10)}}
    assert [device for _, device in tower.bells()] == ["behind-0", "gw", "alone-0", "behind-3"]
    assert await tower.actions.tell_storms() == 1
    assert tower.bells()[-1] == ("storm", "gw")
    (count,) = tower.sql("SELECT content ->> 'member_count' FROM outbox WHERE action = 'storm'")[0]
    assert count == "10"
    await tower.enter(tower.told("gw", "gateway-silent", at=1, end=100))
    await tower.enter(*(tower.told(f"behind-{number}", "silent", at=number, end=101) for number in range(2, 10)))
    assert await tower.actions.release(0, 3_600) == 0
    assert await tower.actions.release(0, 0) == 1  # the one that did not come back
    assert tower.bells()[-1] == ("raised", "behind-1")


async def test_gateways_that_lean_on_each_other_ring_all_the_same(tower: Tower) -> None:
    tower.device("a", "b")
    tower.device("b", "a")
    tower.device("c", "c")
    await tower.enter(*(tower.told(name, "gateway-silent") for name in "abc"))
    assert sorted(device for action, device in tower.bells() if action == "raised") == ["a", "b", "c"]
    tower.device("outer")
    tower.device("inner", "outer")
    tower.device("leaf", "inner")
    await tower.enter(*(tower.told(name, "gateway-silent", at=9) for name in ("leaf", "inner", "outer")))
    assert tower.parts()["outer"] == {"inner", "leaf"}
    assert tower.bells()[-1] == ("raised", "outer")


async def test_a_shelved_head_hides_no_storm(tower: Tower) -> None:
    await tower.actions.shelve("full", "alone-0", NOW + 400 * 86_400 * SECOND, "known", "wang")
    for number in range(6):
        await tower.enter(tower.told(f"alone-{number}", at=number))
    assert [device for _, device in tower.bells()] == ["alone-1", "alone-2", "alone-3"]
    assert await tower.actions.tell_storms() == 1
    assert tower.sql("SELECT content ->> 'member_count' FROM outbox WHERE action = 'storm'") == [("2",)]


async def test_what_is_held_back_does_not_escalate_and_is_forgotten_with_a_repair(tower: Tower) -> None:
    bells = Bells(flaps=1, storm=1_000)
    await tower.enter(tower.told("alone-0", end=1), tower.told("alone-0", at=2), bells=bells)
    assert await tower.actions.escalate([1e-9], ["warning"]) == 0
    await tower.store.write(Batch(), lambda cursor: revise(cursor, [], [2]))
    assert await tower.actions.release(0, 0) == 0
