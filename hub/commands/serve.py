"""``sanihub serve``: the hub with its settings."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from devices.errors import TransientError
from hub import logs
from hub.bootstrap import Hub
from hub.installation import Installation
from hub.people import first_admin, open_people, tell
from hub.running import run, run_installation
from hub.settings import settings
from ingest.runner import Condition, persist
from store.connection import redacted


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    config: Annotated[
        Path | None, typer.Option(help="Settings file; sanihub.toml of this folder if it is there.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port of the API and the pages; 0 takes a free one.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the embedded servers and the spool.")] = None,
) -> None:
    """Run the hub with its settings (sanihub.toml and SANIHUB_* variables) until ctrl-C."""
    overrides = {} if data is None else {"data": data}
    chosen = settings.load(config, **overrides)
    logs.configure(chosen.log.level, chosen.log.format)
    run(run_installation(chosen, port=port, announce=announce, companion=welcome))


async def welcome(installation: Installation, hub: Hub, stop: asyncio.Event) -> None:
    """Enter the first administrator where there is nobody yet, and tell the password: once."""
    stopping = asyncio.ensure_future(stop.wait())
    preparing = asyncio.ensure_future(hub.prepared())
    await asyncio.wait({stopping, preparing}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    preparing.cancel()
    if stop.is_set():
        return
    try:
        async with open_people(installation.dsn()) as people:
            made = await persist(lambda: first_admin(people), Condition("first admin"), stop)
    except TransientError:  # raised only while stopping
        return
    if made is not None:
        tell([made], "The first administrator. The password is not shown again: change it after signing in.")


def announce(installation: Installation, hub: Hub) -> None:
    """Say which ports and folders are in use."""
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("[bold]open[/bold]", f"[bold cyan]{installation.web.url}/[/bold cyan]")
    table.add_row("API", f"{installation.web.url}/docs")
    for one in (adapter.standing() for adapter in hub.adapters):
        if one.address:
            table.add_row(one.title, one.address)
    if installation.servers is not None:
        for what, where in installation.servers.describe():
            table.add_row(what, where)
    else:
        table.add_row("data folder", str(installation.data))
    if not installation.settings.embedded_database:
        table.add_row("store", redacted(installation.dsn()))
    console = Console(stderr=True)
    console.print(table)
    console.print("ctrl-C ends it.", style="dim")
