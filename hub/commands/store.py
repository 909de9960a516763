"""``sanihub store``: what the store is made of, and its upgrade from plain PostgreSQL to TimescaleDB."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import time_ns
from typing import Annotated

import msgspec
import typer
from psycopg import AsyncConnection
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from devices import instants
from devices.errors import ConfigError
from hub.access import ConfigOption, DataOption, load, open_store
from hub.running import run
from hub.settings.settings import Settings
from store.connection import session_parameters, translated_errors
from store.facts.standing import StoreFacts, look
from store.telemetry import presence
from store.timescale.upgrade import Step, upgrade
from store.timescale.upgrade_plan import Plan, make_plan

MIB = 1024 * 1024
_UPGRADE = """
Examples, with the hub stopped and a backup made:

  sanihub store upgrade --dry-run

  sanihub store upgrade
"""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    store = typer.Typer(no_args_is_help=True, help="What the store is made of, and its upgrade to TimescaleDB.")
    store.command("status")(status)
    store.command("upgrade", epilog=_UPGRADE)(upgrade_store)
    app.add_typer(store, name="store")


def status(
    json_: Annotated[bool, typer.Option("--json", help="JSON instead of tables.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Mode, capability, versions, sizes, partitions or chunks, and TimescaleDB's background jobs. Changes nothing."""
    settings = load(config, data)

    async def ask() -> StoreFacts:
        async with _connection(settings) as connection:
            return await look(connection)

    facts = run(ask())
    if json_:
        typer.echo(msgspec.json.format(msgspec.json.encode(_shown(facts))))
        return
    for table in (_summary(facts), _holdings(facts), _jobs(facts)):
        if table.row_count:
            Console().print(table)


def upgrade_store(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it begins.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Take a plain database to TimescaleDB, in place. The hub must be stopped.

    Partition by partition: each is copied into its hypertable and dropped in one transaction. Interrupted at whatever
    point, it loses nothing, and goes on when it is run again; until it is done no hub starts on the database.
    """
    settings = load(config, data)
    run(_upgrade(settings, dry_run=dry_run, yes=yes))


async def _upgrade(settings: Settings, *, dry_run: bool, yes: bool) -> None:
    console = Console()
    async with _connection(settings) as connection:
        plan = await make_plan(connection, wanted=settings.store.mode)
        _tell(console, plan)
        if plan.obstacles:
            raise ConfigError("the upgrade cannot begin: " + "; ".join(plan.obstacles))
        if dry_run:
            return
        if plan.parts and not yes and not typer.confirm("Is the hub stopped and a backup made?"):
            raise typer.Exit(1)
        if not await presence.take_alone(connection):
            raise ConfigError("the upgrade cannot begin: a hub or a command writes to this store: stop it")
        with _progress(plan) as told:
            await upgrade(
                connection,
                plan.parts,
                chunk_days=settings.store.partition_days,
                wanted=settings.store.columnstore(),
                now=time_ns() // 1_000,
                told=told,
            )
    console.print("Done: this database is in timescale mode. Start the hub.")


@contextmanager
def _progress(plan: Plan) -> Iterator[Callable[[Step], None]]:
    """Progress by bytes, for partitions differ in size."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("summing up", total=plan.size_bytes)
        stages = {"begun": "moving", "renamed": "analysing", "finished": "done"}

        def told(step: Step) -> None:
            if step.part is None:
                bar.update(task, description=stages[step.name])
            else:
                bar.update(task, advance=step.part.size_bytes, description=step.part.name)

        yield told


def _tell(console: Console, plan: Plan) -> None:
    """What is to be done."""
    if plan.begun:
        console.print("An earlier run was interrupted; this one goes on.")
    table = Table(title="To be moved" if plan.parts else None, title_justify="left", show_header=bool(plan.parts))
    for name in ("table", "partitions", "MiB"):
        table.add_column(name, justify="left" if name == "table" else "right")
    for name in dict.fromkeys(part.table for part in plan.parts):
        own = [part for part in plan.parts if part.table == name]
        table.add_row(name, str(len(own)), _mib(sum(part.size_bytes for part in own)))
    if plan.parts:
        console.print(table)
        free = "" if plan.free_bytes is None else f"; {_mib(plan.free_bytes)} MiB are free"
        console.print(f"Room wanted on the server's disk meanwhile: {_mib(plan.room_bytes)} MiB{free}.")
        if plan.free_bytes is not None and plan.free_bytes < plan.room_bytes:
            console.print("[bold red]The disk is too small for the largest partition: make room first.[/]")
    elif not plan.obstacles:
        console.print("Nothing is left to be moved.")
    for doubt in plan.doubts:
        console.print(f"[yellow]{escape(doubt)}[/]")


@asynccontextmanager
async def _connection(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """A connection to the store of the settings, in autocommit, that prepares nothing: tables are replaced."""
    async with open_store(settings) as access:
        with translated_errors():
            parameters = session_parameters(access.dsn)
            connection = await AsyncConnection.connect(**parameters, autocommit=True)  # type: ignore[arg-type]
            async with connection:
                connection.prepare_threshold = None
                yield connection


def _shown(facts: StoreFacts) -> dict[str, object]:
    """Facts for programs, instants as text."""
    shown: dict[str, object] = msgspec.to_builtins(facts)
    jobs = []
    for job in facts.jobs:
        fields = msgspec.structs.asdict(job)
        for name in ("started_at", "succeeded_at", "next_at"):
            fields[name] = None if fields[name] is None else instants.to_iso(fields[name])
        jobs.append(fields)
    return shown | {"jobs": jobs}


def _summary(facts: StoreFacts) -> Table:
    table = Table(show_header=False)
    mode = "no tables yet" if facts.mode is None else facts.mode.value
    table.add_row("mode", f"{mode}; an upgrade was interrupted: run it again" if facts.upgrade_begun else mode)
    table.add_row("capability", facts.capability.value)
    table.add_row("PostgreSQL", facts.version)
    offered = f"{facts.timescaledb_offered} is offered" if facts.timescaledb_offered else "not offered"
    table.add_row("TimescaleDB", facts.timescaledb_used or offered)
    return table


def _holdings(facts: StoreFacts) -> Table:
    table = Table()
    for name in ("table", "parts", "in the columnstore", "waiting for it", "MiB", "MiB saved by it"):
        table.add_column(name, justify="left" if name == "table" else "right")
    for held in facts.holdings:
        saved = _mib(held.before_bytes - held.after_bytes) if held.before_bytes else ""
        size = _mib(held.size_bytes)
        table.add_row(held.table, str(held.parts), str(held.converted), str(held.waiting), size, saved)
    return table


def _jobs(facts: StoreFacts) -> Table:
    table = Table("job", "what", "of", "last good run", "next", "runs", "failed", "state")
    for job in facts.jobs:
        state = "failing" if job.failing else "overdue" if job.overdue else "" if job.scheduled else "paused"
        times = ("" if at is None else instants.to_iso(at) for at in (job.succeeded_at, job.next_at))
        told = f"{state}: {escape(job.error)}" if job.failing and job.error else state
        table.add_row(str(job.id), job.procedure, job.table, *times, str(job.runs), str(job.failures), told)
    return table


def _mib(size: int) -> str:
    return f"{size / MIB:,.1f}"
