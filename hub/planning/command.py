"""``sanihub plan collection``: plan a shift's collection from what the store knows of the bins."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from devices.errors import ConfigError
from devices.instants import from_datetime, to_datetime
from fleet.master.places import Place
from fleet.planning.geojson import plan_geojson, read_places
from fleet.planning.problem import CollectionPlan
from hub.access import ConfigOption, DataOption, actor, load, open_reads, patiently
from hub.planning.entry import enter as enter_plan
from hub.planning.request import Expect, Gathered, Request, Sources, gather, streets_of, travel_of
from hub.planning.solver_process import solve_apart
from hub.running import run
from hub.settings.settings import Settings
from store.orders.plans import EnteredRun, WorkOrders
from store.writing import WriteSession

_EPILOG = """
Examples:

  sanihub plan collection --date 2026-11-25 --streets streets.geojson

  sanihub plan collection --date 2026-11-25 --shift 21:00-05:00 --places places.geojson --geojson plan.geojson --enter
"""
_SHIFT = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)")


DateOption = Annotated[str, typer.Option("--date", help="Service date: that on which the shift begins, YYYY-MM-DD.")]
PlacesOption = Annotated[
    Path | None,
    typer.Option(help="GeoJSON points with role (depot, tip) and id or name, instead of those of the master data."),
]
ShiftOption = Annotated[str, typer.Option(help="From and to, local; past midnight is fine.")]
ZoneOption = Annotated[str | None, typer.Option(help="Time zone; that of the settings' [bins] without it.")]
StreetsOption = Annotated[Path | None, typer.Option(help="GeoJSON lines; without it ways lead along a grid.")]
BinsOption = Annotated[Path | None, typer.Option(help="Ids of bins, a line each; all that are due without it.")]
VehiclesOption = Annotated[list[str], typer.Option(help="Vehicle; may be repeated. All refuse trucks without it.")]
CollectOption = Annotated[float, typer.Option(min=1, max=100, help="Fill at which a bin is due.")]
NextOption = Annotated[float, typer.Option(min=0, help="Hours until the next shift begins.")]
ExpectOption = Annotated[
    Expect, typer.Option(help="Go by the fill model's forecast, or by nothing but last readings and rates.")
]
CapacityOption = Annotated[float, typer.Option(min=1, help="Litres of a body, where a vehicle does not say.")]
CompactionOption = Annotated[float, typer.Option(min=0.1, help="How many times it packs, likewise.")]
GeojsonOption = Annotated[Path | None, typer.Option(help="Write tours and stops to this file.")]
EnterOption = Annotated[bool, typer.Option("--enter", help="Enter work orders, and routes and plans.")]
JsonOption = Annotated[bool, typer.Option("--json", help="The whole plan as JSON instead of a table.")]


def collection(
    date_: DateOption,
    places: PlacesOption = None,
    shift: ShiftOption = "05:00-13:00",
    zone: ZoneOption = None,
    streets: StreetsOption = None,
    bins: BinsOption = None,
    vehicles: VehiclesOption = [],  # noqa: B006
    collect_pct: CollectOption = 85.0,
    next_shift_h: NextOption = 0.0,
    expect: ExpectOption = "forecast",
    capacity_l: CapacityOption = 8_000.0,
    compaction: CompactionOption = 3.0,
    geojson: GeojsonOption = None,
    enter: EnterOption = False,
    json_: JsonOption = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Plan which bins are collected in a shift, by which vehicle, in which order; prints a table."""
    settings = load(config, data)
    zone = zone or settings.bins.zone
    begin, end, on = _span(date_, shift, zone)
    depot, tips = _places(places)
    request = Request(
        *(on, begin, end, depot, tips, tuple(vehicles), () if bins is None else tuple(_lines(bins))),
        collect_pct=collect_pct,
        next_shift_h=next_shift_h,
        capacity_l=capacity_l,
        compaction=compaction,
        streets=None if streets is None else _json(streets),
        expect=expect,
        zone=zone,
    )
    gathered, plan, entered = run(_plan(settings, request, enter))
    if geojson is not None:
        drawn = plan_geojson(plan, streets_of(request))
        geojson.write_text(json.dumps(drawn, ensure_ascii=False) + "\n", "utf-8")
    _tell(plan, zone, as_json=json_)
    _tell_beside(gathered, entered)


