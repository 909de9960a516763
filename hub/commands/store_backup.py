"""``sanihub store backup`` and ``restore``: the database, and what the data folder holds beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from devices.errors import ConfigError
from hub.access import ConfigOption, DataOption, load, open_store
from hub.backup import keeping, making, restoring
from hub.backup.manifest import Manifest
from hub.backup.progress import Watch
from hub.running import run
from hub.settings.settings import Settings

_BACKUP = """
Examples:

  sanihub store backup /var/backups/sanihub

  sanihub store backup /var/backups/sanihub --keep 14 --keep-days 30
"""
_RESTORE = """
Examples:

  sanihub store restore /var/backups/sanihub/sanihub-20261124T020000Z --data /var/lib/sanihub-new

  sanihub store restore /var/backups/sanihub/sanihub-20261124T020000Z --check
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the group ``store``, which other modules add theirs to."""
    group = next((one.typer_instance for one in app.registered_groups if one.name == "store"), None)
    if group is None:
        group = typer.Typer(no_args_is_help=True, help="The database: back-ups, and putting them back.")
        app.add_typer(group, name="store")
    group.command("backup", epilog=_BACKUP)(backup)
    group.command("restore", epilog=_RESTORE)(restore)


def backup(
    folder: Annotated[Path, typer.Argument(help="Where back-ups lie; each gets a folder of its own in it.")],
    keep: Annotated[int | None, typer.Option(min=1, help="Keep so many afterwards, the newest.")] = None,
    keep_days: Annotated[float | None, typer.Option(min=0, help="Remove afterwards what is older, days.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="The manifest instead of a line.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Save the database and the data folder's own things, while the hub runs or not.

    What was acknowledged before the snapshot is in the back-up, what came after it is not.
    """
    settings = load(config, data)
    try:
        with Watch() as watch:
            place, made = run(_make(settings, folder, watch))
        gone = keeping.forget(folder, number=keep, days=keep_days)
    except OSError as error:
        raise ConfigError(f"{error.filename or folder}: {error.strerror}") from None
    if json_:
        document = {"backup": str(place), "removed": [str(old) for old in gone], "manifest": made}
        typer.echo(msgspec.json.format(msgspec.json.encode(document)))
        return
    size = sum(part.bytes for part in made.files.values())
    typer.echo(f"{place}: {sum(made.rows.values())} rows as of {made.taken_at}, {size / 2**20:.1f} MiB")
    if made.broker == "left out":
        typer.echo("What waits in the embedded broker is not in it, for the broker runs; see docs/backup.md.")
    for old in gone:
        typer.echo(f"removed {old}")


def restore(
    backup_: Annotated[Path, typer.Argument(metavar="BACKUP", help="The folder of a back-up.")],
    check: Annotated[
        bool, typer.Option("--check", help="Only look whether it is whole and fits this version.")
    ] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Put a back-up into an empty database and data folder; anything else is refused and left as it is."""
    settings = load(config, data)
    try:
        found = restoring.checked(backup_)
        if check:
            typer.echo(f"{backup_} is whole: {_told(found)}")
            return
        restoring.check_place(settings)
        with Watch() as watch:
            run(_put_back(settings, backup_, found, watch))
    except OSError as error:
        raise ConfigError(f"{error.filename or backup_}: {error.strerror}") from None
    typer.echo(f"restored {_told(found)}; now look at it with: sanihub doctor")


def _told(found: Manifest) -> str:
    return f"{sum(found.rows.values())} rows as of {found.taken_at}, of sanihub {found.sanihub}, {found.mode} mode"


async def _make(settings: Settings, into: Path, watch: Watch) -> tuple[Path, Manifest]:
    async with open_store(settings) as access:
        return await making.make(settings, access, into, watch)


async def _put_back(settings: Settings, backup_: Path, found: Manifest, watch: Watch) -> None:
    async with open_store(settings, create=True) as access:
        await restoring.put_back(backup_, found, access, watch)
