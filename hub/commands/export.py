"""``sanihub export``: master data of the fleet, written as ``sanihub import`` reads it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from time import time_ns
from typing import Annotated, Literal

import msgspec
import typer

from devices import instants
from devices.errors import ConfigError
from fleet.exporting.documents import to_geojson, to_tables, to_yaml
from fleet.master.collection import Master
from hub.access import ConfigOption, DataOption, load, open_reads
from hub.running import run
from hub.settings.settings import Settings
from store.fleet.master import FIRST, LAST, FleetMaster

FAR = 4_102_444_800_000_000  #: µs, the year 2100: no route is in force from then on only

app = typer.Typer(no_args_is_help=True, help="Write what is stored, as `sanihub import` reads it.")


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.add_typer(app, name="export")


@app.callback()
def export() -> None:
    """Write what is stored, as `sanihub import` reads it."""


@app.command("fleet")
def fleet(
    form: Annotated[
        Literal["yaml", "geojson", "csv"],
        typer.Option("--format", help="yaml: everything; geojson: what lies on a map; csv: a folder of tables."),
    ] = "yaml",
    at: Annotated[str | None, typer.Option(help="Routes and areas as in force at this instant; else now.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First date of the plans, as 2026-11-24.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last date of the plans.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File (of csv: folder); else printed.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Write routes, places, areas, crews, workers, shifts and plans. To import them again changes nothing."""
    settings = load(config, data)
    if form == "csv" and output is None:
        raise ConfigError("--output: csv is several tables; name a folder for them")
    try:
        instant = time_ns() // 1_000 if at is None else instants.parse(at)
    except ValueError as error:
        raise ConfigError(f"--at: {error}") from None
    master = run(_read(settings, instant, _date("--from", first, FIRST), _date("--to", last, LAST)))
    if form == "csv":
        assert output is not None
        _write_tables(output, to_tables(master))
        return
    text = to_geojson(master) if form == "geojson" else to_yaml(master)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{output}: {error.strerror}") from None


async def _read(settings: Settings, at: int, first: date, last: date) -> Master:
    async with open_reads(settings) as (session, _):
        reader = FleetMaster(session)
        master = await reader.master(at, first, last)
        # Routes of single shifts have ended, and their plans would name what is not there.
        named = {one.route for one in master.plans if one.route is not None} - {one.id for one in master.routes}
        ended = {one.id: one for one in await reader.routes_between(0, FAR, sorted(named))} if named else {}
        return msgspec.structs.replace(master, routes=(*master.routes, *ended.values()))


def _write_tables(folder: Path, tables: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in tables.items():
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}") from None


def _date(option: str, text: str | None, default: date) -> date:
    if text is None:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option}: expected a date such as 2026-11-24, got {text!r}") from None
