"""The checker of the faults notices what it is for: a hub that acknowledges too early, one that stores twice, a history
of alerts that is not the one that the stream makes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.faults.conftest import Undisturbed
from tests.faults.harness import careless_hub
from tests.faults.harness.checker import check
from tests.faults.harness.history import differences, history, wrong_bells
from tests.faults.harness.scene import Scene, settings
from tests.faults.harness.survival import stream
from tests.hubs import HubProcess
from tests.servers import NatsServer

HubOver = Callable[..., HubProcess]


async def kill_once(scene: Scene) -> None:
    await scene.reached(0.4)
    scene.hub.kill()
    await asyncio.to_thread(scene.hub.start)
    await scene.recovered()


async def test_a_hub_that_acknowledges_too_early_is_found_out(
    postgres_dsn: str, nats_broker: NatsServer, hub_over: HubOver
) -> None:
    hub = hub_over(postgres_dsn, settings(nats_broker.address), program=[str(Path(careless_hub.__file__))])
    scene = Scene(stream(0), hub, lambda: postgres_dsn, nats_broker.address)
    await scene.play(kill_once)
    verdict = (await scene.ending(lossy=True, quiet_s=2, patience_s=0)).verdict
    assert verdict.acknowledged == verdict.sent
    assert verdict.lost > 0
    assert verdict.stored == verdict.sent - verdict.lost
    assert not verdict.sound
    for way in ("mqtt", "http", "jt808"):  # of each way of acknowledging, something is missing
        assert any(f"lost: {way}" in one for one in check(postgres_dsn, scene.ledger, named=10_000).offenders)


async def test_rows_twice_foreign_rows_and_a_false_history_are_found_out(
    postgres_dsn: str, nats_broker: NatsServer, hub_over: HubOver, undisturbed: Undisturbed
) -> None:
    chosen = stream(0)
    expected = await asyncio.to_thread(undisturbed, chosen)
    hub = hub_over(postgres_dsn, settings(nats_broker.address))
    scene = Scene(chosen, hub, lambda: postgres_dsn, nats_broker.address)
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        await scene.prepared()
        connection.execute("ALTER TABLE readings DROP CONSTRAINT readings_pkey CASCADE")
        connection.execute("ALTER TABLE fixes DROP CONSTRAINT fixes_pkey CASCADE")
        scene.repeated = 0.05  # devices that send again what was answered: without keys it is stored again
        await scene.play()
        ending = await scene.ending(expected)
        assert ending.verdict.lost == ending.verdict.foreign == 0
        assert ending.verdict.doubled > 0
        assert "stored 2 times" in ending.verdict.offenders[0]

        connection.execute("UPDATE readings SET value = value + 0.5 WHERE ctid = (SELECT min(ctid) FROM readings)")
        changed = check(postgres_dsn, scene.ledger)
        assert changed.foreign > 0
        assert changed.lost > 0

        assert differences(history(postgres_dsn), expected) == []
        for change, said in (
            ("UPDATE alerts SET raised_at = raised_at + interval '1 s' WHERE id = 1", ("too many", "missing")),
            ("UPDATE alerts SET severity = 'info' WHERE rule = 'smoke'", ("too many", "missing")),
            ("DELETE FROM alerts WHERE id = 2", ("missing",)),
            ("DELETE FROM readings r USING metrics m WHERE r.metric_key = m.key AND m.name = 'idle_s'", ("derived",)),
        ):
            before = set(differences(history(postgres_dsn), expected))
            connection.execute(change)
            new = set(differences(history(postgres_dsn), expected)) - before
            assert all(any(word in one for one in new) for word in said), (change, new)
        assert wrong_bells(postgres_dsn) == []
        connection.execute("DELETE FROM outbox WHERE alert_id = 3 AND action = 'raised'")
        assert len(wrong_bells(postgres_dsn)) == 1
