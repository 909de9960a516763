"""``sanihub bench board``: the command, and its figures as people read them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from hub import logs
from hub.bench.board.measurement import Figures, Plan, measure
from hub.bench.telling import JsonFile, listing, tell
from hub.running import run


def board(
    minutes: Annotated[float, typer.Option(help="How long the page is watched.", min=0.1)] = 10.0,
    vehicles: Annotated[int, typer.Option(help="Vehicles on the board.", min=10, max=10_000)] = 2_000,
    period: Annotated[float, typer.Option(help="Seconds between two reports of a vehicle.", min=0.2)] = 2.0,
    patience: Annotated[float, typer.Option(help="Seconds that a reader may take nothing.", min=0.1)] = 20.0,
    json_file: JsonFile = None,
) -> None:
    """The live board in a real browser without a graphics card: clicks, frames, memory, and a reader that stalls.

    Hub, database and browser share this machine's cores. Needs Playwright and Chromium.
    """
    logs.configure("error")
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(f"{vehicles:,} vehicles", total=60 * minutes)
        plan = Plan(minutes, vehicles, period, patience)
        figures = run(measure(plan, lambda done, of: progress.update(task, completed=done, total=of)))
    console = Console()
    for made in (clicks_table(figures), table(figures), samples_table(figures)):
        console.print(made)
    tell(figures, json_file)


def clicks_table(figures: Figures) -> Table:
    """From the click to what it shows."""
    made = Table(title="clicks, ms from the input to the drawer")
    made.add_column("on")
    for name in ("clicks", "unanswered", "p50", "p95", "worst", "p95 presented"):
        made.add_column(name, justify="right")
    for one in figures.clicks:
        times = (f"{value:,.0f}" for value in (one.p50_ms, one.p95_ms, one.worst_ms, one.presented_p95_ms))
        made.add_row(one.what, str(one.count), str(one.unanswered), *times)
    return made


def table(figures: Figures) -> Table:
    """The run as people read it."""
    plan, frames, slow = figures.plan, figures.frames, figures.slow
    dropped = "not hung up on" if slow.dropped_after_s is None else f"hung up on after {slow.dropped_after_s:.0f} s"
    rows = [
        ("vehicles, each", f"{plan.vehicles:,}, {plan.period_s:g} s: {figures.reported_per_s:,.0f} reports/s"),
        ("on the map, astray at the end", f"{figures.shown:,}, {figures.astray:,}"),
        ("frames", f"p50 {frames.p50_ms:.0f} ms, p95 {frames.p95_ms:.0f} ms, p99 {frames.p99_ms:.0f} ms"),
        ("longest, over 200 ms", f"{frames.worst_ms:.0f} ms, {frames.over_200ms:,} of {frames.count:,}"),
        ("heap of the page, a minute", f"{figures.heap_mib_per_min:+.2f} MiB"),
        ("memory of the hub, a minute", f"{figures.hub_mib_per_min:+.2f} MiB"),
        ("CPU of hub, browser", f"{figures.hub_cpu_pct:.0f} %, {figures.browser_cpu_pct:.0f} % of a core"),
        ("reader that takes nothing", dropped),
        (
            "when it came back",
            f"{'resumed' if slow.resumed else 'not resumed'}, told of {slow.told:,} vehicles in "
            f"{slow.told_after_s:.1f} s, {slow.resyncs} gaps",
        ),
        ("errors of the page", f"{len(figures.errors)}"),
    ]
    return listing(f"board, {plan.minutes:g} min", rows)


def samples_table(figures: Figures) -> Table:
    """Weights and the feed along the run."""
    made = Table(title="along the run")
    columns = ("minute", "heap MiB", "page MiB", "nodes", "hub MiB", "readers", "states kept", "waiting", "in flight")
    for name in columns:
        made.add_column(name, justify="right")
    for one in figures.samples:
        feed = (one.feed.get(name, 0) for name in ("live_readers", "live_states", "live_waiting", "frames_in_flight"))
        weights = (f"{one.page.heap_mib:.1f}", f"{one.page.renderer_mib:.0f}", f"{one.page.nodes:,}")
        made.add_row(f"{one.minute:.1f}", *weights, f"{one.hub_mib:.0f}", *(f"{value:,.0f}" for value in feed))
    return made
