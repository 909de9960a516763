"""Making a back-up, while the hub runs or not: in a draft that gets its name when all of it is on the disk."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from devices.errors import ConfigError
from hub.access import Access, in_use
from hub.backup import folders, manifest
from hub.backup.manifest import DATABASE, Manifest
from hub.backup.progress import Watch
from hub.embedded.servers import FolderLock
from hub.settings.settings import Settings
from store.backup.clients import Clients, find_clients
from store.backup.dump import dump
from store.backup.snapshot import Snapshot, open_snapshot, row_counts
from store.embedded.service_account import LOCK_NAME

SPARE = 64 * 1024 * 1024  #: bytes that shall be left on the disk


async def make(settings: Settings, access: Access, into: Path, watch: Watch) -> tuple[Path, Manifest]:
    """Make a back-up in a new folder of ``into``; returns the folder and its manifest.

    Raises ConfigError (no room, no programs, nothing to back up), :class:`~store.backup.dump.DumpError`,
    TransientError; then nothing is left behind.
    """
    _make_folder(into, access.data)
    with _draft(into) as draft:
        folders.save_secrets(access.data, draft)
        folders.save_spool(access.data, draft)
        async with open_snapshot(access.dsn) as (connection, snapshot):
            clients = await asyncio.to_thread(find_clients, snapshot.target.major, program_folders())
            _check_room(into, snapshot.table_bytes + folders.size_of(access.data))
            watch.begin("saving", snapshot.tables)
            (draft / DATABASE).touch(mode=0o600)
            saving = asyncio.create_task(dump(clients, snapshot, draft / DATABASE, watch.table))
            try:
                rows = await row_counts(connection)  # of the same snapshot, meanwhile
                await saving
            finally:
                saving.cancel()
                await asyncio.wait({saving})
        broker = _save_broker(settings, access, draft)
        made = await asyncio.to_thread(_described, draft, snapshot, clients, rows, broker)
        manifest.write(draft, made)
        return _publish(draft, into / manifest.folder_name(snapshot.taken_at)), made


def program_folders() -> list[Path]:
    """Where this user's programs lie."""
    return [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if part]


def _save_broker(settings: Settings, access: Access, draft: Path) -> str:
    """Save the embedded broker's streams if it stands still; what became of them."""
    if not settings.embedded_broker or not (access.data / "broker").exists():
        return "none"
    if access.origin == "running hub" or (access.origin == "external" and in_use(access.data)):
        return "left out"
    lock = FolderLock(access.data) if access.origin == "external" else None  # else it is held already
    if lock is not None:
        lock.acquire()
    try:
        return "saved" if folders.save_broker(access.data, draft) else "none"
    finally:
        if lock is not None:
            lock.release()


def _described(draft: Path, snapshot: Snapshot, clients: Clients, rows: dict[str, int], broker: str) -> Manifest:
    return Manifest(
        format=manifest.FORMAT,
        sanihub=version("sanihub"),
        taken_at=snapshot.taken_at.isoformat(),
        server=snapshot.server,
        programs=clients.major,
        mode=snapshot.mode.value,
        timescaledb=snapshot.timescaledb,
        migrations=snapshot.migrations,
        rows=rows,
        broker=broker,
        files={file.name: manifest.describe(file) for file in sorted(draft.iterdir())},
    )


def _make_folder(into: Path, data: Path) -> None:
    if into.resolve().is_relative_to(data):
        raise ConfigError(f"{into} lies in the data folder itself; a back-up belongs onto another disk")
    try:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{into}: {error.strerror}; name a folder that you may write") from None
    if (into / LOCK_NAME).exists():
        raise ConfigError(f"{into} is the data folder of a hub; name another one for back-ups")


@contextmanager
def _draft(into: Path) -> Iterator[Path]:
    """A folder for its owner alone that is gone afterwards, unless it was given its name."""
    draft = into / f".{manifest.PREFIX}{os.getpid()}.partial"
    try:
        draft.mkdir(mode=0o700)
    except OSError as error:
        raise ConfigError(f"{draft}: {error.strerror}") from None
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _check_room(into: Path, needed: int) -> None:
    """A dump is compressed and has no indexes, so the size of the tables is asked for: more than it usually takes."""
    free = shutil.disk_usage(into).free
    if free < needed + SPARE:
        raise ConfigError(
            f"{into} has {free // 2**20} MiB free, and the back-up may take {(needed + SPARE) // 2**20} MiB; "
            "make room, or name another folder"
        )


def _publish(draft: Path, place: Path) -> Path:
    """Give the draft its name, on the disk, in one step."""
    _sync(draft)
    try:
        draft.rename(place)
    except OSError as error:
        raise ConfigError(f"{place}: {error.strerror}; another back-up was made in the same second") from None
    _sync(place.parent)
    return place


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
