"""``sanihub dashboards publish``: data source, folders and boards brought into a running Grafana."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from devices.errors import ConfigError
from hub.access import ConfigOption, DataOption, load
from hub.grafana.settings import GrafanaSection
from hub.running import run

_EXAMPLES = """
The token of a service account comes from SANIHUB_GRAFANA__TOKEN or from a file, never from the command line, where
every user of the machine could read it. See docs/dashboards-publish.md.

Examples:

  SANIHUB_GRAFANA__TOKEN=... sanihub dashboards publish --url https://grafana.example --dry-run

  sanihub dashboards publish --url https://grafana.example --token-file /etc/sanihub/grafana.token --lang zh
"""


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
    if section.verify is False:
        typer.secho("warning: the certificate of Grafana is not checked", err=True, fg="yellow")
    from hub.grafana.bringing import bring  # boards and client take a while to load, and every command loads this

    fault = run(bring(settings, section, dry_run=dry_run, resend_password=resend_password))
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
