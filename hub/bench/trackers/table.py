"""``sanihub bench trackers``: what the fleet's live trackers cost a message."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from hub import logs
from hub.bench.telling import JsonFile, tell
from hub.bench.trackers import cost as tracker_cost
from hub.bench.trackers import speed as tracker_speed
from hub.running import run


class Figures(msgspec.Struct, omit_defaults=True):
    """All that was measured; what was left out is None."""

    cost: tracker_cost.Cost
    speed: tracker_speed.Speed | None = None


def trackers(
    seed: Annotated[int, typer.Option(help="Seed of the simulated city.")] = 3,
    hours: Annotated[float, typer.Option(help="Simulated hours.", min=0.5, max=168)] = 12.0,
    vehicles: Annotated[int, typer.Option(help="Vehicles with their rounds.", min=1, max=500)] = 20,
    workers: Annotated[int, typer.Option(help="Workers with their posts.", min=0, max=500)] = 10,
    hub: Annotated[bool, typer.Option(help="Flood a hub with and without them too.")] = True,
    devices: Annotated[int, typer.Option(help="Devices of the floods.", min=1)] = 20_000,
    messages: Annotated[int, typer.Option(help="Messages of each flood.", min=1_000)] = 100_000,
    rounds: Annotated[int, typer.Option(help="Rounds of each measurement.", min=1)] = 3,
    json_file: JsonFile = None,
) -> None:
    """What the live trackers cost a message: part by part beside decoding, and in a hub with and without them."""
    logs.configure("error")
    console, waiting = Console(), Console(stderr=True)
    with waiting.status(f"{hours:g} h of {vehicles} vehicles and {workers} workers, {rounds} times"):
        figures = Figures(tracker_cost.measure(seed, hours, vehicles, workers, rounds))
    console.print(cost_table(figures.cost))
    if hub:
        with waiting.status(f"{2 * rounds} floods of {messages:,} messages from {devices:,} devices"):
            figures.speed = run(tracker_speed.measure(messages, devices, rounds))
        console.print(speed_table(figures.speed))
    tell(figures, json_file)


def cost_table(found: tracker_cost.Cost) -> Table:
    """The cost of the parts as people read it."""
    made = Table(title=f"trackers, {found.messages:,} messages of {found.devices} devices", show_header=False)
    for part, value in found.parts_us.items():
        made.add_row(part, f"{value:.1f} µs a message")
    made.add_row("messages a second, trackers alone", f"{found.messages_per_s:,}")
    made.add_row("with trackers to without", f"{found.ratio:.2f}")
    return made


def speed_table(found: tracker_speed.Speed) -> Table:
    """The cost in a hub as people read it."""
    made = Table(title=f"trackers in a hub, {found.devices:,} devices of all kinds", show_header=False)
    made.add_row("with trackers", ", ".join(f"{rate:,.0f}" for rate in found.with_trackers) + " msg/s")
    made.add_row("without", ", ".join(f"{rate:,.0f}" for rate in found.without) + " msg/s")
    made.add_row("ratio of the medians", f"{found.ratio:.2f}")
    for name, used in (("with", found.cpu_us), ("without", found.cpu_without_us)):
        made.add_row(f"CPU a message, {name}", ", ".join(f"{part} {value:.0f} µs" for part, value in used.items()))
    made.add_row("ratio of the hub's CPU", f"{found.cpu_ratio:.2f}")
    made.add_row("load of the machine over 1, 5, 15 min", ", ".join(map(str, found.load)))
    return made
