"""``sanihub bench api``: the command, and its figures as people read them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from hub import logs
from hub.bench.api.measurement import Fanout, Figures, Plan, measure
from hub.bench.telling import JsonFile, listing, tell
from hub.running import run


def api(
    readings: Annotated[int, typer.Option(help="Readings that are stored, of a month.", min=1_000)] = 10_000_000,
    vehicles: Annotated[int, typer.Option(help="Vehicles that report live.", min=1)] = 2_000,
    period: Annotated[float, typer.Option(help="Seconds between two reports of a vehicle.", min=0.1)] = 2.0,
    readers: Annotated[int, typer.Option(help="Readers of the live stream.", min=1, max=400)] = 20,
    seconds: Annotated[float, typer.Option(help="How long each question is asked.", min=0.2)] = 10.0,
    live_seconds: Annotated[float, typer.Option(help="How long the stream is followed.", min=0.2)] = 30.0,
    clients: Annotated[int, typer.Option(help="Who ask at once, after one alone.", min=1)] = 8,
    json_file: JsonFile = None,
) -> None:
    """The API over a month of history: newest states, series, tracks, and the fan-out of the live stream.

    Hub, database and readers share this machine's cores.
    """
    logs.configure("error")
    plan = Plan(readings, vehicles, 500, period, readers, seconds, live_seconds, clients)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(f"{readings:,} readings")

        def told(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)
            if done == of:
                progress.add_task(f"asking, about {live_seconds + 8 * seconds:.0f} s", total=None)

        figures = run(measure(plan, told))
    console = Console()
    console.print(table(figures))
    console.print(live_table(figures.live))
    tell(figures, json_file)


def table(figures: Figures) -> Table:
    """Questions and answers as people read them."""
    rows = ", ".join(f"{count:,} {name}" for name, count in figures.rows.items())
    made = Table(title=f"api: {rows}, made in {figures.fill_s:.0f} s")
    made.add_column("question")
    for name in ("at once", "1/s", "p50 ms", "p99 ms", "KiB", "failed"):
        made.add_column(name, justify="right")
    for rate in figures.rates:
        times = (f"{rate.per_s:,.0f}", f"{rate.p50_ms:.1f}", f"{rate.p99_ms:.1f}", f"{rate.bytes / 1024:,.0f}")
        made.add_row(rate.what, str(rate.clients), *times, str(rate.failed))
    return made


def live_table(live: Fanout) -> Table:
    """The live stream as people read it."""
    rows = [
        ("vehicles, each", f"{live.vehicles:,}, {live.period_s:g} s: {live.reported_per_s:,.0f} reports/s"),
        ("readers", f"{live.readers}, which got {live.states_per_s:,.0f} states/s, {live.mib_per_s:.1f} MiB/s"),
        ("states that a reader got", f"{live.fewest:,} to {live.most:,}"),
        ("reception to reader", f"p50 {live.p50_ms:.0f} ms, p99 {live.p99_ms:.0f} ms"),
        ("gaps told, streams ended", f"{live.gaps}, {live.ended}"),
        ("CPU of the hub", f"{live.cpu_pct:.0f} % of a core"),
        ("memory of the hub", f"{live.rss_mib:.0f} MiB"),
    ]
    return listing("live", rows)
