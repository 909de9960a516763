"""``sanihub dashboards role``: the role that Grafana reads as, alone, for whoever provisions Grafana by files."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from hub.access import ConfigOption, DataOption, load, open_store
from hub.grafana.settings import GrafanaSection
from hub.running import run
from hub.settings.settings import Settings

_EXAMPLES = """
The password is that of grafana.database.password (SANIHUB_GRAFANA__DATABASE__PASSWORD_FILE names a file with it), else
it is drawn, and kept in the data folder as grafana.password.

Examples:

  sanihub dashboards role --dry-run

  SANIHUB_GRAFANA__DATABASE__PASSWORD_FILE=/run/secrets/boards_password sanihub dashboards role
"""


def register(group: typer.Typer) -> None:
    """Add the command to those of ``sanihub dashboards``."""
    group.command("role", epilog=_EXAMPLES)(role)


def role(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Make the role that Grafana reads the database as, or bring it to what it should be. Asks nothing of Grafana."""
    settings = load(config, data)
    run(_keep(settings, dry_run=dry_run))


async def _keep(settings: Settings, *, dry_run: bool) -> None:
    from hub.grafana.reader import prepare_role  # pulls in the store's writer, which no other command needs

    section = settings.grafana
    async with open_store(settings) as access:
        _, did, may_too = await prepare_role(access, settings, section, dry_run=dry_run)
    tell_role(Console(), section, did, may_too, dry_run=dry_run)


def tell_role(
    console: Console, section: GrafanaSection, did: tuple[str, ...], may_too: tuple[str, ...], *, dry_run: bool
) -> None:
    """Print what was done to the role (in a dry run: what would be), and warn of what it may do too much."""
    name = section.database.user
    if did:
        done = "would be brought" if dry_run else "was brought"
        console.print(f"role {name}: {done} to what it should be ({'; '.join(did)})", highlight=False)
    else:
        console.print(f"role {name}: as it should be", highlight=False)
    for one in may_too:
        typer.secho(f"warning: the role {name} may also {one}; REVOKE it, from PUBLIC if need be", err=True)
