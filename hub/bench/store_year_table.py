"""``sanihub bench store-year``: the command, and its figures as people read them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from hub import logs
from hub.bench.store_year import Figures, Plan, measure
from hub.running import run

MIB = 2**20


def store_year(
    bins: Annotated[int, typer.Option(help="Bins: three metrics each 15 minutes.", min=1)] = 40,
    vehicles: Annotated[int, typer.Option(help="Vehicles: two metrics each 3 minutes.", min=1)] = 20,
    toilets: Annotated[int, typer.Option(help="Toilets: a gas sensor each 10 seconds.", min=1)] = 1,
    days: Annotated[int, typer.Option(help="Days of history.", min=180, max=700)] = 365,
    times: Annotated[int, typer.Option(help="How often each series is read.", min=1)] = 21,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")] = None,
) -> None:
    """A year of readings in plain mode: sizes, a month by hours from sums and from readings, and retention."""
    logs.configure("error")
    plan = Plan(bins, vehicles, toilets, days, times)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(f"{days} days")

        def told(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)
            if done == of:
                progress.add_task("summing up and asking", total=None)

        figures = run(measure(plan, told))
    console = Console()
    for table in (sizes(figures), series(figures), retention(figures)):
        console.print(table)
    encoded = msgspec.json.format(msgspec.json.encode(figures), indent=2).decode()
    typer.echo(encoded)
    if json_file is not None:
        json_file.write_text(encoded + "\n", "utf-8")


def sizes(figures: Figures) -> Table:
    """Rows and sizes as people read them."""
    year = figures.year
    made = Table(title=f"a year: made in {figures.fill_s:.0f} s, summed up in {figures.sum_up_s:.0f} s")
    made.add_column("")
    for name in ("rows", "MiB", "bytes a row", "of the readings"):
        made.add_column(name, justify="right")
    for name, rows, size in (
        ("readings", year.rows, year.bytes),
        ("sums of hours", year.hour_rows, year.hour_bytes),
        ("sums of days", year.day_rows, year.day_bytes),
    ):
        made.add_row(name, f"{rows:,}", f"{size / MIB:,.1f}", f"{size / max(1, rows):.0f}", f"{size / year.bytes:.1%}")
    return made


def series(figures: Figures) -> Table:
    """The series as people read them."""
    made = Table(title="a month by hours of one metric, medians")
    made.add_column("a reading each")
    for name in ("readings", "buckets", "sums ms", "readings ms", "times faster"):
        made.add_column(name, justify="right")
    for one in figures.series:
        times = (f"{one.sums_ms:.2f}", f"{one.readings_ms:.2f}", f"{one.ratio:.1f}")
        made.add_row(one.every, f"{one.readings:,}", str(one.buckets), *times)
    return made


def retention(figures: Figures) -> Table:
    """Retention as people read it."""
    one = figures.retention
    made = Table(title=f"retention of {one.days} days", show_header=False)
    rows = [
        ("partitions dropped", str(one.partitions)),
        ("readings before, after", f"{one.rows_before:,}, {one.rows_after:,}"),
        ("younger than the limit before, after", f"{one.young_before:,}, {one.young_after:,}"),
        ("age of the oldest that is left", f"{one.oldest_days:.1f} days"),
        ("sums of hours", "the same" if one.sums_same else "CHANGED"),
        ("a month whose readings are gone", f"{one.old_month_buckets} buckets"),
    ]
    for name, value in rows:
        made.add_row(name, value)
    return made
