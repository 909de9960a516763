"""``sanihub bench``: measures the real parts on this machine and prints a table and JSON."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from devices.errors import ConfigError
from hub import logs
from hub.bench.alerts import table as alert_table
from hub.bench.api import table as api_table
from hub.bench.attendance import table as attendance_table
from hub.bench.bins import table as bin_table
from hub.bench.board import table as board_table
from hub.bench.boards import table as boards_table
from hub.bench.fleet import table as fleet_table
from hub.bench.http import table as http_table
from hub.bench.ingest import Figures, measure
from hub.bench.jt808 import table as jt808_table
from hub.bench.modbus import measurement as modbus_bench
from hub.bench.planning import table as planning_table
from hub.bench.reports import table as reports_table
from hub.bench.scaling import table as scaling_table
from hub.bench.stages import table as stages_table
from hub.bench.store_year import table as store_year_table
from hub.bench.telling import JsonFile, listing, tell
from hub.bench.trackers import table as tracker_table
from hub.running import run


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Measure the hub on this machine.")
    group.command("ingest")(ingest)
    group.command("alerts")(alert_table.alerts)
    group.command("api")(api_table.api)
    group.command("board")(board_table.board)
    group.command("boards")(boards_table.boards)
    group.command("fleet")(fleet_table.fleet)
    group.command("compliance-month")(fleet_table.compliance_month_)
    group.command("http")(http_table.http)
    group.command("jt808")(jt808_table.jt808)
    group.command("modbus")(modbus)
    group.command("emptying")(bin_table.emptying)
    group.command("fill")(bin_table.fill)
    group.command("attendance")(attendance_table.attendance)
    group.command("planning")(planning_table.planning)
    group.command("reports")(reports_table.reports)
    group.command("trackers")(tracker_table.trackers)
    group.command("stages")(stages_table.stages)
    group.command("store-year")(store_year_table.store_year)
    group.command("scaling")(scaling_table.scaling)
    group.callback()(lambda: None)
    app.add_typer(group, name="bench")


def ingest(
    messages: Annotated[int, typer.Option(help="Messages of the throughput run.", min=1_000)] = 200_000,
    devices: Annotated[int, typer.Option(help="Devices that send them.", min=1)] = 1_000,
    json_file: JsonFile = None,
) -> None:
    """MQTT QoS 1 to committed rows: a fix and three readings a message, about 200 bytes, durable commits.

    Broker, hub, database and load generator share this machine's cores.
    """
    logs.configure("warning")
    with Console(stderr=True).status(f"publishing {messages:,} messages, twice"):
        figures = run(measure(messages, devices))
    Console().print(table(figures))
    tell(figures, json_file)


def modbus(
    units: Annotated[int, typer.Option(help="Units that are polled.", min=1)] = 200,
    dead: Annotated[int, typer.Option(help="Of these, units that never answer.", min=0)] = 20,
    buses: Annotated[int, typer.Option(help="Gateways that they stand behind.", min=1)] = 4,
    kind: Annotated[str, typer.Option(help="tcp or rtu-over-tcp.")] = "tcp",
    period: Annotated[float, typer.Option(help="Seconds between two polls of a unit.", min=0.1)] = 5.0,
    seconds: Annotated[float, typer.Option(help="Seconds that are measured, after a warm-up.", min=1)] = 60.0,
    line_ms: Annotated[float, typer.Option(help="One serial line behind each gateway; an answer's time on it.")] = 0.0,
    json_file: JsonFile = None,
) -> None:
    """How well living Modbus units keep their period while others are dead. Units and hub share this machine."""
    logs.configure("error")
    if kind not in ("tcp", "rtu-over-tcp"):
        raise ConfigError(f"bench: kind: expected tcp or rtu-over-tcp, got {kind!r}")
    if dead >= units or units > 247 * buses:
        raise ConfigError("bench: expected fewer dead units than units, and at most 247 units a bus")
    load = modbus_bench.Load(units, dead, buses, kind, period, seconds, line_ms=line_ms)
    with Console(stderr=True).status(f"polling {units} units every {period:g} s"):
        figures = run(modbus_bench.measure(load))
    Console().print(modbus_table(figures))
    tell(figures, json_file)


def modbus_table(figures: modbus_bench.Figures) -> Table:
    """The figures of the Modbus bench as people read them."""
    load = figures.load
    rows = [
        ("units, dead, buses", f"{load.units}, {load.dead}, {load.buses} ({load.kind})"),
        ("living units polled", f"{figures.seen} of {figures.living}"),
        ("configured period", f"{load.period_s:g} s"),
        ("actual period", f"p50 {figures.p50_s:.3f} s, p95 {figures.p95_s:.3f} s, worst {figures.worst_s:.3f} s"),
        ("greatest mean period of a unit", f"{figures.worst_unit_s:.3f} s"),
        ("periods within 10 %", f"{figures.within_pct:.2f} % of {figures.polls}"),
        ("beats missed, requests timed out", f"{figures.missed}, {figures.timeouts}"),
        ("requests", f"{figures.requests_per_s:.1f} 1/s"),
        ("CPU of the hub's part", f"{figures.cpu_pct:.1f} % of a core"),
        ("memory", f"{figures.rss_mib:.0f} MiB"),
    ]
    return listing("modbus", rows)


def table(figures: Figures) -> Table:
    """The figures as people read them."""
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
    return listing("ingest", rows)
