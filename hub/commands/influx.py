"""``sanihub influx``: bringing what is stored already to InfluxDB, and what InfluxDB would not take."""

from __future__ import annotations

import sys
from time import time_ns
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from devices import instants
from devices.errors import ConfigError
from hub.access import ConfigOption, DataOption, load, open_store, patiently
from hub.running import run, stop_event
from hub.settings.settings import Settings

if TYPE_CHECKING:
    from hub.influx.backfill import Backfill, Wanted
    from store.influx.marks import MarkQueue
    from store.influx.refused import RefusedEntry

_BACKFILL = """
Examples:

  sanihub influx backfill --from 2026-11-01T00:00:00Z

  sanihub influx backfill --from 2026-11-01T00:00:00Z --to 2026-11-08T00:00:00Z --device bin-0042 --rate 20000
"""
_REFUSED = """
Examples:

  sanihub influx refused list --limit 20

  sanihub influx refused list --device bin-0042 --json
"""

DeviceOption = Annotated[str | None, typer.Option("--device", help="Only this device.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    influx = typer.Typer(no_args_is_help=True, help="The InfluxDB sink: fill it from the store, see what it refused.")
    influx.command("backfill", epilog=_BACKFILL)(backfill)
    refused = typer.Typer(no_args_is_help=True, help="What InfluxDB would not take. PostgreSQL has it still.")
    refused.command("list", epilog=_REFUSED)(list_refused)
    refused.command("clear")(clear_refused)
    influx.add_typer(refused, name="refused")
    app.add_typer(influx, name="influx")


def backfill(
    first: Annotated[str, typer.Option("--from", help="From this instant on, as 2026-11-01T00:00:00Z.")],
    last: Annotated[str | None, typer.Option("--to", help="Up to this instant; without it: up to now.")] = None,
    device: DeviceOption = None,
    rate: Annotated[float | None, typer.Option(min=1.0, help="At most so many points a second.")] = None,
    anew: Annotated[bool, typer.Option("--anew", help="From the beginning, also where it was broken off.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Write stored readings and fixes of a span of the devices' time to InfluxDB; the hub may run meanwhile.

    It may be interrupted: the same command with the same --from and --to goes on where it was. What is written twice is
    the same point.
    """
    from hub.influx.backfill import Wanted

    settings = load(config, data)
    begin = _instant("--from", first)
    end = time_ns() // 1_000 if last is None else _instant("--to", last)
    if begin >= end:
        raise ConfigError("--from: expected an instant before --to")
    wanted = Wanted(begin, end, device, rate)
    done, points = run(_backfill(settings, wanted, anew))
    typer.echo(f"{points} points written" + ("" if done else "; broken off, the same command goes on"))
    if not done:
        raise typer.Exit(1)


def list_refused(
    device: DeviceOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    json_: Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """List what InfluxDB refused, newest first."""
    entries = run(_refused(load(config, data), device, limit))
    if json_:
        for entry in entries:
            fields = msgspec.structs.asdict(entry)
            fields |= {name: instants.to_iso(fields[name]) for name in ("observed_at", "refused_at")}
            sys.stdout.buffer.write(msgspec.json.encode(fields) + b"\n")
        return
    Console().print(_table(entries))


def clear_refused(config: ConfigOption = None, data: DataOption = None) -> None:
    """Forget what was refused, once it is mended and backfilled."""
    typer.echo(f"{run(_clear(load(config, data)))} values forgotten")


async def _backfill(settings: Settings, wanted: Wanted, anew: bool) -> tuple[bool, int]:
    from hub.influx.backfill import Backfill
    from hub.influx.pump import Pump
    from store.influx.client import InfluxClient
    from store.influx.marks import MarkQueue

    section = settings.influx
    if not section.bucket or not section.token.get_secret_value():
        raise ConfigError("influx.bucket: the section [influx] names no bucket and token to fill")
    async with open_store(settings) as access:
        queue, client = MarkQueue(access.dsn), InfluxClient(section.target())
        try:
            await _prepared(queue)
            work = Backfill(Pump(client, queue, section.naming(), section.batch_points), wanted)
            if await patiently(lambda: work.open(anew=anew)):
                typer.echo(f"goes on after {work.progress.points} points", err=True)
            return await _work(work)
        finally:
            await queue.close()
            client.close()


async def _work(work: Backfill) -> tuple[bool, int]:
    """Step until it is done or ctrl-C; whether it is done, and how many points."""
    stop = stop_event()
    columns = (TextColumn("devices"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[points]} points"))
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=work.progress.total, points=0)
        more = True
        while more and not stop.is_set():
            more = await patiently(work.step)
            now = work.progress
            bar.update(task, completed=now.devices, points=now.points)
            await work.rest(stop)
    return not more, work.progress.points


async def _refused(settings: Settings, device: str | None, limit: int) -> list[RefusedEntry]:
    from store.influx.marks import MarkQueue
    from store.influx.refused import RefusedPoints

    async with open_store(settings) as access:
        queue = MarkQueue(access.dsn)
        try:
            await _prepared(queue)
            return await RefusedPoints(await queue.connection()).newest(device, limit)
        finally:
            await queue.close()


async def _clear(settings: Settings) -> int:
    from store.influx.marks import MarkQueue
    from store.influx.refused import RefusedPoints

    async with open_store(settings) as access:
        queue = MarkQueue(access.dsn)
        try:
            await _prepared(queue)
            return await RefusedPoints(await queue.connection()).clear()
        finally:
            await queue.close()


async def _prepared(queue: MarkQueue) -> None:
    if not await patiently(queue.prepared):
        raise ConfigError("store: its tables are of an older version; start the hub once, which brings them up to date")


def _instant(option: str, text: str) -> int:
    try:
        return instants.parse(text)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from None


def _table(entries: list[RefusedEntry]) -> Table:
    table = Table(title=f"{len(entries)} values" if entries else "Nothing was refused", title_justify="left")
    for name in ("refused", "measurement", "device", "observed", "field", "value", "times", "reason"):
        table.add_column(name, overflow="fold")
    for one in entries:
        moment = instants.to_iso(one.observed_at)
        row = (instants.to_iso(one.refused_at), one.measurement, one.device, moment, one.field, one.value, one.times)
        table.add_row(*(escape(str(value)) for value in (*row, one.reason)))
    return table