def _tell(plan: CollectionPlan, zone: str, *, as_json: bool) -> None:
    """The plan, to standard output."""
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(plan), indent=2).decode())
        return
    Console().print(table(plan, zone))
    for one in plan.unserved:
        typer.echo(f"left: {one.bin}: {one.why} ({one.code})")


def _tell_beside(gathered: Gathered, entered: EnteredRun | None) -> None:
    """What is to be known about it, to standard error."""
    rests = Counter(demand.source for demand in gathered.problem.demands)
    if rests:
        told = ", ".join(f"{rests[source]} {source}" for source in ("forecast", "measured", "age") if rests[source])
        typer.echo(f"expected fills: {told}", err=True)
    if gathered.nowhere:
        typer.echo(
            f"{len(gathered.nowhere)} bins stand nobody knows where: {', '.join(gathered.nowhere[:10])}", err=True
        )
    if entered is not None:
        said = "was entered before" if entered.known else f"entered; {entered.cancelled} earlier orders cancelled"
        typer.echo(f"{entered.run}: {entered.orders} work orders, {said}", err=True)


async def _plan(
    settings: Settings, request: Request, enter: bool
) -> tuple[Gathered, CollectionPlan, EnteredRun | None]:
    async with open_reads(settings) as (session, pool):
        sources = Sources.over(session, settings.bins)
        gathered = await patiently(lambda: gather(request, sources))
        plan = await solve_apart(gathered.problem, travel_of(request, gathered.problem))
        orders = WorkOrders(session, WriteSession(pool))
        if not enter:
            return gathered, plan, None
        return gathered, plan, await patiently(lambda: enter_plan(orders, plan, request, gathered, actor()))


def table(plan: CollectionPlan, zone: str) -> Table:
    """The tours as people read them, in local time."""
    title = f"{plan.on}: {plan.served} bins, {len(plan.tours)} tours, {plan.distance_m / 1_000:.1f} km"
    made = Table(title=f"{title}, {len(plan.unserved)} left", title_justify="left")
    for name in ("vehicle", "out", "back", "bins", "tips", "km", "first", "last"):
        made.add_column(name, justify="right" if name in ("bins", "tips", "km") else "left")
    for tour in plan.tours:
        ends = (_clock(tour.visits[0].leave, zone), _clock(tour.visits[-1].arrive, zone))
        tips = sum(visit.kind == "tip" for visit in tour.visits)
        cells = (*ends, len(tour.bins), tips, f"{tour.distance_m / 1_000:.1f}", tour.bins[0], tour.bins[-1])
        made.add_row(escape(tour.truck), *(escape(str(cell)) for cell in cells))
    return made


def _span(on: str, shift: str, zone: str) -> tuple[int, int, date]:
    try:
        day = date.fromisoformat(on)
    except ValueError:
        raise ConfigError(f"--date: expected YYYY-MM-DD, got {on!r}") from None
    try:
        clock = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(f"--zone: there is no {zone!r}; expected a name such as Asia/Shanghai") from None
    match = _SHIFT.fullmatch(shift)
    try:
        first, last = (time.fromisoformat(part) for part in match.groups()) if match else (None, None)
    except ValueError:
        first = last = None
    if first is None or last is None:
        raise ConfigError(f"--shift: expected HH:MM-HH:MM, got {shift!r}")
    until = day if last > first else day + timedelta(days=1)
    begin, end = (datetime.combine(at, wall, clock) for at, wall in ((day, first), (until, last)))
    return from_datetime(begin), from_datetime(end), day


def _places(file: Path | None) -> tuple[Place | None, tuple[Place, ...] | None]:
    """Depot and tips of a file; without one those of the master data are taken."""
    if file is None:
        return None, None
    known = read_places(_json(file))
    depots = [place for place in known if place.role == "depot"]
    if not depots:
        raise ConfigError(f"{file}: expected a place of role depot")
    return depots[0], tuple(place for place in known if place.role == "tip")


def _clock(at: int, zone: str) -> str:
    return to_datetime(at).astimezone(ZoneInfo(zone)).strftime("%H:%M")


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or error}") from None
    except ValueError as error:
        raise ConfigError(f"{file}: expected JSON: {error}") from None
    if not isinstance(content, dict) or content.get("type") != "FeatureCollection":
        raise ConfigError(f"{file}: expected a GeoJSON FeatureCollection")
    return content


def _lines(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text("utf-8-sig").splitlines() if line.strip()]
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or error}") from None


def register(plan: typer.Typer) -> None:
    """Add the command to those of ``sanihub plan``."""
    plan.command("collection", epilog=_EPILOG)(collection)
