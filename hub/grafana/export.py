"""``sanihub dashboards export``: the boards as files, for a Grafana that takes what it shows from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import typer

from devices.errors import ConfigError

_EXAMPLES = """
Writes dashboards/<language>/<topic>.json and provisioning/ with the data source and the providers. Give Grafana
SANIHUB_BOARDS (that folder), SANIHUB_DATABASE (host:port), SANIHUB_DATABASE_NAME, SANIHUB_DATABASE_SSLMODE,
SANIHUB_BOARDS_USER and SANIHUB_BOARDS_PASSWORD. See docs/dashboards.md.

Example:

  sanihub dashboards export /srv/boards --lang zh --board-address https://hub.example
"""


def register(group: typer.Typer) -> None:
    """Add the command to those of ``sanihub dashboards``."""
    group.command("export", epilog=_EXAMPLES)(export)


def export(
    folder: Annotated[Path, typer.Argument(help="Where to write; made if it is not there.")],
    lang: Annotated[Literal["zh", "en", "both"], typer.Option(help="Language of the boards.")] = "both",
    board_address: Annotated[str, typer.Option(help="Address of the live board, for links; else none.")] = "",
    datasource: Annotated[str, typer.Option(help="Uid of the data source.")] = "sanihub",
    timescaledb: Annotated[
        bool, typer.Option("--timescaledb/--plain", help="Whether the hub's database has TimescaleDB.")
    ] = False,
) -> None:
    """Write the boards as files. What is there already as it would be written is left: a second run changes nothing."""
    from dashboards import LANGUAGES, boards  # the SDK takes a second to come
    from dashboards.parts.provisioning import files

    address = checked_address(board_address)
    if not 1 <= len(datasource) <= 40 or not datasource.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(f"--datasource: expected 1 to 40 letters, digits, - and _, got {datasource!r}")
    languages = LANGUAGES if lang == "both" else (lang,)
    made = files({one: boards(one, address, datasource) for one in languages}, datasource, timescaledb=timescaledb)
    changed = sum(_written(folder / name, text) for name, text in made.items())
    typer.echo(f"{folder}: {len(made)} files, {changed} of them new or changed")


def checked_address(address: str) -> str:
    """The origin of the live board, without a slash at its end. Raises ConfigError where it is none."""
    parts = urlsplit(address)
    usual = parts.scheme in ("http", "https") and parts.netloc and "@" not in parts.netloc
    if address and (not usual or parts.query or parts.fragment or "$" in address):
        raise ConfigError(f"--board-address: expected an address such as https://hub.example, got {address!r}")
    return address.rstrip("/")


def _written(path: Path, text: str) -> bool:
    """Write a file whole or not at all; whether it was not there just so. Raises ConfigError."""
    content = text.encode()
    try:
        if path.is_file() and path.read_bytes() == content:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.new")
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    return True
