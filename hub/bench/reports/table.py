"""``sanihub bench reports``: the command, and its figures as people read them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hub import logs
from hub.bench.boards.measurement import Size
from hub.bench.reports.measurement import Figures, Made, measure
from hub.bench.telling import JsonFile, tell
from hub.running import run


def reports(
    vehicles: Annotated[int, typer.Option(help="Vehicles of the city.", min=1)] = 40,
    bins: Annotated[int, typer.Option(help="Bins.", min=1)] = 400,
    toilets: Annotated[int, typer.Option(help="Public toilets.", min=1)] = 30,
    workers: Annotated[int, typer.Option(help="Workers.", min=1)] = 60,
    json_file: JsonFile = None,
) -> None:
    """Every kind of report over a day and a week of a city: how long it takes, how large its files are, its memory."""
    logs.configure("error")
    with Console(stderr=True).status("starting") as status:
        figures = run(measure(Size(vehicles, bins, toilets, workers), told=status.update))
    Console().print(table(figures))
    tell(figures, json_file)


def table(figures: Figures) -> Table:
    """A line for each report."""
    rows = ", ".join(f"{figures.rows[name]:,} {name}" for name in ("readings", "fixes", "alerts"))
    made = Table(title=f"reports: {rows}")
    made.add_column("report")
    for name in ("days", "pieces", "made in s", "PDF s", "PDF KiB", "XLSX s", "XLSX KiB", "memory MiB"):
        made.add_column(name, justify="right")
    for one in figures.reports:
        made.add_row(one.kind, str(one.days), f"{one.pieces:,}", *cells(one))
    return made


def cells(one: Made) -> tuple[str, ...]:
    """Time to make, then time and size as PDF and XLSX, then memory."""
    files = {file.format: file for file in one.files}
    told = (cell for name in ("pdf", "xlsx") for cell in (f"{files[name].seconds:.1f}", f"{files[name].kib:,.0f}"))
    return (f"{one.seconds:.1f}", *told, f"{one.rss_mib:,.0f}")
