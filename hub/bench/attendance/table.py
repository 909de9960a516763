"""``sanihub bench attendance``: the scores of attendance and time on post as a table and JSON."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hub import logs
from hub.bench.attendance.measurement import Figures, measure
from hub.bench.telling import JsonFile, tell

COLUMNS = (
    "case", "shifts", "ends judged", "unknown", "within 2 min", "greatest error", "absent found", "no data", "wrong",
    "off post", "its error",
)  # fmt: skip


def attendance(
    workers: Annotated[int, typer.Option(help="Workers of the simulated city.", min=1, max=5_000)] = 60,
    days: Annotated[int, typer.Option(help="Days that are simulated.", min=2, max=60)] = 4,
    seed: Annotated[int, typer.Option(help="What decides all chance.")] = 1,
    json_file: JsonFile = None,
) -> None:
    """Arriving, leaving, absence and time off post against the simulator's truth, also with bad data."""
    logs.configure("error")
    with Console(stderr=True).status(f"simulating {workers} workers over {days} days"):
        figures = measure(seed, workers, days)
    Console(width=200).print(table(figures))
    tell(figures, json_file)


def table(figures: list[Figures]) -> Table:
    """The figures as people read them."""
    made = Table(*COLUMNS, title="attendance")
    for one in figures:
        made.add_row(
            one.case,
            str(one.shifts),
            str(one.ends - one.unknown_ends),
            str(one.unknown_ends),
            f"{one.within_pct:.2f} %",
            f"{one.greatest_error_s:.0f} s",
            f"{one.absent_found} of {one.absent}",
            str(one.no_data),
            str(one.wrong),
            f"{one.off_post_min:.0f} min",
            f"{one.off_post_error_pct:.1f} %",
        )
    return made
