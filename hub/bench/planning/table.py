"""``sanihub bench planning``: the command, and its figures as people read them."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hub import logs
from hub.bench.planning.measurement import AIM_S, Figures, Load, measure
from hub.bench.telling import JsonFile, tell


def planning(
    bins: Annotated[int, typer.Option(help="Bins of the city.", min=1, max=5_000)] = 500,
    trucks: Annotated[int, typer.Option(help="Trucks in each shift.", min=1, max=100)] = 10,
    days: Annotated[int, typer.Option(help="Simulated days of three shifts; 0: only one plan.", min=0, max=60)] = 7,
    seed: Annotated[int, typer.Option(help="Of the city.")] = 7,
    capacity_l: Annotated[float, typer.Option(help="Litres of a truck's body; it packs three times as much.")] = 8_000,
    slower: Annotated[float, typer.Option(help="How many times slower the bins fill than the simulator's.")] = 1.0,
    json_file: JsonFile = None,
) -> None:
    """Collect a simulated city by plan, by fixed rounds and by the nearest neighbour: way, overflows, solver's time."""
    logs.configure("warning")
    load = Load(bins, trucks, days, seed, capacity_l, slower=slower)
    with Console(stderr=True).status("simulating") as status:
        figures = measure(load, lambda name: status.update(f"{name}, {days} days"))
    Console().print(table(figures))
    typer.echo(one_plan(figures))
    tell(figures, json_file)


def one_plan(figures: Figures) -> str:
    """How long one plan of everything took, beside its aim."""
    load, cores = figures.load, os.cpu_count()
    aim = f"; the aim is under {AIM_S:g} s on 2 cores" if (load.bins, load.trucks) == (500, 10) else ""
    return (
        f"one plan of {load.bins} bins for {load.trucks} trucks: ways {figures.matrix_s:.1f} s, plan"
        f" {figures.solve_s:.1f} s, together {figures.matrix_s + figures.solve_s:.1f} s on {cores} cores{aim}"
    )


def table(figures: Figures) -> Table:
    """The figures as people read them."""
    load = figures.load
    title = (
        f"planning: {load.bins} bins, {load.trucks} trucks; one plan of all bins in {figures.solve_s:.1f} s "
        f"(CPU {figures.solve_cpu_s:.1f} s; {figures.solve_served} served, {figures.solve_km:g} km; "
        f"nearest neighbour {figures.nearest_km:g} km)"
    )
    made = Table(title=title)
    for name in (
        "policy",
        "km",
        "to the plan",
        "overflow, bin-hours",
        "spilt, m³",
        "visits",
        "left",
        "tours",
        "faults",
    ):
        made.add_column(name, justify="left" if name == "policy" else "right")
    for one in figures.policies:
        made.add_row(
            one.name,
            f"{one.distance_km:,.0f}",
            f"{figures.distance_ratio[one.name]:.2f}",
            f"{one.overflow_bin_h:,.0f}",
            f"{one.spilt_m3:,.0f}",
            f"{one.visits:,}",
            str(one.left),
            str(one.tours),
            str(one.faults),
        )
    return made
