"""``sanihub dead-letters``: what could not be filed, and filing it after all."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from devices import instants
from devices.metrics import Catalogue
from devices.read_models import DeadLetterEntry
from devices.registry import Registry, UnknownPolicy
from hub.access import ConfigOption, DataOption, load, open_store, patiently
from hub.bootstrap import make_store
from hub.protocols import decoders
from hub.running import run, stop_event
from hub.settings.settings import Settings
from ingest.plugin import Tools
from ingest.replay import Replayer, Tally
from store.telemetry.dead_letters import DeadLetterDesk
from store.telemetry.writer import PostgresStore

CODES = "malformed, invalid, unknown_device, shut_device, oversized, store"
_LIST = """
Examples:

  sanihub dead-letters list --code unknown_device --limit 20

  sanihub dead-letters list --device bin-0042 --all --json
"""
_REPLAY = """
Examples, after a device was registered or a codec was mended:

  sanihub dead-letters replay --dry-run

  sanihub dead-letters replay --device bin-0042

  sanihub dead-letters replay --id 17 --id 18
"""

CodeOption = Annotated[list[str], typer.Option("--code", help=f"Only these codes ({CODES}); may be repeated.")]
DeviceOption = Annotated[
    str | None, typer.Option("--device", help="Only letters of this device id, or of an identity that is its own now.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    letters = typer.Typer(no_args_is_help=True, help="Frames that could not be filed: list them, replay them.")
    letters.command("list", epilog=_LIST)(list_letters)
    letters.command("replay", epilog=_REPLAY)(replay)
    app.add_typer(letters, name="dead-letters")


def list_letters(
    code: CodeOption = [],  # noqa: B006 - typer copies it
    device: DeviceOption = None,
    all_: Annotated[bool, typer.Option("--all", help="Replayed ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    json_: Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """List dead letters, newest first: those that are open, unless --all is given."""
    settings = load(config, data)

    async def read() -> list[DeadLetterEntry]:
        async with _desk(settings, codes=code, device=device) as (desk, _):
            return await patiently(lambda: desk.newest(limit, closed=all_))

    entries = run(read())
    if json_:
        for entry in entries:
            sys.stdout.buffer.write(msgspec.json.encode(_shown(entry)) + b"\n")
        return
    Console().print(_table(entries))


def replay(
    code: CodeOption = [],  # noqa: B006 - typer copies it
    device: DeviceOption = None,
    id_: Annotated[list[int], typer.Option("--id", help="Only this letter; may be repeated.")] = [],  # noqa: B006
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and write nothing.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Decode and file open letters again, oldest first; those that fail again stay open under the new reason.

    What is filed and the closing of its letter are one transaction: it may be interrupted and begun anew at any time.
    """
    settings = load(config, data)
    tally = run(_replay(settings, code, device, id_, dry_run))
    _summary(tally, dry_run)


async def _replay(settings: Settings, codes: list[str], device: str | None, ids: list[int], dry_run: bool) -> Tally:
    stop = stop_event()
    rules = settings.intake.rules()
    if dry_run and rules.unknown is UnknownPolicy.REGISTER:
        rules = msgspec.structs.replace(rules, unknown=UnknownPolicy.QUARANTINE)  # registering would be writing
    async with _desk(settings, codes=codes, device=device, ids=ids) as (desk, store):
        registry = Registry(await patiently(lambda: store.changed_devices(0)))
        tools = Tools(Catalogue(), registry.find)
        replayer = Replayer(desk, store, registry, decoders(settings, tools), rules, dry_run=dry_run)
        total = await patiently(desk.count)
        columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn())
        console = Console(stderr=True)
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("", total=total)
            while not stop.is_set() and await patiently(replayer.step):
                bar.update(task, completed=replayer.tally.letters)
        return replayer.tally


@asynccontextmanager
async def _desk(
    settings: Settings, *, codes: list[str], device: str | None = None, ids: list[int] | None = None
) -> AsyncIterator[tuple[DeadLetterDesk, PostgresStore]]:
    """The chosen letters and the store of the settings, opened and migrated."""
    async with open_store(settings) as access:
        store = make_store(settings, access.dsn, Catalogue())
        desk = DeadLetterDesk(access.dsn, store, codes=codes, device=device, ids=ids or ())
        try:
            await patiently(store.open)
            yield desk, store
        finally:
            await desk.close()
            await store.close()


def _shown(entry: DeadLetterEntry) -> dict[str, object]:
    fields = msgspec.structs.asdict(entry)
    for name in ("received_at", "replayed_at"):
        fields[name] = None if fields[name] is None else instants.to_iso(fields[name])
    return fields


def _table(entries: list[DeadLetterEntry]) -> Table:
    table = Table(title=f"{len(entries)} dead letters" if entries else "No dead letters", title_justify="left")
    for name in ("id", "received", "code", "device", "channel", "bytes", "reason", "state"):
        table.add_column(name, justify="right" if name in ("id", "bytes") else "left", overflow="fold")
    for entry in entries:
        state = entry.outcome or "replayed" if entry.replayed_at else "open" if entry.replayable else "not replayable"
        moment = instants.to_iso(entry.received_at)
        row = (entry.id, moment, entry.code, entry.device_id or "", entry.channel, entry.size_bytes, entry.reason)
        table.add_row(*(escape(str(value)) for value in (*row, state)))
    return table


def _summary(tally: Tally, dry_run: bool) -> None:
    table = Table(title="Dry run: nothing was written" if dry_run else None, show_header=False, title_justify="left")
    table.add_row("would be closed" if dry_run else "closed", str(tally.closed))
    if not dry_run:
        table.add_row("rows filed", str(tally.rows))
        table.add_row("rows that were there already", str(tally.duplicates))
    for code, count in sorted(tally.failed.items()):
        table.add_row(f"still open: {code}", str(count))
    if tally.taken:
        table.add_row("closed by another replay meanwhile", str(tally.taken))
    Console().print(table)
