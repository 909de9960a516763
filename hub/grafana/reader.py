"""The data source as the hub wants it: the role that Grafana reads as, its password, and the way to the database."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import get_args

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from dashboards.publishing import Source
from devices.errors import ConfigError
from hub.access import Access, patiently
from hub.grafana.settings import GrafanaSection, SslMode
from hub.settings.settings import Settings
from store.boards.role import SCHEMA, ReadingRole, establish, examine, logs_in
from store.connection import session_parameters, translated_errors
from store.embedded.service_account import write_private
from store.facts import diagnosis
from store.schema import Mode
from store.telemetry.writer import PostgresStore

PASSWORD_FILE = "grafana.password"  # noqa: S105 - the name of a file in the data folder
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Reader(msgspec.Struct, frozen=True):
    """The data source, what was done to its role (in a dry run: what would be), and what the role may do too much."""

    source: Source
    did: tuple[str, ...]
    may_too: tuple[str, ...]


async def prepare(access: Access, settings: Settings, section: GrafanaSection, *, dry_run: bool) -> Reader:
    """Bring the role of the data source to what it shall be, and say how Grafana reaches the database.

    Migrates the store first, unless in a dry run, which writes nothing. Raises ConfigError and TransientError.
    """
    password, did, may_too = await prepare_role(access, settings, section, dry_run=dry_run)
    facts = await patiently(lambda: diagnosis.examine(access.dsn))
    source = _source(
        access.dsn, section, password, facts.version_number // 10_000, timescale=facts.mode is Mode.TIMESCALE
    )
    return Reader(source, did, may_too)


async def prepare_role(
    access: Access, settings: Settings, section: GrafanaSection, *, dry_run: bool
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Bring the role alone to what it shall be: its password, what was done, and what it may do too much.

    Migrates the store first, unless in a dry run, which writes nothing. Raises ConfigError and TransientError.
    """
    if not dry_run:
        store = PostgresStore(access.dsn, mode=settings.store.mode, partition_days=settings.store.partition_days)
        try:
            await patiently(store.open)
        finally:
            await store.close()
    password, kept = _password(section, access.data)
    if section.database.make_role:
        return password, *await _keep_role(access, section, password, dry_run=dry_run, kept=kept)
    user = section.database.user
    if not await patiently(lambda: logs_in(access.dsn, user, password)):
        raise ConfigError(f"grafana.database: {user} cannot log in with grafana.database.password")
    return password, (), ()


async def _keep_role(
    access: Access, section: GrafanaSection, password: str, *, dry_run: bool, kept: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    wanted = section.database
    role = ReadingRole(wanted.user, wanted.connections, wanted.statement_timeout_s)
    with translated_errors():
        connection = await AsyncConnection[TupleRow].connect(
            **session_parameters(access.dsn),  # type: ignore[arg-type]
            autocommit=True,
        )
    async with connection:
        found = await examine(connection, role)
        fits = await patiently(lambda: logs_in(access.dsn, role.name, password))
        short = (*found.short, *(() if fits else ("its password",)))
        if dry_run or not short:
            return short, found.may_too
        if not kept and wanted.password is None:
            _keep(access.data, password)
        with translated_errors():
            await establish(connection, role, None if fits else password)
        found = await examine(connection, role)
    if found.short:
        raise ConfigError(f"the role {role.name} is still short of: {', '.join(found.short)}")
    if not await patiently(lambda: logs_in(access.dsn, role.name, password)):
        raise ConfigError(f"the role {role.name} cannot log in with its new password; look into pg_hba.conf")
    return short, found.may_too


def _password(section: GrafanaSection, data: Path) -> tuple[str, bool]:
    """The password, and whether it is kept: that of the settings, else that of the data folder, else a new one."""
    if section.database.password is not None:
        return section.database.password.get_secret_value(), True
    file = data / PASSWORD_FILE
    try:
        kept = file.read_text("utf-8").strip()
    except FileNotFoundError:
        return secrets.token_urlsafe(32), False
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read ({error}): run this as the user that the hub runs as") from None
    if not kept:
        return secrets.token_urlsafe(32), False
    return kept, True


def _keep(data: Path, password: str) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(data / PASSWORD_FILE, password + "\n", None)
    except OSError as error:
        raise ConfigError(
            f"{data / PASSWORD_FILE}: the password of {SCHEMA} cannot be kept ({error.strerror}); name another folder "
            "with --data, or give grafana.database.password"
        ) from None


def _source(dsn: str, section: GrafanaSection, password: str, version: int, *, timescale: bool) -> Source:
    wanted, parts = section.database, session_parameters(dsn)
    host = wanted.host or parts.get("host") or parts.get("hostaddr", "")
    if not host or host.startswith(("/", "@")) or "," in host:
        raise ConfigError("grafana.database.host: expected the host by which Grafana reaches the database")
    port = wanted.port or parts.get("port", "5432")
    sslmode = wanted.sslmode or parts.get("sslmode", "")
    if sslmode not in get_args(SslMode):
        sslmode = "disable" if host in _LOOPBACK else "require"
    return Source(
        uid=section.source_uid,
        name=section.source_name,
        address=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        user=wanted.user,
        database=wanted.name or parts.get("dbname") or parts.get("user", ""),
        sslmode=sslmode,
        password=password,
        server_version=version,
        timescale=timescale,
        connections=wanted.connections - 1,  # one is left for the log-in by which a run tries the password
        root_certificate=wanted.root_certificate,
    )
