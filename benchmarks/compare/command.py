"""``python -m benchmarks compare``: the command, and its figures as people read them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.compare import brokers
from benchmarks.compare.contenders import BARE
from benchmarks.compare.figures import Figures, Heat, Plan
from benchmarks.compare.measure import measure
from devices.errors import ConfigError
from hub import logs
from hub.bench.telling import JsonFile, listing, tell
from hub.running import run

USUAL = Plan()
KNOWN = tuple(dict.fromkeys(heat.broker for heat in USUAL.heats))


def compare(
    messages: Annotated[int, typer.Option(help="Messages of each flood.", min=100)] = USUAL.messages,
    devices: Annotated[int, typer.Option(help="Devices that send them.", min=1)] = USUAL.devices,
    rounds: Annotated[int, typer.Option(help="Turns that each takes in each heat.", min=1)] = USUAL.rounds,
    kill_messages: Annotated[int, typer.Option(help="Messages of each load with a kill; 0: no kills.", min=0)] = (
        USUAL.kill_messages
    ),
    contender: Annotated[list[str] | None, typer.Option(help="Only these: sanihub, node-red, script.")] = None,
    broker: Annotated[list[str] | None, typer.Option(help="Only these: nats-server, mosquitto.")] = None,
    json_file: JsonFile = None,
) -> None:
    """The hub, Node-RED, a script, and the limits of broker and database, in turns on the same two cores."""
    logs.configure("error")
    wanted = tuple(broker) if broker else brokers.available()
    for given, known in ((wanted, KNOWN), (contender or (), USUAL.contenders)):
        if strangers := set(given) - set(known):
            raise ConfigError(f"compare: expected of {', '.join(known)}, got {', '.join(sorted(strangers))}")
    plan = Plan(
        messages,
        devices,
        rounds,
        tuple(heat for heat in USUAL.heats if heat.broker in wanted),
        tuple(contender) if contender else USUAL.contenders,
        kill_messages,
    )
    with Console(stderr=True).status("starting") as status:
        figures = run(measure(plan, status.update))
    console = Console()
    for heat in plan.heats:
        console.print(table(figures, heat))
    console.print(kills_table(figures))
    tell(figures, json_file)


def table(figures: Figures, heat: Heat) -> Table:
    """A heat: the contenders, and the limits."""
    rounds = f"medians of {figures.plan.rounds}" if figures.plan.rounds > 1 else "one round"
    made = Table(title=f"{heat.broker}, {heat.load}, {rounds}")
    made.add_column("")
    for name in ("msg/s", "of the hub's", "CPU µs a message", "memory MiB"):
        made.add_column(name, justify="right")
    first = figures.rate(heat, figures.plan.contenders[0])
    for name in (*figures.plan.contenders, BARE):
        rate = figures.rate(heat, name)
        used = ", ".join(f"{part} {value:.0f}" for part, value in figures.cpu_us(heat, name).items())
        made.add_row(name, f"{rate:,.0f}", f"{rate / first:.2f}", used, f"{figures.rss_mib(heat, name):.0f}")
    if copied := figures.copied(heat):
        made.add_row("server-side COPY", f"{copied:,.0f}", f"{copied / first:.2f}", "", "")
    return made


def kills_table(figures: Figures) -> Table:
    """What a kill cost each."""
    rows = [
        (
            f"{one.contender} at {one.broker}, {pace(one.rate)}",
            f"lost {one.lost:,}, doubled {one.doubled:,} of {one.messages:,}",
        )
        for one in figures.kills
    ]
    return listing("killed in the middle, and started at once", rows)


def pace(rate: float) -> str:
    """How fast a load came, as people read it."""
    return f"{rate:,.0f} msg/s" if rate else "a flood"
