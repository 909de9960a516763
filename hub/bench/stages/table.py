"""``sanihub bench stages``: where the hub's time goes behind the transport."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hub import logs
from hub.bench.stages.measurement import Stages, measure
from hub.bench.telling import JsonFile, listing, tell
from hub.running import run


def stages(
    devices: Annotated[int, typer.Option(help="Devices.", min=10)] = 20_000,
    messages: Annotated[int, typer.Option(help="Messages of each run.", min=100)] = 100_000,
    batch: Annotated[int, typer.Option(help="Messages of a batch.", min=1, max=4_000)] = 2_000,
    rounds: Annotated[int, typer.Option(help="Runs with trackers and rules, and as many without.", min=1)] = 3,
    mixed: Annotated[bool, typer.Option(help="Devices of all kinds; else of none, which few rules look at.")] = True,
    json_file: JsonFile = None,
) -> None:
    """The CPU that a message takes in each part of the hub behind the transport, the database at work."""
    logs.configure("error")
    with Console(stderr=True).status(f"{2 * rounds} times {messages:,} messages of {devices:,} devices"):
        figures = run(measure(messages, devices, batch, rounds, mixed=mixed))
    Console().print(stages_table(figures))
    tell(figures, json_file)


def stages_table(found: Stages) -> Table:
    """The figures as people read them."""
    rows = [(part, f"{value:.1f} µs") for part, value in found.parts_us.items()]
    rows += [
        ("together", f"{found.with_us:.1f} µs a message"),
        ("without trackers and rules", f"{found.without_us:.1f} µs"),
        ("memory, devices not yet heard", f"{found.rss_before_mib:.0f} MiB"),
        ("memory at the end", f"{found.rss_mib:.0f} MiB"),
    ]
    kinds = "all kinds" if found.mixed else "no kind"
    return listing(f"stages, {found.devices:,} devices of {kinds}, {found.rules} rules", rows)
