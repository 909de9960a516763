"""The doctor's look at the store: the server, its mode and capability, the schema, TimescaleDB's background jobs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import time_ns

from devices import instants
from devices.errors import ConfigError
from hub.doctor.examined import Examined, Finding
from hub.settings.settings import Settings
from store.connection import redacted, session_parameters
from store.facts.diagnosis import Rights, ServerFacts
from store.rollups.standing import RollupStanding
from store.schema import MIN_SERVER
from store.timescale.capability import COLUMNSTORE_SINCE, Capability, columnstore_fits
from store.timescale.jobs import Job

ROLLUP_LAG_H = 4


def check_store(examined: Examined) -> Iterable[Finding]:
    """The server: reachable, new enough, writable, durable, and which mode."""
    settings, facts = examined.settings, examined.server
    if examined.server_fault is not None:
        advice = "is the hub's folder the right one (--data), and may you read it?"
        if not settings.embedded_database:
            advice = _away_advice(settings, examined.server_fault)
        yield Finding("store", "fail", examined.server_fault, advice)
        return
    if facts is None:
        yield Finding("store", "ok", "no data yet: the embedded database is made at the first start")
        return
    where = redacted(settings.store.dsn.get_secret_value()) if examined.origin == "external" else "embedded"
    if facts.version_number < MIN_SERVER:
        yield Finding("store", "fail", f"{where}: PostgreSQL {facts.version}", "expected PostgreSQL 15 or newer")
    elif facts.read_only:
        advice = "point store.dsn at the primary server"
        yield Finding("store", "fail", f"{where}: read-only (a standby?)", advice)
    else:
        yield Finding("store", "ok", f"{where}: PostgreSQL {facts.version}")
    yield from _rights(facts.rights, made=not facts.migrations_missing)
    yield _durability(facts)
    yield _mode(settings, facts)
    yield _schema(facts)
    if facts.rollups is not None:
        yield _rollups(facts.rollups)


def _away_advice(settings: Settings, fault: str) -> str:
    """What to do about a server that did not let the hub in."""
    try:
        parts = session_parameters(settings.store.dsn.get_secret_value())
    except ConfigError:
        return "write it as postgresql://user:password@host:port/database"
    user, name = parts.get("user", "sanihub"), parts.get("dbname", "sanihub")
    for words, advice in (
        ("password authentication failed", f"the password of {user} in store.dsn is another one than the server's"),
        ("no password supplied", "store.dsn has no password: postgresql://user:password@host:port/database"),
        (f'role "{user}" does not exist', f"on the server, as postgres: createuser --pwprompt {user}"),
        (f'database "{name}" does not exist', f"on the server, as postgres: createdb --owner {user} {name}"),
        ("no pg_hba.conf entry", "let this user in from here: a line in the server's pg_hba.conf, and reload"),
        (
            "permission denied",
            f"the tables are another user's: name that one, or as postgres: GRANT <it> TO {user}",
        ),
        ("refused", "nothing listens there: check host and port in store.dsn, and that the server runs"),
        ("resolve", "no such host: check the host in store.dsn"),
    ):
        if words in fault:
            return advice
    return "check store.dsn, that the server runs, and that its pg_hba.conf lets this user in"


def _rights(rights: Rights, *, made: bool) -> Iterator[Finding]:
    """Whether the hub's user may make and fill its tables; since PostgreSQL 15 not everybody may."""
    user, name = rights.user, rights.database
    if rights.schema is None or not (rights.makes_tables and (rights.makes_schemas or made)):
        where = f"in schema {rights.schema or 'public'}" if not rights.makes_tables else f"of its own in {name}"
        what = "tables" if not rights.makes_tables else "schemas"
        advice = f"on the server, as postgres: ALTER DATABASE {name} OWNER TO {user}"
        yield Finding("rights", "fail", f"{user} may not make {what} {where}", advice)
    else:
        yield Finding("rights", "ok", f"{user} may make and fill tables")


def _durability(facts: ServerFacts) -> Finding:
    lax = [name for name, on in (("fsync", facts.fsync), ("full_page_writes", facts.full_page_writes)) if not on]
    if facts.synchronous_commit == "off":
        lax.append("synchronous_commit")
    if not lax:
        return Finding("durability", "ok", "fsync, full_page_writes and synchronous_commit are on")
    advice = (
        "what the hub has acknowledged may be lost in a power cut; set it on: ALTER SYSTEM SET ... = on, and reload"
    )
    return Finding("durability", "fail", f"{', '.join(lax)} off", advice)


