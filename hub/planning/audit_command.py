"""``sanihub plan audit``: an entered plan against what was driven."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.ports.planning import RunAudit
from devices.errors import ConfigError
from devices.instants import to_datetime
from fleet.planning.audit import TourAudit
from hub.access import ConfigOption, DataOption, load, open_reads, patiently
from hub.planning.audits import PlanAudits
from hub.running import run
from hub.settings.settings import Settings
from store.orders.plans import WorkOrders
from store.writing import WriteSession

_EPILOG = """
The plan's name is what --enter printed, and stands with each work order.

Examples:

  sanihub plan audit collection-2026-11-25-0a1b2c3d4e5f

  sanihub plan audit collection-2026-11-25-0a1b2c3d4e5f --stops
"""
_COLUMNS = ("vehicle", "km", "bins", "by another", "missed", "no data", "in order", "out", "back")


def audit(
    plan: Annotated[str, typer.Argument(metavar="RUN", help="The entered plan.")],
    stops: Annotated[bool, typer.Option("--stops", help="A line for each stop that was not collected as planned.")] = (
        False
    ),
    json_: Annotated[bool, typer.Option("--json", help="The whole audit as JSON instead of a table.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Hold an entered plan against what was driven and what became of the bins, once its shift is over."""
    settings = load(config, data)
    found = run(_audit(settings, plan))
    if found is None:
        raise ConfigError(f"there is no entered plan called {plan!r}; work orders name theirs")
    if json_:
        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    Console().print(table(found, settings.bins.zone))
    for line in summary(found):
        typer.echo(line)
    if stops:
        for stop in found.audit.stops:
            if stop.fate != "served":
                typer.echo(
                    f"{stop.bin}: {stop.fate}, planned for {stop.truck}" + (f", by {stop.by}" if stop.by else "")
                )


async def _audit(settings: Settings, plan: str) -> RunAudit | None:
    async with open_reads(settings) as (session, pool):
        audits = PlanAudits(pool, WorkOrders(session, WriteSession(pool)))
        return await patiently(lambda: audits.audit(plan))


def table(found: RunAudit, zone: str) -> Table:
    """The tours as people read them, in local time."""
    state = "" if found.in_force else "; another plan has taken its place"
    made = Table(
        title=f"{found.run}{state}",
        caption="km, bins, out and back: done / planned",
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name in _COLUMNS:
        made.add_column(name, justify="left" if name == "vehicle" else "right")
    for tour in found.audit.tours:
        made.add_row(escape(tour.truck), *_cells(tour, zone))
    return made


def summary(found: RunAudit) -> list[str]:
    """All tours together, a line for each figure that there is."""
    told = found.audit
    lines = []
    for name, share in (("served", told.served_share), ("on time", told.on_time_share), ("in order", told.order_kept)):
        lines.append(f"{name}: {_share(share)}")
    lines.append(f"emptied and in no tour: {len(told.unplanned)}")
    if told.overflow_h is not None:
        lines.append(f"bin-hours at 95 % or more: {told.overflow_h:.1f}")
    return lines


def _cells(tour: TourAudit, zone: str) -> tuple[str, ...]:
    return (
        f"{_km(tour.driven_m)}/{_km(tour.planned_m)}",
        f"{tour.served}/{tour.bins}",
        *(str(count) for count in (tour.served_by_other, tour.missed, tour.no_data)),
        _share(tour.order_kept),
        f"{_clock(tour.out, zone)}/{_clock(tour.planned_out, zone)}",
        f"{_clock(tour.back, zone)}/{_clock(tour.planned_back, zone)}",
    )


def _km(metres: float | None) -> str:
    return "-" if metres is None else f"{metres / 1_000:.1f}"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _clock(at: int | None, zone: str) -> str:
    return "-" if at is None else to_datetime(at).astimezone(ZoneInfo(zone)).strftime("%H:%M")


def register(plan: typer.Typer) -> None:
    """Add the command to those of ``sanihub plan``."""
    plan.command("audit", epilog=_EPILOG)(audit)
