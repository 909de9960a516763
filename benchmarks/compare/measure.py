"""The run: heats in which each takes its turn, round after round, and then the kills.

Every turn has a fresh broker, a fresh database in the one PostgreSQL (the hub's embedded one with its defaults), and a
fresh process of the contender, which is warm when it is measured: a probe has shown that it listens, and every device
has spoken twice.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from itertools import product
from pathlib import Path
from time import time_ns

import msgspec
import psycopg
from psycopg import sql

from benchmarks.compare import brokers
from benchmarks.compare.contenders import BARE, HUB, NODE_RED, PEERS, Place, Process, at_work, node
from benchmarks.compare.figures import Copied, Figures, Heat, Killed, Plan, Run
from benchmarks.compare.load import DEADLINE_S, STEP_US, Load, at_rest, flood, generate, heard, told_by
from benchmarks.compare.stored import Span
from hub.bench.ingest import machine
from hub.bench.processes import CpuWatch
from hub.embedded.servers import EmbeddedServers
from store.benches.copy_limit import server_side_copy_seconds

Told = Callable[[str], None]


async def measure(plan: Plan, told: Told = lambda what: None) -> Figures:
    """Run all of it in temporary folders. Raises ConfigError for what is not installed."""
    figures = Figures(plan, [], [], [], [round(one, 1) for one in os.getloadavg()], versions(plan))
    with _folder() as folder:
        async with EmbeddedServers(folder / "postgres", broker=False) as servers:
            for number in range(plan.rounds):
                for heat in plan.heats:
                    for name in (*plan.contenders, BARE):
                        told(f"round {number + 1} of {plan.rounds}: {heat.broker}, {heat.load}, {name}")
                        async with _turn(servers, heat.broker, name) as turn:
                            figures.runs.append(await _flooded(plan, heat, number, servers, turn))
                            if name == HUB:
                                figures.copies.append(_copied(heat, number, servers, turn))
            for broker in dict.fromkeys(heat.broker for heat in plan.heats if plan.kill_messages):
                for rate, name in product(plan.kill_rates, plan.contenders):
                    told(f"killing {name} at {broker}, {rate:g} msg/s" if rate else f"killing {name} at {broker}")
                    async with _turn(servers, broker, name) as turn:
                        figures.kills.append(await _killed(plan, turn, rate))
    return figures


def versions(plan: Plan) -> dict[str, str]:
    """What was measured on what."""
    found = machine() | {"aiomqtt": version("aiomqtt")}
    if any(heat.broker == "mosquitto" for heat in plan.heats):
        said = subprocess.run([brokers.mosquitto(), "-h"], capture_output=True, text=True, check=False).stdout
        number = re.search(r"version (\S+)", said)
        found["mosquitto"] = number[1] if number else "?"
    if NODE_RED in plan.contenders:
        for name in ("node-red", "pg"):
            package = (PEERS / "nodered/node_modules" / name / "package.json").read_bytes()
            found[name] = msgspec.json.decode(package)["version"]
        said = subprocess.run([node(), "--version"], capture_output=True, text=True, check=True).stdout
        found["node"] = said.strip().lstrip("v")
    return found


class Turn(msgspec.Struct):
    """A contender at work, and where."""

    process: Process
    place: Place


@asynccontextmanager
async def _turn(servers: EmbeddedServers, broker: str, name: str) -> AsyncIterator[Turn]:
    """A contender that listens, with a broker and a database of its own."""
    with _folder() as folder:
        (folder / "broker").mkdir(mode=0o755)
        async with brokers.running(broker, folder / "broker") as running, _database(servers, name) as dsn:
            place = Place(folder, running, dsn)
            async with at_work(name, place) as process:
                yield Turn(process, place)


@asynccontextmanager
async def _database(servers: EmbeddedServers, contender: str) -> AsyncIterator[str]:
    """A database that is dropped afterwards; the checkpoint has every turn begin alike."""
    if contender == BARE:
        yield ""
        return
    assert servers.cluster is not None
    name = f"bench_{secrets.token_hex(4)}"
    async with await psycopg.AsyncConnection.connect(servers.dsn, autocommit=True) as connection:
        await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        await connection.execute("CHECKPOINT")
        try:
            yield servers.cluster.dsn_of(name)
        finally:
            await connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


async def _warm(plan: Plan, turn: Turn, load: Load) -> None:
    """Wait until it listens, and have every device speak twice before the load begins."""
    process, broker = turn.process, turn.place.broker
    before = load.start_us - 3 * STEP_US
    await heard(broker, process, before - STEP_US)
    await flood(broker, Load(2 * plan.devices, plan.devices, load.mixed, before), process)


async def _flooded(plan: Plan, heat: Heat, number: int, servers: EmbeddedServers, turn: Turn) -> Run:
    """One flood, whose times end where the present begins: a leap would have every device silent in between."""
    start_us = time_ns() // 1_000 - (plan.messages // plan.devices + 2) * STEP_US
    load = Load(plan.messages, plan.devices, heat.mixed, start_us)
    await _warm(plan, turn, load)
    process, broker = turn.process, turn.place.broker
    postgres = servers.child("postgres").status.pid
    assert postgres is not None
    watch = CpuWatch({process.name: process.pid, "broker": broker.pid, "postgres": postgres})
    flooded = await flood(broker, load, process)
    used = watch.a_message(plan.messages) | {"load": flooded.load_cpu_s * 1e6 / plan.messages}
    found = await process.counter.found(load.span())
    return Run(
        number,
        heat.broker,
        heat.mixed,
        process.name,
        plan.messages,
        round(plan.messages / flooded.seconds, 1),
        {name: round(us, 1) for name, us in used.items()},
        round(process.peak_mib(), 1),
        found.rows_again,
    )


def _copied(heat: Heat, number: int, servers: EmbeddedServers, turn: Turn) -> Copied:
    """The limit of the database: its own rows once more."""
    assert servers.cluster is not None
    with psycopg.connect(turn.place.dsn) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM readings) + (SELECT count(*) FROM fixes), "
            "(SELECT count(*) FROM (SELECT DISTINCT device_key, observed_at FROM readings) AS m)"
        ).fetchone()
    assert row is not None
    seconds = server_side_copy_seconds(turn.place.dsn, servers.cluster.working_folder)
    return Copied(number, heat.broker, heat.mixed, row[0], round(row[0] / seconds, 1), round(row[1] / seconds, 1))


async def _killed(plan: Plan, turn: Turn, rate: float) -> Killed:
    """SIGKILL when half has arrived, a start at once, and a count when nothing more comes."""
    process, broker = turn.process, turn.place.broker
    back = 0 if rate else (plan.kill_messages // plan.devices + 2) * STEP_US
    start_us = time_ns() // 1_000 - back
    load = Load(plan.kill_messages, plan.devices, mixed=True, start_us=start_us, rate=rate)
    await _warm(plan, turn, load)
    span = load.span()
    generator = await generate(broker, load)
    await _half(process, span, plan.kill_messages // 2)
    await process.kill()
    await process.start()
    await told_by(generator)
    await heard(broker, process, start_us - 5 * STEP_US)  # it is back, and what waited for it comes before that
    found = await at_rest(process.counter, span, process, plan.quiet_s)
    lost = plan.kill_messages - found.messages
    return Killed(broker.name, process.name, rate, plan.kill_messages, lost, found.messages_again)


async def _half(process: Process, span: Span, enough: int) -> None:
    """Wait until so many have arrived."""
    async with asyncio.timeout(DEADLINE_S):
        while (await process.counter.found(span)).messages < enough:
            assert process.pid
            await asyncio.sleep(0.05)


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that the servers' account may walk to."""
    with tempfile.TemporaryDirectory(prefix="sanihub-bench-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
