"""``sanihub bench emptying`` and ``sanihub bench fill``: how well emptyings are found, and fills foretold."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from hub import logs
from hub.bench.bins import fill as bin_fill
from hub.bench.bins import scores as bin_scores
from hub.bench.telling import JsonFile, Seeds, some_seeds, tell

Bins = Annotated[int, typer.Option(help="Bins of each city.", min=1, max=2_000)]
Vehicles = Annotated[int, typer.Option(help="Vehicles of each city; of ten, five are refuse trucks.", min=1, max=200)]


def emptying(
    seeds: Seeds = "1,2,3,4,5",
    days: Annotated[float, typer.Option(help="Simulated days of each seed.", min=1, max=31)] = 4.0,
    bins: Bins = 100,
    vehicles: Vehicles = 10,
    json_file: JsonFile = None,
) -> None:
    """Precision and recall of emptyings against a simulated city's truth, however the data come."""
    logs.configure("error")
    wanted = some_seeds(seeds)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{len(wanted)} cities over {days:g} days", total=len(wanted))
        scores = bin_scores.score(wanted, days, bins, vehicles, lambda: progress.advance(task))
    Console().print(emptying_table(scores))
    tell(scores, json_file)


def fill(
    seeds: Seeds = "1,2,3",
    learnt: Annotated[float, typer.Option(help="Days that the model learns from.", min=2, max=100)] = 21.0,
    held_back: Annotated[float, typer.Option(help="Days after them that it is asked about.", min=2, max=60)] = 7.0,
    bins: Bins = 60,
    vehicles: Vehicles = 5,
    json_file: JsonFile = None,
) -> None:
    """The error of forecasts of fill a day ahead, beside two baselines, over days that were held back."""
    logs.configure("error")
    wanted = some_seeds(seeds)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{len(wanted)} cities over {learnt + held_back:g} days", total=len(wanted))
        found = bin_fill.measure(wanted, learnt, held_back, bins, vehicles, lambda: progress.advance(task))
    Console().print(fill_table(found))
    tell(found, json_file)


def emptying_table(scores: bin_scores.Scores) -> Table:
    """The scores as people read them."""
    upsets = f"{scores.compactions:,} compactions, {scores.outliers:,} wild readings"
    late = "equal" if scores.late_equal else "NOT equal"
    made = Table(
        title=f"emptyings: seeds {_names(scores.seeds)}, {scores.days:g} days, {scores.bins} bins, "
        f"{scores.readings:,} readings, {upsets}",
        caption=f"second half late, against all of it at once: {late}",
    )
    for name in ("disturbed by", "known"):
        made.add_column(name)
    for name in ("truths", "edge", "found", "wrong", "precision", "recall", "error p50", "p95", "vehicle right"):
        made.add_column(name, justify="right")
    for row in scores.rows:
        counts = (row.truths, row.edge, row.found, row.wrong)
        right = "" if row.vehicles_right is None else f"{row.vehicles_right:.3f}"
        figures = (f"{row.precision:.4f}", f"{row.recall:.4f}", f"{row.error_p50_s:.0f} s", f"{row.error_p95_s:.0f} s")
        made.add_row(row.disturbed, row.witnesses, *map(str, counts), *figures, right)
    return made


def fill_table(found: bin_fill.Backtest) -> Table:
    """The errors as people read them."""
    made = Table(
        title=f"fill a day ahead: seeds {_names(found.seeds)}, {found.bins} bins, {found.learnt_days:g} days learnt, "
        f"{found.held_back_days:g} held back"
    )
    made.add_column("question")
    for name in ("forecasts", "error", "last value", "weekday mean", "in the 80 % band", "seeds better than both"):
        made.add_column(name, justify="right")
    for row in found.rows:
        errors = (f"{row.mae:.2f}", f"{row.last_value_mae:.2f}", f"{row.weekday_mean_mae:.2f}")
        better = f"{found.seeds_better[row.question]} of {len(found.seeds)}"
        made.add_row(row.question, f"{row.forecasts:,}", *errors, f"{row.within_band:.2f}", better)
    return made


def _names(seeds: list[int]) -> str:
    return ", ".join(map(str, seeds))
