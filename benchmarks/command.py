"""``python -m benchmarks run`` and ``render``: the set, and the page that is made of its results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import page
from benchmarks.catalogue import Bench, chosen
from benchmarks.results import FOLDER
from benchmarks.runner import Ran, run_set

QUICK = FOLDER.with_name("results-quick")


def run(
    only: Annotated[str, typer.Option(help="Only these, separated by commas; without it all.")] = "",
    quick: Annotated[bool, typer.Option(help="In small: that it works, not what it comes to.")] = False,
    results: Annotated[Path | None, typer.Option(help="Keep the results in this folder, and leave the page.")] = None,
) -> None:
    """Run the set, keep each result as it comes (benchmarks/results), and make docs/benchmarks.md anew.

    With --quick the results go to benchmarks/results-quick, and the page stays as it is.
    A bench that fails ends none of the others; the exit code is 1 then.
    """
    benches = chosen([name.strip() for name in only.split(",") if name.strip()])
    console = Console(stderr=True)
    folder = results or (QUICK if quick else FOLDER)
    minutes = sum(bench.minutes for bench in benches)
    expected = "" if quick else f", about {minutes:.0f} min"
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"{len(benches)} benches{expected}", total=len(benches))

        def told(bench: Bench, ran: Ran | None) -> None:
            if ran is None:
                progress.update(task, description=bench.command(quick))
                return
            said = f"failed: {ran.fault}" if ran.fault else f"done in {ran.seconds:,.0f} s"
            progress.console.print(f"{bench.name}: {said}", markup=False)
            progress.advance(task)

        done = run_set(benches, quick=quick, folder=folder, told=told)
    if folder == FOLDER:
        page.write()
    if failed := [one.name for one in done if one.fault]:
        console.print(f"failed: {', '.join(failed)}")
        raise typer.Exit(1)


def render() -> None:
    """Make docs/benchmarks.md and its charts anew from benchmarks/results."""
    page.write()