def _mode(settings: Settings, facts: ServerFacts) -> Finding:
    offered = facts.timescaledb_offered
    wanted, mode = settings.store.mode, facts.mode.value if facts.mode else None
    if facts.upgrade_begun:
        advice = "sanihub store upgrade goes on where it was; until then no hub starts on this database"
        return Finding("mode", "fail", "an upgrade to TimescaleDB was interrupted", advice)
    if mode is not None and wanted not in ("auto", mode):
        advice = f"set store.mode to {mode} or auto, or use another database"
        return Finding("mode", "fail", f"store.mode is {wanted}, but this database was made in {mode} mode", advice)
    if wanted == "timescale" and offered is None:
        return Finding(
            "mode", "fail", "store.mode is timescale, but the server does not offer it", "install timescaledb"
        )
    if mode == "timescale":
        return _capability(settings, facts)
    if offered is not None and mode == "plain":
        advice = "with the hub stopped `sanihub store upgrade` takes this database to it; --dry-run tells how"
        return Finding("mode", "ok", f"plain, although TimescaleDB {offered} is offered", advice)
    return Finding("mode", "ok", mode or f"not made yet; {'TimescaleDB ' + offered if offered else 'plain'}")


def _capability(settings: Settings, facts: ServerFacts) -> Finding:
    """TimescaleDB mode: what of it may be used."""
    detail = f"timescale, TimescaleDB {facts.timescaledb_used}, capability {facts.capability.value}"
    if facts.capability is not Capability.FULL:
        advice = "columnstore and policies need the community licence: timescaledb.license = 'timescale', and a restart"
        return Finding("mode", "ok", detail, advice)
    if settings.store.columnstore_after_days and not columnstore_fits(facts.timescaledb_used):
        advice = f"update it to {'.'.join(map(str, COLUMNSTORE_SINCE))} or newer: until then no chunk is converted"
        return Finding("mode", "warn", f"{detail}, whose columnstore may lose rows that come late", advice)
    return Finding("mode", "ok", detail)


def _schema(facts: ServerFacts) -> Finding:
    if facts.migrations_missing:
        detail = f"{len(facts.migrations_missing)} migrations to come: {', '.join(facts.migrations_missing)}"
        return Finding("schema", "warn", detail, "the hub makes them when it starts")
    days = facts.partitions_ahead_days
    if days is not None and days < 1:
        advice = "the hub makes them while it runs; start it, or look into its log for maintenance"
        return Finding("schema", "warn", "up to date, but no partitions ahead", advice)
    return Finding("schema", "ok", "up to date" + ("" if days is None else f", partitions for {days:.0f} days ahead"))


def _rollups(rollups: RollupStanding) -> Finding:
    """How far the sums of hours and days have come; a hub that runs leaves an hour or two."""
    lag_h = rollups.lag_s(time_ns() // 1_000) / 3_600
    by = "TimescaleDB" if rollups.kind == "timescale" else "the hub"
    detail = f"by {by}, days of {rollups.zone}"
    if rollups.refreshed_at is not None:
        detail += f", refreshed {(time_ns() // 1_000 - rollups.refreshed_at) / 60e6:.0f} min ago"
    if lag_h > ROLLUP_LAG_H:
        advice = "boards are right and slow meanwhile; the hub sums up what is left while it runs"
        return Finding("rollups", "warn", f"{detail}; {lag_h:,.0f} h are not summed up", advice)
    dirty = f"; {rollups.dirty:,} hours of devices to be summed up again" if rollups.dirty else ""
    return Finding("rollups", "ok", detail + dirty)


def check_jobs(examined: Examined) -> Iterator[Finding]:
    """TimescaleDB's background jobs: those that fail or do not begin; one line when all is well."""
    facts = examined.server
    if facts is None or facts.capability is not Capability.FULL:
        return
    troubled = [job for job in facts.jobs if job.failing or job.overdue]
    for job in troubled:
        yield _trouble(job)
    waiting = [held for held in facts.holdings if held.waiting]
    if waiting and not any(job.overdue for job in troubled):
        told = ", ".join(f"{held.waiting} of {held.table}" for held in waiting)
        detail = f"chunks that should be in the columnstore and are not: {told}"
        yield Finding("background jobs", "warn", detail, _WORKERS)
    elif not troubled and facts.jobs:
        ran = sum(job.succeeded_at is not None for job in facts.jobs)
        yield Finding("background jobs", "ok", f"{len(facts.jobs)} on the hub's tables, {ran} of them have run")


_WORKERS = (
    "do the background workers run? timescaledb.max_background_workers and max_worker_processes must have room for one"
    " a database and one a job, and timescaledb.restoring must be off; the server's log says more"
)


def _trouble(job: Job) -> Finding:
    name = f"job {job.id}, {job.procedure} on {job.table}"
    if job.failing:
        good = "never" if job.succeeded_at is None else f"last at {instants.to_iso(job.succeeded_at)}"
        reason = job.error or "no reason is kept"
        detail = f"{name} failed ({job.failures} of {job.runs} runs; a good run {good}): {reason}"
        advice = f"mend what it says; then `SELECT alter_job({job.id}, next_start => now())` has it run at once"
        return Finding("background jobs", "warn", detail, advice)
    assert job.next_at is not None
    return Finding("background jobs", "warn", f"{name} should have begun at {instants.to_iso(job.next_at)}", _WORKERS)
