"""``sanihub fleet``: what is planned, changed without a file."""

from __future__ import annotations

from typing import Annotated

import typer

from devices import instants
from devices.errors import ConfigError
from fleet.master.collection import Section
from fleet.master.entering import Came
from hub.access import ConfigOption, DataOption, actor, load, open_reads, patiently
from hub.running import run
from hub.settings.settings import Settings
from store.fleet.entry import FleetEntry
from store.writing import WriteSession

app = typer.Typer(no_args_is_help=True, help="Change what is planned; files of it come by `sanihub import`.")


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.add_typer(app, name="fleet")


@app.callback()
def fleet() -> None:
    """Change what is planned; files of it come by `sanihub import`."""


@app.command("withdraw")
def withdraw(
    section: Annotated[Section, typer.Argument(help="What they are.")],
    ids: Annotated[list[str], typer.Argument(help="Their ids.")],
    since: Annotated[
        str | None, typer.Option("--from", help="From this instant on, as 2026-12-01T00:00:00+08:00; else now.")
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Withdraw routes, plans, people ... from an instant on: all that is named, or nothing. What was before stays."""
    settings = load(config, data)
    try:
        at = None if since is None else instants.parse(since)
    except ValueError as error:
        raise ConfigError(f"--from: {error}") from None
    came = run(_withdraw(settings, section, ids, at))
    typer.echo(f"{len(came.changed)} withdrawn, {came.unchanged} had ended already")


async def _withdraw(settings: Settings, section: Section, ids: list[str], since: int | None) -> Came:
    async with open_reads(settings) as (_, pool):
        entry = FleetEntry(WriteSession(pool, statement_timeout_s=60.0, acquire_timeout_s=30.0))
        return await patiently(lambda: entry.withdraw(section, ids, actor(), since=since))
