"""``sanihub bench store-year``: the command, and its figures as people read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from hub import logs
from hub.bench.store_year.figures import Figures, Measured, Plan, Timescale
from hub.bench.store_year.measurement import Told, measure
from hub.bench.store_year.timescale import measure_on_server
from hub.bench.telling import JsonFile, listing, tell
from hub.running import run

MIB = 2**20
NOT_MEASURED = (
    "TimescaleDB was not measured: name a server that offers it with --timescale postgresql://user@host:port/database"
)
Server = Annotated[
    str | None,
    typer.Option(
        metavar="DSN",
        help="Make the year in TimescaleDB too: a server that offers it, and a user who may create databases there. "
        "A password is better in PGPASSFILE than here, where others see it.",
    ),
]


def store_year(
    bins: Annotated[int, typer.Option(help="Bins: three metrics each 15 minutes.", min=1)] = 40,
    vehicles: Annotated[int, typer.Option(help="Vehicles: two metrics each 3 minutes.", min=1)] = 20,
    toilets: Annotated[int, typer.Option(help="Toilets: a gas sensor each 10 seconds.", min=1)] = 1,
    days: Annotated[int, typer.Option(help="Days of history.", min=180, max=700)] = 365,
    times: Annotated[int, typer.Option(help="How often each series is read.", min=1)] = 21,
    timescale: Server = None,
    json_file: JsonFile = None,
) -> None:
    """A year of readings: sizes, a month by hours from sums and from readings, and retention.

    In plain mode in the embedded PostgreSQL, and with --timescale in a fresh database of that server too, before and
    after its old chunks went to the columnstore.
    """
    logs.configure("error")
    plan = Plan(bins, vehicles, toilets, days, times)
    with Progress(console=Console(stderr=True)) as progress:
        figures = run(_measure(plan, timescale, progress))
    console = Console()
    for part in parts(figures):
        console.print(part)
    tell(figures, json_file)


async def _measure(plan: Plan, server: str | None, progress: Progress) -> Figures:
    """TimescaleDB first: what is wrong with the server is told before the other year is made."""
    timescale = None
    if server is not None:
        timescale = await measure_on_server(server, plan, _told(progress, f"{plan.days} days, TimescaleDB"))
    figures = await measure(plan, _told(progress, f"{plan.days} days"))
    figures.timescale = timescale
    return figures


def _told(progress: Progress, what: str) -> Told:
    task = progress.add_task(what)

    def told(done: int, of: int) -> None:
        progress.update(task, completed=done, total=of)
        if done == of:
            progress.add_task("summing up and asking", total=None)

    return told


def parts(figures: Figures) -> Iterator[Table | str]:
    """All tables in their order, and where TimescaleDB was not measured a line that says so."""
    yield from (sizes(figures, "plain"), series(figures, "plain"), retention(figures, "plain"))
    if (made := figures.timescale) is None:
        yield NOT_MEASURED
        return
    where = f"TimescaleDB {made.version}"
    yield from (sizes(made, where), conversion(made), series(made, where), retention(made, where))


def sizes(figures: Measured, where: str) -> Table:
    """Rows and sizes as people read them, of all readings as rows."""
    year = figures.year
    made = Table(title=f"a year, {where}: made in {figures.fill_s:.0f} s, summed up in {figures.sum_up_s:.0f} s")
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


def series(figures: Measured, where: str) -> Table:
    """The series as people read them."""
    made = Table(title=f"a month by hours of one metric, {where}, medians")
    made.add_column("a reading each")
    for name in ("readings", "buckets", "sums ms", "readings ms", "times faster"):
        made.add_column(name, justify="right")
    for one in figures.series:
        times = (f"{one.sums_ms:.2f}", f"{one.readings_ms:.2f}", f"{one.ratio:.1f}")
        made.add_row(one.every, f"{one.readings:,}", str(one.buckets), *times)
    return made


def conversion(made: Timescale) -> Table:
    """The columnstore as people read it."""
    one, count = made.conversion, made.year.rows
    rows = [
        ("chunks, of these converted", f"{one.chunks}, {one.converted}"),
        ("converted in", f"{one.took_s:.1f} s"),
        ("readings before, after", f"{count:,}, {one.rows_after:,}"),
        ("MiB before, after", f"{one.bytes_before / MIB:,.1f}, {one.bytes_after / MIB:,.1f}"),
        ("bytes a reading before, after", f"{one.bytes_before / count:.1f}, {one.bytes_after / count:.1f}"),
        ("times smaller", f"{one.ratio:.1f}"),
    ]
    return listing("chunks that have ended, to the columnstore", rows)


def retention(figures: Measured, where: str) -> Table:
    """Retention as people read it."""
    one = figures.retention
    dropped = "chunks dropped" if isinstance(figures, Timescale) else "partitions dropped"
    rows = [
        (dropped, str(one.partitions)),
        ("readings before, after", f"{one.rows_before:,}, {one.rows_after:,}"),
        ("younger than the limit before, after", f"{one.young_before:,}, {one.young_after:,}"),
        ("age of the oldest that is left", f"{one.oldest_days:.1f} days"),
        ("sums of hours", "the same" if one.sums_same else "CHANGED"),
        ("a month whose readings are gone", f"{one.old_month_buckets} buckets"),
    ]
    return listing(f"retention of {one.days} days, {where}", rows)
