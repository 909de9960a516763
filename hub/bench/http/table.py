"""``sanihub bench http``: the command, and its figures as people read them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hub import logs
from hub.bench.http.measurement import CASES, Figures, measure
from hub.bench.telling import JsonFile, tell
from hub.running import run


def http(
    seconds: Annotated[float, typer.Option(help="How long each case is posted.", min=0.2)] = 10.0,
    json_file: JsonFile = None,
) -> None:
    """HTTP posts to committed rows: single messages and arrays, by one and by many connections that are kept.

    Posters, hub and database share this machine's cores.
    """
    logs.configure("error")
    with Console(stderr=True).status(f"{len(CASES)} cases, {seconds:g} s each"):
        figures = run(measure(seconds))
    Console().print(table(figures))
    tell(figures, json_file)


def table(figures: Figures) -> Table:
    """The cases as people read them."""
    made = Table(title=f"http posts, answered after the commit; the hub had {figures.rss_mib:.0f} MiB")
    for name in ("connections", "messages a post"):
        made.add_column(name, justify="right")
    for name in ("posts/s", "msg/s", "p50 ms", "p99 ms", "failed", "answered, stored", "CPU µs a message"):
        made.add_column(name, justify="right")
    for one in figures.rates:
        used = ", ".join(f"{name} {value:.0f}" for name, value in one.cpu_us.items())
        counts = (str(one.failed), f"{one.answered:,}, {one.stored:,}")
        rates = (f"{one.requests_per_s:,.0f}", f"{one.messages_per_s:,.0f}", f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}")
        made.add_row(str(one.connections), str(one.batch), *rates, *counts, used)
    return made
