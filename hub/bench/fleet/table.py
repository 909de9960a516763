"""``sanihub bench fleet`` and ``sanihub bench compliance-month``: how right judgements are, and how fast."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hub import logs
from hub.bench import compliance_month
from hub.bench.fleet import scores as fleet_scores
from hub.bench.fleet.lengths import Lengths
from hub.bench.telling import JsonFile, Seeds, listing, share, some_seeds, tell
from hub.running import run


def fleet(
    seeds: Seeds = "21,22,23,24",
    days: Annotated[float, typer.Option(help="Simulated days of each seed.", min=0.5, max=31)] = 2.5,
    json_file: JsonFile = None,
) -> None:
    """How right route compliance is on simulated shifts with truth: undisturbed, and with data lost, bad or late."""
    logs.configure("error")
    wanted = some_seeds(seeds)
    with Console(stderr=True).status(f"judging {len(wanted)} seeds over {days:g} days"):
        found = fleet_scores.measure(wanted, days)
    console = Console()
    console.print(scores_table(found))
    console.print(equal_table(found))
    tell(found, json_file)


def compliance_month_(
    vehicles: Annotated[int, typer.Option(help="Vehicles of the fleet.", min=1, max=200)] = 50,
    days: Annotated[int, typer.Option(help="Days that are judged.", min=1, max=31)] = 30,
    processes: Annotated[int, typer.Option(help="Processes that read and judge.", min=1, max=16)] = 2,
    json_file: JsonFile = None,
) -> None:
    """A month of route compliance, read from PostgreSQL and judged. Making the data is not counted."""
    logs.configure("error")
    with Console(stderr=True).status(f"{days} days of {vehicles} vehicles"):
        found = run(compliance_month.measure(vehicles, days, processes))
    Console().print(month_table(found))
    tell(found, json_file)


def scores_table(found: fleet_scores.Scores) -> Table:
    """The scores as people read them."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in found.kinds.items())
    seeds = ", ".join(map(str, found.seeds))
    made = Table(title=f"compliance: seeds {seeds}, {found.days:g} days, {found.vehicles} vehicles; shifts: {kinds}")
    made.add_column("")
    for row in found.rows:
        made.add_column(row.disturbance, justify="right")
    for name, cells in zip(FIGURES, zip(*map(_figures, found.rows), strict=True), strict=True):
        made.add_row(name, *cells)
    return made


def equal_table(found: fleet_scores.Scores) -> Table:
    """What changes nothing, and the gap that is told, as people read it."""
    made = Table(show_header=False)
    for name, (same, every) in found.equal.items():
        made.add_row(name, f"{same} of {every} shifts are judged equally")
    told, every = found.gaps_told
    made.add_row("the missing hour", f"told as a gap in {told} of {every} shifts")
    return made


FIGURES = (
    "coverage: mean of routes, points", "worst route", "p95 of passes", "worst pass", "missed wrongly", "no data",
    "served P R", "missed P R", "deviations found", "wrong", "length: median error", "single in 10 %", "in ± told",
    "± told, median", "sum", "routes in 10 %", "shifts in 10 %",
)  # fmt: skip
"""The rows of the table, by their names."""


def _figures(row: fleet_scores.Row) -> tuple[str, ...]:
    """A disturbance's cells, in the order of :data:`FIGURES`."""
    return (
        f"{row.route_mean:.2f}",
        f"{row.route_worst:.2f}",
        f"{row.pass_p95:.2f}",
        f"{row.pass_worst:.2f}",
        f"{row.wrongly_missed_m:.0f} m",
        f"{row.no_data_pct:.1f} %",
        f"{share(row.served_precision)} {share(row.served_recall)}",
        f"{share(row.missed_precision)} {share(row.missed_recall)}",
        f"{row.deviations_found}/{row.deviations}",
        str(row.deviations_wrong),
        *_lengths(row.lengths),
    )


def month_table(found: compliance_month.Month) -> Table:
    """The figures of the month as people read them."""
    busy = found.reading_s + found.judging_s
    rows = [
        ("vehicles, days, shifts", f"{found.vehicles}, {found.days}, {found.shifts:,}"),
        ("fixes, readings read", f"{found.fixes:,}, {found.readings:,}"),
        ("judged in", f"{found.seconds:.1f} s by {found.processes} processes"),
        ("fixes a second", f"{found.fixes / found.seconds:,.0f}"),
        ("of their time reading, judging", f"{found.reading_s / busy:.0%}, {found.judging_s / busy:.0%}"),
        ("CPU a fix", f"reading {_micros(found.reading_cpu_s, found)}, judging {_micros(found.judging_cpu_s, found)}"),
        ("CPU of the database a fix", _micros(found.database_cpu_s, found)),
        ("CPU of all", f"{found.reading_cpu_s + found.judging_cpu_s + found.database_cpu_s:.1f} s"),
        ("memory of the processes", f"{found.rss_mib:.0f} MiB"),
        ("making the data (not counted)", f"{found.making_s:.0f} s"),
        ("load of the machine over 1, 5, 15 min", ", ".join(map(str, found.load))),
    ]
    return listing("a month of route compliance", rows)


def _lengths(found: Lengths) -> tuple[str, ...]:
    return (
        _percent(found.median),
        _percent(found.within_10),
        _percent(found.within_told),
        "–" if found.told_error_m is None else f"{found.told_error_m:.0f} m",
        _percent(found.sum),
        _percent(found.routes_within_10),
        _percent(found.shifts_within_10),
    )


def _micros(seconds: float, found: compliance_month.Month) -> str:
    return f"{seconds * 1e6 / found.fixes:.2f} µs"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
