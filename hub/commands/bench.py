"""``sanihub bench``: measures the real parts on this machine and prints a table and JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from hub import logs
from hub.bench import jt808_table
from hub.bench.ingest import Figures, measure
from hub.running import run


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Measure the hub on this machine.")
    group.command("ingest")(ingest)
    group.command("jt808")(jt808_table.jt808)
    group.callback()(lambda: None)
    app.add_typer(group, name="bench")


def ingest(
    messages: Annotated[int, typer.Option(help="Messages of the throughput run.", min=1_000)] = 200_000,
    devices: Annotated[int, typer.Option(help="Devices that send them.", min=1)] = 1_000,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")] = None,
) -> None:
    """MQTT QoS 1 to committed rows: a fix and three readings a message, about 200 bytes, durable commits.

    Broker, hub, database and load generator share this machine's cores.
    """
    logs.configure("warning")
    with Console(stderr=True).status(f"publishing {messages:,} messages, twice"):
        figures = run(measure(messages, devices))
    Console().print(table(figures))
    encoded = msgspec.json.format(msgspec.json.encode(figures), indent=2).decode()
    typer.echo(encoded)
    if json_file is not None:
        json_file.write_text(encoded + "\n", "utf-8")


def table(figures: Figures) -> Table:
    """The figures as people read them."""
    made = Table(title="ingest", show_header=False)
    rows = [
        ("messages, devices", f"{figures.messages:,} of {figures.devices:,}"),
        ("throughput", f"{figures.messages_per_s:,.0f} msg/s = {figures.rows_per_s:,.0f} rows/s"),
        ("server-side COPY of the same rows", f"{figures.copy_rows_per_s:,.0f} rows/s"),
        ("ratio to it", f"{figures.ratio_to_copy:.2f}"),
        (
            f"publish to committed at {figures.half_rate:,.0f} msg/s",
            f"p50 {figures.p50_ms:.0f} ms, p99 {figures.p99_ms:.0f} ms",
        ),
        ("memory of the hub", f"{figures.rss_mib:.0f} MiB"),
        ("CPU a message", ", ".join(f"{name} {value:.0f} µs" for name, value in figures.cpu_us.items())),
        ("rows found twice", f"{figures.duplicates}"),
    ]
    for name, value in rows:
        made.add_row(name, value)
    return made
