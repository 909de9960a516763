"""Old back-ups: which of them go when a new one is there."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.backup import manifest


def forget(into: Path, *, number: int | None, days: float | None, now: datetime | None = None) -> list[Path]:
    """Remove old back-ups of a folder: beyond the newest ``number``, or older than ``days``; returns them.

    Only whole back-ups count and only they are removed, never the newest. Both None: nothing is.
    """
    whole = sorted(
        (folder for folder in into.glob(f"{manifest.PREFIX}*") if _is_backup(folder)),
        key=lambda folder: folder.name,
        reverse=True,
    )
    oldest = None if days is None else (now or datetime.now(UTC)) - timedelta(days=days)
    gone = [
        folder
        for rank, folder in enumerate(whole)
        if rank > 0 and ((number is not None and rank >= number) or _is_older(folder, oldest))
    ]
    for folder in gone:
        (folder / manifest.FILE).unlink()  # first: what is half removed must not pass for a back-up
        shutil.rmtree(folder)
    return gone


def _is_backup(folder: Path) -> bool:
    return manifest.instant_of(folder) is not None and not folder.is_symlink() and (folder / manifest.FILE).is_file()


def _is_older(folder: Path, oldest: datetime | None) -> bool:
    at = manifest.instant_of(folder)
    return oldest is not None and at is not None and at < oldest
