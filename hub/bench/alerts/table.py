"""``sanihub bench alerts``: how well the rules find what happens, and what they cost."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from hub import logs
from hub.bench.alerts import hub as alert_hub
from hub.bench.alerts import scores as alert_scores
from hub.bench.alerts import speed as alert_speed
from hub.bench.telling import JsonFile, Seeds, listing, seeds_of, share, tell
from hub.running import run


class Figures(msgspec.Struct, omit_defaults=True):
    """All that was measured; what was left out is None."""

    detection: alert_scores.Detection | None = None
    hub: alert_hub.Agreement | None = None
    speed: alert_speed.Speed | None = None


def alerts(
    seeds: Seeds = "11,12,13,14,15",
    days: Annotated[float, typer.Option(help="Simulated days of each seed.", min=0.01, max=31)] = 2.0,
    hub: Annotated[bool, typer.Option(help="Send the first seed through a hub and PostgreSQL too.")] = True,
    speed: Annotated[bool, typer.Option(help="Measure what the rules cost.")] = True,
    devices: Annotated[int, typer.Option(help="Devices of the measurement of speed.", min=1)] = 20_000,
    messages: Annotated[int, typer.Option(help="Messages of each of its floods.", min=1_000)] = 100_000,
    rounds: Annotated[int, typer.Option(help="Floods with rules, and as many without.", min=1)] = 3,
    json_file: JsonFile = None,
) -> None:
    """Precision, recall and delay of the default rules in a simulated city with faults; and what they cost."""
    logs.configure("error")
    wanted, console, figures = seeds_of(seeds), Console(), Figures()
    waiting = Console(stderr=True)
    if wanted:
        with waiting.status(f"scoring {len(wanted)} seeds over {days:g} days"):
            figures.detection = alert_scores.measure(wanted, days * 24)
        console.print(detection_table(figures.detection))
        if hub:
            with waiting.status(f"seed {wanted[0]} through a hub"):
                figures.hub = run(alert_hub.agree(wanted[0], days * 24))
            console.print(hub_table(figures.hub))
    if speed:
        with waiting.status(f"{2 * rounds} floods of {messages:,} messages from {devices:,} devices"):
            figures.speed = run(alert_speed.measure(messages, devices, rounds))
        console.print(speed_table(figures.speed))
    tell(figures, json_file)


def detection_table(found: alert_scores.Detection) -> Table:
    """The scores as people read them."""
    seeds = ", ".join(map(str, found.seeds))
    made = Table(title=f"detection: seeds {seeds}, {found.hours:g} h each, {found.messages:,} messages")
    for name in ("rule", "truth"):
        made.add_column(name)
    for name in (
        "truths",
        "found",
        "wrong",
        "again",
        "excused",
        "unseen",
        "precision",
        "recall",
        "strict",
        "goal",
        "p50",
        "p95",
    ):
        made.add_column(name, justify="right")
    for row in found.rows:
        counts = (row.truths, row.found, row.wrong, row.again, row.excused, row.unseen)
        strict = f"{share(row.strict_precision)} {share(row.strict_recall)}"
        shares = (share(row.precision), share(row.recall), strict, "" if row.goal is None else f"{row.goal:g}")
        delays = (_seconds(row.delay_p50_s), _seconds(row.delay_p95_s))
        made.add_row(row.rule, row.truth, *map(str, counts), *shares, *delays)
    return made


def hub_table(found: alert_hub.Agreement) -> Table:
    """What a hub made of the same as people read it."""
    made = Table(title=f"seed {found.seed} through a hub, {found.hours:g} h", show_header=False)
    recalled = ", ".join(f"{rule} {count}" for rule, count in sorted(found.recalled.items()))
    made.add_row("alerts of the histories", str(found.alerts))
    made.add_row("alerts that differ in the hub", str(len(found.differing)))
    made.add_row("repairs", str(found.repairs))
    made.add_row("bells rung", str(found.rung))
    made.add_row("of these taken back by a repair", f"{sum(found.recalled.values())} ({recalled or 'none'})")
    return made


def speed_table(found: alert_speed.Speed) -> Table:
    """What the rules cost as people read it."""
    rows = [
        ("with rules", ", ".join(f"{rate:,.0f}" for rate in found.with_rules) + " msg/s"),
        ("without", ", ".join(f"{rate:,.0f}" for rate in found.without) + " msg/s"),
        ("ratio of the medians", f"{found.ratio:.2f}"),
        (
            "all speak again after a silence",
            f"{found.returned:,} alerts over, {found.devices:,} messages in {found.return_s:.1f} s",
        ),
        (
            f"publish to alert visible at {found.half_rate:,.0f} msg/s",
            f"p50 {found.visible_p50_ms:.0f} ms, p99 {found.visible_p99_ms:.0f} ms ({found.alerts} alerts)",
        ),
        ("memory of the hub", f"{found.rss_mib:.0f} MiB"),
        ("CPU a message, with rules", _cpu(found.cpu_us)),
        ("CPU a message, without", _cpu(found.cpu_without_us)),
        ("load of the machine over 1, 5, 15 min", ", ".join(map(str, found.load))),
    ]
    return listing(f"{found.rules} rules, {found.devices:,} devices of all kinds", rows)


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} s"


def _cpu(used: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.0f} µs" for name, value in used.items())
