"""``sanihub doctor``: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from devices.errors import ConfigError
from hub.access import ConfigOption, DataOption, load
from hub.doctor.checks import WITHOUT_SETTINGS, examine_all
from hub.doctor.examined import Finding
from hub.running import run
from hub.settings import settings as settings_file
from hub.settings.files import stand_in
from hub.settings.settings import Settings

_EXAMPLES = """
Examples:

  sanihub doctor

  sanihub doctor --config /etc/sanihub/sanihub.toml --json
"""
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", epilog=_EXAMPLES)(doctor)


def doctor(
    json_: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Check settings, data folder, store, clock, brokers and ports. The exit code is 1 when something fails.

    Nothing is changed. An embedded database that does not run is started for the look at it.
    """
    try:
        chosen = load(config, data)
    except ConfigError as error:
        advice = "mend the file or the variable; the other checks need it"
        findings = [Finding("settings", "fail", str(error), advice), *(check() for check in WITHOUT_SETTINGS)]
    else:
        findings = [_source(config, chosen), *run(_examined(chosen))]
    failed = any(finding.state == "fail" for finding in findings)
    if json_:
        typer.echo(msgspec.json.format(msgspec.json.encode({"ok": not failed, "checks": findings})))
    else:
        Console().print(_table(findings))
    if failed:
        raise typer.Exit(1)


async def _examined(settings: Settings) -> list[Finding]:
    with Console(stderr=True).status("looking"):
        return [finding async for finding in examine_all(settings)]


def _source(config: Path | None, settings: Settings) -> Finding:
    """Which file was read, and whether others may read the passwords in it."""
    file = config or (settings_file.DEFAULT_FILE if settings_file.DEFAULT_FILE.is_file() else None)
    if file is None:
        detail = f"no {settings_file.DEFAULT_FILE} in {Path.cwd()}: defaults and SANIHUB_ variables"
        return Finding("settings", "ok", detail)
    mode = file.stat().st_mode
    if mode & 0o004 and stand_in(settings, file.read_text("utf-8")):
        advice = f"chmod 640 {file.resolve()}, with the hub's group; or keep them in files (SANIHUB_STORE__DSN_FILE)"
        return Finding(
            "settings", "warn", f"{file.resolve()}: everybody on this machine may read its passwords", advice
        )
    return Finding("settings", "ok", f"{file.resolve()}")


def _table(findings: list[Finding]) -> Table:
    table = Table("check", "", "found", "what to do")
    for finding in findings:
        state = f"[{_COLOURS[finding.state]}]{finding.state}[/]"
        table.add_row(finding.check, state, escape(finding.detail), escape(finding.advice))
    return table
