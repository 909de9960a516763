"""``sanihub dashboards publish``: data source, folders and boards brought into a running Grafana."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from grafana_client.api import GrafanaApi
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import dashboards
from dashboards import publishing
from dashboards.publishing import Board, Folder, GrafanaError, Plan, Source, Step, Wanted
from devices.errors import ConfigError, SanihubError, TransientError
from hub.access import ConfigOption, DataOption, load, open_store
from hub.grafana.reader import Reader, prepare
from hub.grafana.settings import GrafanaSection
from hub.running import run
from hub.settings import Settings

_EXAMPLES = """
The token of a service account comes from SANIHUB_GRAFANA__TOKEN or from a file, never from the command line, where
every user of the machine could read it. See docs/dashboards-publish.md.

Examples:

  SANIHUB_GRAFANA__TOKEN=... sanihub dashboards publish --url https://grafana.example --dry-run

  sanihub dashboards publish --url https://grafana.example --token-file /etc/sanihub/grafana.token --lang zh
"""
_OLDEST = 11  #: the first Grafana that is meant
_LOOKS = {"create": "green", "change": "yellow", "leave": "dim"}
_MARKS = {"create": "+ create", "change": "~ change", "leave": "= leave"}


def register(group: typer.Typer) -> None:
    """Add the command to those of ``sanihub dashboards``."""
    group.command("publish", epilog=_EXAMPLES)(publish)


def publish(
    url: Annotated[str | None, typer.Option(help="Address of Grafana.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="File with the token of a service account.")] = None,
    lang: Annotated[str | None, typer.Option(help="Language of the boards: zh, en or both.")] = None,
    org: Annotated[int | None, typer.Option(min=1, help="Organisation of Grafana; else that of the token.")] = None,
    ca: Annotated[Path | None, typer.Option(help="Authority of Grafana's certificate (PEM).")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Do not check Grafana's certificate.")] = False,
    board_address: Annotated[str | None, typer.Option(help="Address of the live board, for links.")] = None,
    database_host: Annotated[str | None, typer.Option(help="Host of the database as Grafana sees it.")] = None,
    database_port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Its port.")] = None,
    resend_password: Annotated[
        bool, typer.Option("--resend-password", help="Send the password again, as after a change in Grafana.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Bring data source, folders and boards into Grafana, and make the role that it reads the database as.

    What is there as wanted is left, so a second run changes nothing. Nothing is deleted. The exit code is 1 when
    Grafana has all of it and does not reach the database.
    """
    settings = load(config, data)
    given: dict[str, Any] = {"url": url, "language": lang, "organisation": org, "ca": ca}
    given |= {"board_address": board_address, "token_file": token_file}
    section = over(settings.grafana, given, {"host": database_host, "port": database_port}, insecure=insecure)
    if not section.url:
        raise ConfigError("grafana.url: expected the address of Grafana; give --url or set it")
    address = publishing.Address(
        section.url, section.secret_token(), section.organisation, section.trusted(), section.timeout_s
    )
    if section.verify is False:
        typer.secho("warning: the certificate of Grafana is not checked", err=True, fg="yellow")
    fault = run(_publish(settings, section, address, dry_run=dry_run, resend_password=resend_password))
    if fault is not None:
        typer.secho(f"sanihub: Grafana does not reach the database: {fault}", err=True, fg="red")
        typer.secho("look at grafana.database.host, port and sslmode, as seen from Grafana", err=True)
        raise typer.Exit(1)


def over(section: GrafanaSection, given: dict[str, Any], database: dict[str, Any], *, insecure: bool) -> GrafanaSection:
    """The settings with what was given on the command line over them. Raises ConfigError."""
    merged = section.model_dump() | {name: value for name, value in given.items() if value is not None}
    if given.get("token_file") is not None:
        merged["token"] = None
    if insecure:
        merged["verify"] = False
    merged["database"] |= {name: value for name, value in database.items() if value is not None}
    try:
        return GrafanaSection.model_validate(merged)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        lines = [f"{'.'.join(('grafana', *(str(part) for part in one['loc'])))}: {one['msg']}" for one in faults]
        raise ConfigError("\n".join(lines)) from None


def wanted_boards(section: GrafanaSection) -> tuple[Board, ...]:
    """The boards of the languages that were asked for, each language in a folder of its own."""
    return tuple(
        Board(Folder(f"sanihub-{language}", board["folder"]), board["dashboard"])
        for language in section.languages()
        for board in dashboards.boards(language, section.board_address, section.source_uid)
    )


async def _publish(
    settings: Settings, section: GrafanaSection, address: publishing.Address, *, dry_run: bool, resend_password: bool
) -> str | None:
    boards, console = wanted_boards(section), Console()
    with _translated(), publishing.connect(address) as api:
        # A wrong address or token is told before anything is done to the database; health alone asks for no token.
        found = await asyncio.to_thread(publishing.version, api)
        await asyncio.to_thread(publishing.admitted, api, section.source_uid)
        console.print(f"Grafana {found} at {section.url}", highlight=False)
        if (major := found.partition(".")[0]).isdecimal() and int(major) < _OLDEST:
            typer.secho(f"warning: Grafana {found} is older than what the boards are made for ({_OLDEST})", err=True)
        async with open_store(settings) as access:
            reader = await prepare(access, settings, section, dry_run=dry_run)
            _tell_role(console, section, reader, dry_run=dry_run)
            bring = partial(_bring, console, api, reader.source, boards, dry_run=dry_run, resend=resend_password)
            return await asyncio.to_thread(bring)


def _bring(
    console: Console, api: GrafanaApi, source: Source, boards: tuple[Board, ...], *, dry_run: bool, resend: bool
) -> str | None:
    message = f"sanihub {version('sanihub')}: dashboards publish"
    plan = publishing.plan(api, Wanted(source, boards), message=message, resend_password=resend)
    console.print(_table(plan))
    for uid in plan.strangers:
        console.print(f"{escape(uid)} lies in a folder of these boards and is none of them: left", highlight=False)
    if dry_run:
        console.print(f"{len(plan.to_do)} changes would be made, none was", highlight=False)
        return None
    publishing.carry_out(api, plan)
    console.print(f"{len(plan.to_do)} changes made, {len(plan.steps) - len(plan.to_do)} left", highlight=False)
    return publishing.source_fault(api, source.uid)


def _table(plan: Plan) -> Table:
    table = Table("", "what", "uid", "title", "differs in")
    for step in plan.steps:
        table.add_row(*(f"[{_LOOKS[step.does]}]{escape(cell)}[/]" for cell in _cells(step)))
    return table


def _cells(step: Step) -> tuple[str, ...]:
    return _MARKS[step.does], step.what, step.uid, step.title, ", ".join(step.differing)


def _tell_role(console: Console, section: GrafanaSection, reader: Reader, *, dry_run: bool) -> None:
    name = section.database.user
    if reader.did:
        done = "would be brought" if dry_run else "was brought"
        console.print(f"role {name}: {done} to what it should be ({'; '.join(reader.did)})", highlight=False)
    else:
        console.print(f"role {name}: as it should be", highlight=False)
    for one in reader.may_too:
        typer.secho(f"warning: the role {name} may also {one}; REVOKE it, from PUBLIC if need be", err=True)


@contextmanager
def _translated() -> Iterator[None]:
    """Grafana's refusals as the hub's errors."""
    try:
        yield
    except publishing.AwayError as error:
        raise TransientError(f"grafana: {error}") from None
    except GrafanaError as error:
        raise SanihubError(f"grafana: {error}") from None
