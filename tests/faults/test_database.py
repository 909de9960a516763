"""A database that is slow, locked, read-only, restarted, crowded, or that breaks off what it is asked.

The default form is small; ``make faults`` runs the long one (SANIHUB_TEST_FULL=1), for the table of docs/faults.md.
"""

from __future__ import annotations

import pytest

from tests.faults.conftest import Undisturbed
from tests.faults.harness import database_harms as harms
from tests.faults.harness.survival import AWAY_S, SEEDS, Fault, rows, survive
from tests.faults.harness.world import standing

pytestmark = pytest.mark.timeout(900)

LASTS = f"for {AWAY_S:g} s"
FAULTS = [
    Fault("20-slow", "database slow", f"each COPY into readings takes 0.5 s longer, {LASTS}, twice", (harms.slow,) * 2),
    Fault("21-locked", "table locked", f"ACCESS EXCLUSIVE lock on readings {LASTS}, twice", (harms.locked,) * 2),
    Fault("22-locked-long", "table locked for long", "the same lock for 65 s: the hub gives up", (harms.locked_long,)),
    Fault("23-read-only", "database read-only", f"default_transaction_read_only {LASTS}", (harms.read_only,) * 2),
    Fault("24-restarted", "database restarted", f"fast shutdown, start after {AWAY_S:g} s", (harms.restarted_fast,)),
    Fault(
        "25-restarted-at-once",
        "database restarted at once",
        f"immediate shutdown, start after {AWAY_S:g} s",
        (harms.restarted_at_once,),
    ),
    Fault("26-crowded", "no connection free", f"others hold all connections {LASTS}", (harms.crowded,)),
    Fault("27-cancelled", "statements cancelled", f"pg_cancel_backend at random {LASTS}", (harms.cancelled,)),
    Fault("28-terminated", "sessions ended", f"pg_terminate_backend at random {LASTS}", (harms.terminated,)),
]
ALL = Fault(
    "29-all-of-these",
    "all of these in turn",
    "each of the database's troubles but the longest, in one run",
    tuple(harm for fault in FAULTS if fault.name != "22-locked-long" for harm in fault.harms[:1]),
)


@pytest.mark.parametrize("seed", SEEDS)
@rows([*FAULTS, ALL], ALL.name)
async def test_a_database_in_trouble(fault: Fault, seed: int, undisturbed: Undisturbed) -> None:
    with standing() as world:
        await survive(world, fault, seed, undisturbed)
