"""SIGKILL at random moments of a hub, its broker and its database, one by one and all in one run.

The default form is small; ``make faults`` runs the long one (SANIHUB_TEST_FULL=1), for the table of docs/faults.md.
"""

from __future__ import annotations

import pytest

from tests.faults.conftest import Undisturbed
from tests.faults.harness.outcome import FULL
from tests.faults.harness.survival import SEEDS, Fault, rows, survive
from tests.faults.harness.world import World, embedded, standing

pytestmark = pytest.mark.timeout(900)

HUB = (World.kill_hub,)
EVERYTHING = (World.kill_postgres, World.kill_hub, World.kill_broker, World.kill_backend, World.kill_hub)
ONCE = EVERYTHING[:3]

STANDING = [
    Fault("01-hub-killed", "hub killed", "SIGKILL of the hub three times", HUB * 3),
    Fault("02-nats-killed", "broker killed", "SIGKILL of nats-server twice", (World.kill_broker,) * 2, "mqtt"),
    Fault("04-postgres-killed", "database killed", "SIGKILL of the postmaster twice", (World.kill_postgres,) * 2),
    Fault(
        "05-backend-killed",
        "database crashes",
        "SIGKILL of one backend twice: PostgreSQL ends all of them and recovers",
        (World.kill_backend,) * 2,
    ),
    Fault(
        "06-all-killed",
        "everything killed",
        "SIGKILL of database, hub, broker, backend, hub in turn",
        EVERYTHING if FULL else ONCE,
    ),
]
MOSQUITTO = [
    Fault("01-hub-killed-mosquitto", "hub killed (mosquitto)", "SIGKILL of the hub three times", HUB * 3),
    Fault(
        "03-mosquitto-killed",
        "broker killed (mosquitto)",
        "SIGKILL of mosquitto twice",
        (World.kill_broker,) * 2,
        "mqtt",
        lossy=True,
        note="(with the settings of `deploy/mosquitto`; what it acknowledged while it wrote its queue down may be gone"
        " before the hub saw it. Lost counts what the *hub* acknowledged)",
    ),
]
EMBEDDED = [
    Fault(
        "07-serve-killed",
        "`sanihub serve` killed",
        "SIGKILL of a hub that brings database and broker along, three times: they end and start with it",
        HUB * 3,
    ),
    Fault(
        "08-children-killed",
        "servers of the hub killed",
        "SIGKILL of the hub's own database, broker, database: the hub starts them again",
        (World.kill_postgres, World.kill_broker, World.kill_postgres),
    ),
    Fault(
        "09-serve-all-killed",
        "everything killed (embedded)",
        "SIGKILL of the hub's broker, the hub, its database, a backend, the hub",
        (World.kill_broker, World.kill_hub, World.kill_postgres, World.kill_backend, World.kill_hub),
    ),
]


@pytest.mark.parametrize("seed", SEEDS)
@rows(STANDING, "06-all-killed")
async def test_servers_by_themselves(fault: Fault, seed: int, undisturbed: Undisturbed) -> None:
    with standing() as world:
        await survive(world, fault, seed, undisturbed)


@pytest.mark.parametrize("seed", SEEDS)
@rows(MOSQUITTO)
async def test_mosquitto(fault: Fault, seed: int, undisturbed: Undisturbed) -> None:
    with standing(mosquitto=True) as world:
        await survive(world, fault, seed, undisturbed)


@pytest.mark.parametrize("seed", SEEDS)
@rows(EMBEDDED)
async def test_servers_that_the_hub_brings_along(fault: Fault, seed: int, undisturbed: Undisturbed) -> None:
    with embedded() as world:
        await survive(world, fault, seed, undisturbed)
