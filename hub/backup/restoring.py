"""Restoring a back-up: checked first, into an empty database and data folder only, and counted afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

from devices.errors import ConfigError
from hub.access import Access, data_folder, has_database, in_use
from hub.backup import folders, manifest
from hub.backup.making import program_folders
from hub.backup.manifest import DATABASE, Manifest
from hub.backup.progress import Watch
from hub.settings.settings import Settings
from store.backup.clients import find_clients
from store.backup.dump import restore
from store.backup.snapshot import connected, made_ready, make_ready, row_counts, target
from store.embedded.service_account import service_account
from store.schema import Mode, migrations


def checked(backup: Path) -> Manifest:
    """The manifest of a whole back-up that this hub can use. Raises ConfigError with each fault."""
    found = manifest.read(backup)
    if faults := list(manifest.faults(backup, found)):
        raise ConfigError(f"{backup} is not whole: " + "; ".join(faults))
    if DATABASE not in found.files:
        raise ConfigError(f"{backup} is not whole: {DATABASE} is missing")
    known = {name for name, _ in migrations(Mode(found.mode))}
    if newer := [name for name in found.migrations if name not in known]:
        raise ConfigError(
            f"{backup} was made by sanihub {found.sanihub}, which is newer: its schema has {', '.join(newer)}; "
            "restore it with that version or a later one"
        )
    return found


def check_place(settings: Settings) -> None:
    """Whether the data folder of the settings can be restored into. Raises ConfigError when it is in use or full."""
    data = data_folder(settings)
    if in_use(data):
        raise ConfigError(f"the data folder {data} is in use by a hub; restore into another one")
    if found := folders.in_the_way(data):
        raise ConfigError(f"the data folder {data} is not empty: it has {', '.join(found)}; restore into a new one")


async def put_back(backup: Path, found: Manifest, access: Access, watch: Watch) -> None:
    """Restore a back-up that was checked. Raises ConfigError, :class:`~store.backup.dump.DumpError`, TransientError.

    In plain mode the database is restored in one transaction: what fails leaves it empty.
    """
    plain = found.mode == Mode.PLAIN.value
    async with connected(access.dsn) as connection:
        to = target(connection)
        clients = await asyncio.to_thread(find_clients, max(found.programs, to.major), program_folders())
        await make_ready(connection, found.timescaledb)
        watch.begin("restoring", None)
        await restore(clients, to, backup / DATABASE, watch.table, at_once=plain)
        await made_ready(connection, found.timescaledb)
        _compare(found.rows, await row_counts(connection))
    account = service_account(access.data / "postgres" / "pgdata") if has_database(access.data) else service_account()
    await asyncio.to_thread(folders.put_back, backup, access.data, account)


def _compare(expected: dict[str, int], there: dict[str, int]) -> None:
    """Hold the rows of each table against the manifest. Raises ConfigError with each difference."""
    wrong = [
        f"{table} has {there.get(table, 0)} rows, expected {expected.get(table, 0)}"
        for table in sorted(expected | there)
        if there.get(table, 0) != expected.get(table, 0)
    ]
    if wrong:
        raise ConfigError("what was restored is not what was saved: " + "; ".join(wrong))
