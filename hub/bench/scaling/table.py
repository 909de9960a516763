"""``sanihub bench scaling``: the command, and its figures as people read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from devices.errors import ConfigError
from hub import logs
from hub.bench.scaling.figures import PROCESSES, Figures, Found, Point
from hub.bench.scaling.measurement import Told, measure
from hub.bench.telling import JsonFile, tell
from hub.running import run

AIM = 1.2  #: the cost of a message at any size, held against the smallest


def scaling(
    devices: Annotated[str, typer.Option(help="Numbers of devices, separated by commas.")] = "100,1000,10000,100000",
    stored: Annotated[
        str, typer.Option(help="Millions of readings that are stored before, separated by commas; 100 want 20 GB.")
    ] = "1,10,100",
    stored_devices: Annotated[int, typer.Option(help="Devices that the stored readings are of.", min=10)] = 1_000,
    messages: Annotated[int, typer.Option(help="Messages of each flood.", min=100)] = 100_000,
    rate: Annotated[int, typer.Option(help="Messages a second at which the latency is measured.", min=10)] = 1_000,
    seconds: Annotated[float, typer.Option(help="For so many seconds.", min=1)] = 15.0,
    json_file: JsonFile = None,
) -> None:
    """What a message costs with 100 to 100,000 devices, and over 1 to 100 million stored readings.

    A hub with its servers for each size, one by one; devices of all kinds, all rules on.
    """
    logs.configure("error")
    of_devices, of_stored = points(devices, stored, stored_devices, messages, rate, seconds)
    with Progress(console=Console(stderr=True)) as progress:
        figures = run(measure(of_devices, of_stored, _told(progress)))
    console = Console()
    for part in parts(figures):
        console.print(part)
    tell(figures, json_file)


def points(
    devices: str, stored: str, stored_devices: int, messages: int, rate: int, seconds: float
) -> tuple[list[Point], list[Point]]:
    """The points that options ask for. Raises ConfigError."""
    strangers = min(2_000, messages)
    common = {"messages": messages, "rate": rate, "seconds": seconds, "strangers": strangers}
    counts = [int(one) for one in _numbers("devices", devices) if one >= 10 or _refuse("devices", "at least 10", one)]
    rows = [round(one * 1e6) for one in _numbers("stored", stored) if one > 0 or _refuse("stored", "more than 0", one)]
    of_devices = [Point(one, **common) for one in counts]  # type: ignore[arg-type]
    return of_devices, [Point(stored_devices, one, **common) for one in rows]  # type: ignore[arg-type]


def _numbers(name: str, text: str) -> list[float]:
    try:
        return [float(one) for one in text.split(",") if one.strip()]
    except ValueError:
        raise ConfigError(f"bench: {name}: expected numbers separated by commas, got {text!r}") from None


def _refuse(name: str, wanted: str, got: float) -> bool:
    raise ConfigError(f"bench: {name}: expected {wanted}, got {got:g}")


def _told(progress: Progress) -> Told:
    tasks: dict[Point, TaskID] = {}

    def told(point: Point, done: int, of: int) -> None:
        if point not in tasks:
            what = f"{point.devices:,} devices" + (f", {point.stored:,} stored readings" if point.stored else "")
            tasks[point] = progress.add_task(what, total=of or None)
        progress.update(tasks[point], completed=done, total=of or None)

    return told


def parts(figures: Figures) -> Iterator[Table | str]:
    """All tables in their order."""
    for title, found, size in (
        ("devices", figures.devices, lambda one: one.point.devices),
        ("stored readings", figures.stored, lambda one: one.stored),
    ):
        if not found:
            continue
        yield costs(f"CPU µs a message, by {title}", found, size)
        yield sizes(f"the rest, by {title}", found, size)
        yield questions(f"questions about one device, by {title}", found, size)
        if again := sum(one.redelivered for one in found):
            yield f"{again:,} messages came again, for the hub did not answer in time: too busy a machine"


def costs(title: str, found: Sequence[Found], size: Callable[[Found], int]) -> Table:
    """What a message costs, and how many times that of the smallest size."""
    made = Table(title=title)
    made.add_column("")
    for name in (*PROCESSES, "flood", "times", "paced", "times", "first message", "stranger's"):
        made.add_column(name, justify="right")
    for one in found:
        flood, pace = one.flood_us / found[0].flood_us, one.pace_us / (found[0].pace_us or 1.0)
        firsts = [sum(used.get(name, 0.0) for name in PROCESSES) for used in (one.first_us, one.stranger_us)]
        made.add_row(
            f"{size(one):,}",
            *(f"{one.cpu_us.get(name, 0.0):.0f}" for name in PROCESSES),
            *(f"{one.flood_us:.0f}", _held(flood), f"{one.pace_us:.0f}", _held(pace)),
            *(f"{used:.0f}" for used in firsts),
        )
    return made


def _held(ratio: float) -> str:
    """A ratio held against the aim."""
    return f"{ratio:.2f}" if ratio <= AIM else f"{ratio:.2f} (aim {AIM:g})"


def sizes(title: str, found: Sequence[Found], size: Callable[[Found], int]) -> Table:
    """Rates, latency, memory and the log."""
    made = Table(title=title)
    made.add_column("")
    names = ("msg/s", "rows a message", "p50 ms", "p99 ms", "hub MiB", "KiB a device", "WAL B a message", "store MiB")
    for name in (*names, "made in s"):
        made.add_column(name, justify="right")
    for one in found:
        grown = (one.rss_mib - one.rss_bare_mib) * 1_024 / one.point.devices
        made.add_row(
            f"{size(one):,}",
            *(f"{one.messages_per_s:,.0f}", f"{one.rows_per_message:.1f}", f"{one.p50_ms:.0f}", f"{one.p99_ms:.0f}"),
            *(
                f"{one.rss_mib:.0f}",
                f"{grown:.1f}",
                f"{one.wal_bytes:,.0f}",
                f"{one.store_mib:,.0f}",
                f"{one.fill_s:.0f}",
            ),
        )
    return made


def questions(title: str, found: Sequence[Found], size: Callable[[Found], int]) -> Table:
    """What is asked, how long it takes, and the CPU of PostgreSQL for it."""
    made = Table(title=title)
    made.add_column("")
    for name in ("newest state", "a day", "a day by hours"):
        made.add_column(f"{name}: ms, CPU µs, rows", justify="right")
    for one in found:
        asked = (one.state, one.day, one.day_by_hours)
        made.add_row(f"{size(one):,}", *(f"{q.p50_ms:.2f}, {q.postgres_us:.0f}, {q.rows:.0f}" for q in asked))
    return made
