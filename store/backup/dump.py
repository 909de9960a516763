"""A dump of the database in a file, and its restoration: ``pg_dump`` and ``pg_restore``, run and watched."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from devices.errors import SanihubError
from store.backup.clients import Clients
from store.backup.snapshot import Snapshot, Target

Progress = Callable[[str], None]
"""Told the name of each table as its rows are copied."""

_SAVING, _RESTORING = b"dumping contents of table ", b"processing data for table "


class DumpError(SanihubError):
    """PostgreSQL's program ended with an error."""


async def dump(clients: Clients, snapshot: Snapshot, file: Path, progress: Progress) -> None:
    """Write the snapshot to ``file`` in PostgreSQL's custom format, compressed, without owners and privileges.

    Raises DumpError with the program's words.
    """
    argv = [
        clients.dump, "--format=custom", "--no-owner", "--no-privileges", "--no-password", "--verbose",
        f"--snapshot={snapshot.name}", f"--file={file}", f"--dbname={snapshot.target.conninfo}",
    ]  # fmt: skip
    await _run([str(part) for part in argv], snapshot.target, _SAVING, progress)


async def restore(clients: Clients, to: Target, file: Path, progress: Progress, *, at_once: bool) -> None:
    """Restore a dump into a database. ``at_once``: in one transaction, all of it or nothing. Raises DumpError."""
    argv = [
        clients.restore, "--exit-on-error", "--no-owner", "--no-privileges", "--no-password", "--verbose",
        *(["--single-transaction"] if at_once else []), f"--dbname={to.conninfo}", file,
    ]  # fmt: skip
    await _run([str(part) for part in argv], to, _RESTORING, progress)


async def _run(argv: Sequence[str], at: Target, marker: bytes, progress: Progress) -> None:
    """Run a program to its end; cancelled, it is ended first. Its environment holds the password and nothing else."""
    environment = {"LC_ALL": "C", "TZ": "UTC", "PGPASSWORD": at.password, "PGOPTIONS": ""}
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stderr is not None
    last: deque[str] = deque(maxlen=5)
    try:
        async for line in process.stderr:
            _, told, table = line.partition(marker)
            if told:
                progress(table.decode(errors="replace").strip().strip('"'))
            last.append(line.decode(errors="replace").strip())
        code = await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
    if code:
        faults = [line for line in last if "error" in line.lower()] or list(last)
        raise DumpError(f"{Path(argv[0]).name} ended with code {code}: " + "\n".join(faults))
