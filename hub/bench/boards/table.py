"""``sanihub bench boards``: the command, and its figures as people read them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from hub import logs
from hub.bench.boards.measurement import LIMIT_MS, Answer, Figures, Size, measure
from hub.running import run


def boards(
    vehicles: Annotated[int, typer.Option(help="Vehicles of the city.", min=1)] = 40,
    bins: Annotated[int, typer.Option(help="Bins.", min=1)] = 400,
    toilets: Annotated[int, typer.Option(help="Public toilets.", min=1)] = 30,
    workers: Annotated[int, typer.Option(help="Workers.", min=1)] = 60,
    dsn: Annotated[str, typer.Option(help="An empty database to do it in; else one of its own.")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")] = None,
) -> None:
    """Every query of every Grafana board over a week of a city: how long its answers take.

    Database and bench share this machine's cores.
    """
    logs.configure("error")
    size = Size(vehicles, bins, toilets, workers)
    with Console(stderr=True).status("starting") as status:
        figures = run(measure(size, dsn, status.update))
    console = Console()
    console.print(table(figures))
    console.print(slowest_table(figures))
    encoded = msgspec.json.format(msgspec.json.encode(figures), indent=2).decode()
    if json_file is not None:
        json_file.write_text(encoded + "\n", "utf-8")
    typer.echo(f"{len(figures.over)} of {len(figures.answers)} took {LIMIT_MS:g} ms or longer")


def table(figures: Figures) -> Table:
    """A line for each board."""
    rows = ", ".join(f"{figures.rows[name]:,} {name}" for name in ("readings", "fixes", "alerts"))
    made = Table(title=f"boards: {rows}")
    made.add_column("board")
    for name in ("questions", "median ms", "slowest median ms", "worst ms"):
        made.add_column(name, justify="right")
    for board in dict.fromkeys(one.board for one in figures.answers):
        of_it = [one for one in figures.answers if one.board == board]
        medians = sorted(one.median_ms for one in of_it)
        shown = (medians[len(medians) // 2], medians[-1], max(one.worst_ms for one in of_it))
        made.add_row(board, str(len(of_it)), *(f"{value:,.0f}" for value in shown))
    return made


def slowest_table(figures: Figures, most: int = 12) -> Table:
    """The slowest questions."""
    made = Table(title="the slowest")
    for name in ("board", "question", "chosen"):
        made.add_column(name)
    for name in ("days", "rows", "median ms", "worst ms"):
        made.add_column(name, justify="right")
    slowest: list[Answer] = sorted(figures.answers, key=lambda one: -one.worst_ms)[:most]
    for one in slowest:
        numbers = (f"{one.days:g}", f"{one.rows:,}", f"{one.median_ms:,.0f}", f"{one.worst_ms:,.0f}")
        made.add_row(one.board, one.where, one.chosen, *numbers)
    return made
