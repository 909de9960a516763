"""``sanihub bench jt808``: the command, and its figures as people read them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hub import logs
from hub.bench.jt808.measurement import Figures, Latency, Plan, measure
from hub.bench.telling import JsonFile, listing, tell
from hub.running import run


def jt808(
    terminals: Annotated[int, typer.Option(help="Terminals that are connected.", min=2)] = 5_000,
    period: Annotated[float, typer.Option(help="Seconds between two positions of a terminal.", min=0.1)] = 10.0,
    seconds: Annotated[float, typer.Option(help="Length of the steady phase.", min=1)] = 60.0,
    away: Annotated[int, typer.Option(help="Terminals that go away and come back at once.", min=1)] = 500,
    backlog: Annotated[int, typer.Option(help="Positions that each of them brings.", min=1)] = 180,
    json_file: JsonFile = None,
) -> None:
    """JT/T 808: terminals register, authenticate and report; some come back with a backlog at once.

    Terminals, hub and database share this machine's cores. The terminals connect from 127.0.0.2 and on.
    """
    logs.configure("warning")
    plan = Plan(terminals, period, max(1, round(period)), seconds, min(away, terminals), backlog=backlog)
    with Console(stderr=True).status(f"{terminals:,} terminals, about {seconds + 90:.0f} s"):
        figures = run(measure(plan))
    Console().print(table(figures))
    tell(figures, json_file)


def table(figures: Figures) -> Table:
    """The figures as people read them."""
    rows = [
        ("terminals, connections open", f"{figures.terminals:,}, {figures.connections:,}"),
        ("all registered and authenticated after", f"{figures.entered_s:.1f} s"),
        ("steady", f"{figures.positions_per_s:,.0f} positions/s"),
        ("position to reply, steady", _latency(figures.steady)),
        (f"the same beside {figures.strangers} bad peers", _latency(figures.with_strangers)),
        ("the same during the storm", _latency(figures.in_storm)),
        (
            "storm",
            f"{figures.storm_terminals:,} terminals with {figures.storm_positions:,} positions: back after "
            f"{figures.storm_back_s:.1f} s, stored after {figures.storm_stored_s:.1f} s",
        ),
        (
            f"as fast as answered, {figures.flood_terminals:,} terminals with {figures.flood_window} each",
            f"{figures.flood_positions_per_s:,.0f} positions/s, {_latency(figures.in_flood)}",
        ),
        ("sent, acknowledged, stored", f"{figures.sent:,}, {figures.acknowledged:,}, {figures.stored:,}"),
        ("stored twice, refused", f"{figures.stored_twice}, {figures.refused}"),
        ("bad peers cut off", f"{figures.strangers_cut_off} of {figures.strangers}"),
        ("memory of the hub", ", ".join(f"{phase} {mib:.0f} MiB" for phase, mib in figures.rss_mib.items())),
        ("CPU of the hub", ", ".join(f"{phase} {share:.0f} %" for phase, share in figures.cpu_percent.items())),
    ]
    return listing("jt808", rows)


def _latency(latency: Latency) -> str:
    return f"p50 {latency.p50_ms:.0f} ms, p99 {latency.p99_ms:.0f} ms, longest {latency.max_ms:.0f} ms"
