"""``sanihub report``: reports as files, one command for each kind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from devices import instants
from devices.errors import ConfigError
from fleet.reports.format import Edition
from fleet.reports.kind import OrderError, checked, kinds
from fleet.reports.records import Report
from fleet.reports.revision import Order
from fleet.reports.speech import Speech
from hub.access import ConfigOption, DataOption, actor, load, open_reads, patiently
from hub.reporting.desk import render
from hub.reporting.making import make
from hub.running import run
from store.reports.revisions import Reports
from store.writing import WriteSession

FormatName = Literal["json", "csv", "xlsx", "html", "pdf"]
ZONE = "Asia/Shanghai"
_EPILOG = """
Dates, today and yesterday are local days of --zone and both included; instants (with a zone) are the first and the
one behind the last.

Examples:

  sanihub report {name} --from yesterday -o report.pdf

  sanihub report {name} --from 2026-11-01 --to 2026-11-30 --format xlsx --lang en -o november.xlsx
"""

_DAYS: dict[str, Callable[[date], date]] = {"today": lambda on: on, "yesterday": lambda on: on - timedelta(days=1)}

From = Annotated[
    str, typer.Option("--from", help="First local day (2026-11-23, today, yesterday), or an instant with a zone.")
]
To = Annotated[str | None, typer.Option("--to", help="Last local day, or the end; without it: one day.")]
Zone = Annotated[str, typer.Option(help="Time zone of the report (IANA).")]
Form = Annotated[FormatName | None, typer.Option("--format", help="By default after the file's name, else pdf.")]
Lang = Annotated[Literal["zh", "en"], typer.Option(help="Language.")]
Table = Annotated[str | None, typer.Option(help="CSV: only this table, and not a zip of all.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="The file; without it: standard output.")]


def register(app: typer.Typer) -> None:
    """Add the command group, with a command for each kind of report."""
    group = typer.Typer(no_args_is_help=True, help="Reports: PDF, XLSX, HTML, CSV, JSON, in Chinese or English.")
    for kind in kinds().values():
        name = kind.name.replace("_", "-")
        group.command(name, help=_title(kind.title), epilog=_EPILOG.format(name=name))(_command(kind.name))
    app.add_typer(group, name="report")


def _title(word: str) -> str:
    from fleet.reports.words import catalogue

    return f"{catalogue()[word]['en']}."


def _command(kind: str) -> Callable[..., None]:
    def command(
        from_: From,
        to: To = None,
        route: Annotated[str | None, typer.Option(help="Only this route.")] = None,
        vehicle: Annotated[str | None, typer.Option(help="Only this vehicle.")] = None,
        worker: Annotated[str | None, typer.Option(help="Only this worker.")] = None,
        crew: Annotated[str | None, typer.Option(help="Only this crew.")] = None,
        toilet: Annotated[str | None, typer.Option(help="Only this toilet.")] = None,
        plan: Annotated[str | None, typer.Option(help="Only this plan.")] = None,
        scheme: Annotated[str | None, typer.Option(help="The scheme of an evaluation.")] = None,
        zone: Zone = ZONE,
        format_: Form = None,
        lang: Lang = "zh",
        table: Table = None,
        output: Output = None,
        config: ConfigOption = None,
        data: DataOption = None,
    ) -> None:
        given = {"route": route, "vehicle": vehicle, "worker": worker, "crew": crew, "toilet": toilet}
        given |= {"plan": plan, "scheme": scheme}
        subject = {name: value for name, value in given.items() if value is not None}
        order = _order(kind, from_, to, zone, subject)
        chosen = _format(format_, output)
        if output is None and sys.stdout.isatty() and chosen != "json":
            raise ConfigError("-o: expected a file; a terminal cannot show this")
        report = _made(order, config, data)
        try:
            file = render(Edition(report.document, report.stamp, lang, table), chosen)
        except ValueError as error:
            raise ConfigError(f"--{error}") from None
        _written(report, file.content, output)

    return command


def _order(kind: str, from_: str, to: str | None, zone: str, subject: dict[str, str]) -> Order:
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"--zone: expected an IANA time zone such as {ZONE}, got {zone!r}") from None
    start = _instant("--from", from_, place, 0)
    end = _instant("--to", from_ if to is None else to, place, 1)
    if to is not None and start >= end:
        raise ConfigError(f"--to: expected a day or an instant that is not before --from ({from_}), got {to}")
    order = Order(kind, start, end, zone, subject)
    try:
        checked(order)
    except OrderError as error:
        raise ConfigError(f"--{error}") from None
    return order


def _instant(option: str, text: str, zone: ZoneInfo, days: int) -> int:
    """A local day's midnight, ``days`` later, or an instant."""
    try:
        on = _DAYS[text](datetime.now(zone).date()) if text in _DAYS else date.fromisoformat(text)
    except ValueError:
        try:
            return instants.parse(text)
        except ValueError:
            raise ConfigError(
                f"{option}: expected today, yesterday, a date (2026-11-23) or an instant with a zone "
                f"(2026-11-23T08:00:00+08:00), "
                f"got {text!r}"
            ) from None
    on += timedelta(days=days)
    return instants.from_datetime(datetime(on.year, on.month, on.day, tzinfo=zone))


def _format(chosen: FormatName | None, output: Path | None) -> str:
    if chosen is not None:
        return chosen
    suffix = "" if output is None else output.suffix.lstrip(".").lower()
    found = {"zip": "csv", "htm": "html", "": "pdf"}.get(suffix, suffix)
    if found not in get_args(FormatName):
        known = ".pdf, .xlsx, .html, .csv, .zip or .json"
        raise ConfigError(f"-o: expected a name that ends with {known}, or --format; got {output}")
    return found


def _made(order: Order, config: Path | None, data: Path | None) -> Report:
    """Make the report and keep it: the same data ends in the revision that is there already."""
    settings = load(config, data)

    async def work() -> Report:
        async with open_reads(settings) as (session, pool):
            with _bar() as bar:
                task = bar.add_task("", total=None)
                document = await make(order, pool, lambda done, whole: bar.update(task, completed=done, total=whole))
            store = Reports(session, WriteSession(pool, statement_timeout_s=60.0, acquire_timeout_s=30.0))
            return await patiently(lambda: store.keep(order, document, actor()))

    try:
        return run(work())
    except OrderError as error:
        raise ConfigError(f"--{error}") from None


def _bar() -> Progress:
    console = Console(stderr=True)
    columns: tuple[Any, ...] = (
        TextColumn("report"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _written(report: Report, content: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(content)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        hint = "" if output.parent.is_dir() else f"; make the folder {output.parent} first"
        raise ConfigError(f"-o: {output}: {error.strerror or error}{hint}") from None
    entry = report.entry
    title = Speech("en", report.document).word(report.document.title)
    news = "new" if report.made else "as before"
    typer.echo(f"{output}: {title}, revision {entry.revision} ({news}), sha256 {entry.hash[:12]}", err=True)
