"""``sanihub import``: devices and history from files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from time import time_ns
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from devices import instants
from devices.datum import DATUMS
from devices.errors import ConfigError
from devices.kinds import KINDS
from devices.metrics import Catalogue
from devices.registry import Registry
from fleet.importing.gathering import Fault
from hub.access import ConfigOption, DataOption, load, open_store, patiently
from hub.bootstrap import make_store
from hub.importing import device_files
from hub.importing.claimed_time import TimeReader, find_zone
from hub.importing.fleet_files import enter_files
from hub.importing.intake import Intake
from hub.importing.plan import Part, plan
from hub.importing.rows import check_encoding
from hub.importing.telemetry_files import Message, from_json_lines, from_table
from hub.protocols import decoders
from hub.running import run, stop_event
from hub.settings.settings import Settings
from ingest.adapters import mqtt_json
from ingest.plugin import Tools
from store.telemetry.devices_table import Entered, IdentityTakenError, enter
from store.telemetry.writer import PostgresStore

_EXAMPLES = """
Devices (YAML or CSV):   id,kind,name,status,identities, and any other column as an attribute

Readings (CSV):          device,time,fill_pct,battery_v   or   device,time,metric,value

Tracks (CSV):            device,time,lat,lon,speed_kmh,datum   (datum: wgs84, gcj02 or bd09)

Messages (.jsonl):       a native message a line, with the field device

Fleet (GeoJSON, GPX, CSV, YAML):   routes, places, areas, crews, workers, shifts, plans: docs/fleet/master-data.md

Examples:

  sanihub import devices.yaml

  sanihub import routes.geojson plans.csv --valid-from 2026-12-01T00:00:00+08:00

  sanihub import fleet.csv october.csv --zone Asia/Shanghai --encoding gb18030

  sanihub import tracks/ --kind vehicle --dry-run
"""


class Done(msgspec.Struct):
    """What became of one file."""

    part: Part
    rows: int = 0
    faults: int = 0
    detail: str = ""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import", epilog=_EXAMPLES)(import_)


def import_(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
    zone: Annotated[str | None, typer.Option(help="Time zone of times that name none, as Asia/Shanghai.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of devices that are not known and name none.")] = None,
    encoding: Annotated[str, typer.Option(help="Encoding of the files.")] = "utf-8",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check the files; open no store.")] = False,
    shown: Annotated[int, typer.Option("--max-faults", min=0, help="Faults to print of each file.")] = (50),
    datum: Annotated[str | None, typer.Option(help="Datum of the fleet's positions: wgs84, gcj02 or bd09.")] = None,
    valid_from: Annotated[
        str | None, typer.Option("--valid-from", help="When changed routes and areas begin to count; else now.")
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Import devices, master data of the fleet, readings and tracks. To import a file twice changes nothing.

    Rows at fault are told as file:line: reason, and the sound ones are stored; of devices and of the fleet, all or
    nothing.
    Imported history does not make a device look alive. The exit code is 1 when there was any fault.
    """
    settings = load(config, data)
    if kind is not None and kind not in KINDS:
        raise ConfigError(f"--kind: expected one of {', '.join(KINDS)}; got {kind!r}")
    if datum is not None and datum not in DATUMS:
        raise ConfigError(f"--datum: expected one of {', '.join(DATUMS)}; got {datum!r}")
    since = None
    if valid_from is not None:
        try:
            since = instants.parse(valid_from)
        except ValueError as error:
            raise ConfigError(f"--valid-from: {error}") from None
    time = TimeReader(find_zone(zone), settings.intake.rules().clock, time_ns() // 1_000)
    parts = plan(paths, check_encoding(encoding), Catalogue())
    work = Import(settings, time, kind, shown, datum=datum, valid_from=since)
    try:
        run(work.dry(parts) if dry_run else work.run(parts))
    finally:
        if work.done:
            Console().print(_table(work.done, dry_run))
    if work.interrupted:
        typer.echo("interrupted; what was read so far is stored, and the same import can be run again", err=True)
    if work.interrupted or any(done.faults for done in work.done):
        raise typer.Exit(1)


class Import:
    """One run over all files; stops between two batches when asked to."""

    def __init__(
        self,
        settings: Settings,
        time: TimeReader,
        kind: str | None,
        shown: int,
        *,
        datum: str | None = None,
        valid_from: int | None = None,
    ) -> None:
        self.done: list[Done] = []
        self.interrupted = False
        self._settings = settings
        self._time = time
        self._kind = kind
        self._shown = shown
        self._datum, self._valid_from = datum, valid_from
        self._console = Console(stderr=True)
        self._decoder = decoders(settings, Tools(Catalogue()))[mqtt_json.NAME]

    async def dry(self, parts: list[Part]) -> None:
        """Read and check all files."""
        await self._all(parts, "", None)

    async def run(self, parts: list[Part]) -> None:
        """Import all files. Raises TransientError when the store stays away."""
        async with open_store(self._settings, create=True) as access:
            store = make_store(self._settings, access.dsn, Catalogue())
            try:
                await patiently(store.open)
                await self._all(parts, access.dsn, store)
            finally:
                await store.close()

    async def _all(self, parts: list[Part], dsn: str, store: PostgresStore | None) -> None:
        stop = stop_event()
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal) as bar:
            fleet = [part for part in parts if part.fleet is not None]
            tasks = [bar.add_task(part.file.path.name, total=part.size) for part in parts]
            for part, task in zip(parts, tasks, strict=True):
                if part.fleet is not None:
                    if part is fleet[0] and not await self._fleet(fleet, dsn):
                        return
                    bar.update(task, completed=part.size)
                    continue
                done = Done(part)
                self.done.append(done)
                if part.devices:
                    await self._devices(done, dsn)
                    if done.faults:  # telemetry may be of just these devices
                        return
                else:
                    await self._telemetry(done, store, bar, task, stop)
                bar.update(task, completed=part.size)
                if stop.is_set():
                    self.interrupted = True
                    return

    async def _devices(self, done: Done, dsn: str) -> None:
        part = done.part
        found = device_files.from_table(part.table) if part.table else device_files.from_yaml(part.file)
        done.rows = len(found.devices)
        for line, reason in found.faults:
            self._tell(done, line, reason)
        if found.faults:
            done.detail = "nothing of this file was written"
            return
        if not dsn or not found.devices:
            return
        specs = [spec for _, spec in found.devices]
        try:
            entered: Entered = await patiently(lambda: enter(dsn, specs, self._kind))
        except IdentityTakenError as error:
            lines = {spec.id: line for line, spec in found.devices}
            for device, identity, owner in error.conflicts:
                self._tell(done, lines[device], f"identities: {identity} belongs to {owner}")
            done.detail = "nothing of this file was written"
            return
        done.detail = f"{entered.created} new, {entered.changed} changed, {entered.unchanged} as they were"

    async def _fleet(self, parts: list[Part], dsn: str) -> bool:
        """Enter all files of the fleet together; whether they were sound."""
        dones = [Done(part) for part in parts]
        self.done += dones

        def tell(number: int, fault: Fault) -> None:
            self._tell(dones[number], fault.line, str(fault))

        outcome = await enter_files(parts, dsn, tell, datum=self._datum, valid_from=self._valid_from)
        for done, rows, notes in zip(dones, outcome.counts, outcome.notes, strict=True):
            done.rows = rows
            done.detail = "; ".join((*notes, *([outcome.detail()] if outcome.detail() and done is dones[-1] else [])))
        return not outcome.faults

    async def _telemetry(
        self, done: Done, store: PostgresStore | None, bar: Progress, task: TaskID, stop: asyncio.Event
    ) -> None:
        registry = Registry()
        prefix, rules = self._settings.sections(mqtt_json.PLUGIN)[0].prefix, self._settings.intake.rules()
        intake = Intake(store, registry, self._decoder, rules, prefix)

        def tell(message: Message, reason: str) -> None:
            self._tell(done, message.line, reason)

        try:
            for message in self._messages(done):
                if intake.add(message, tell):
                    await intake.store(tell)
                    bar.update(task, completed=done.part.file.consumed)
                    await asyncio.sleep(0)  # a signal gets its turn even where nothing waits
                    if stop.is_set():
                        break
            await intake.store(tell)
        finally:
            counts = intake.counts
            done.rows = counts.rows
            done.detail = f"{counts.inserted:,} new, {counts.duplicates:,} there already" if store else ""

    def _messages(self, done: Done) -> Iterator[Message]:
        part = done.part

        def tell(line: int, reason: str) -> None:
            self._tell(done, line, reason)

        if part.table is not None and part.form is not None:
            return from_table(part.table, part.form, self._time, self._kind, tell)
        return from_json_lines(part.file, self._time, self._kind, tell)

    def _tell(self, done: Done, line: int, reason: str) -> None:
        done.faults += 1
        if done.faults <= self._shown:
            text = f"{done.part.file.path}:{line}: {reason}"
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        elif done.faults == self._shown + 1:
            self._console.print(f"{done.part.file.path}: more faults; they are counted only", markup=False)


def _table(files: list[Done], dry_run: bool) -> Table:
    title = "Dry run: nothing was written" if dry_run else None
    table = Table("file", "what", "rows read", "faults", "stored", title=title, title_justify="left")
    for done in files:
        rows, faults = f"{done.rows:,}", f"{done.faults:,}"
        table.add_row(str(done.part.file.path), done.part.what, rows, faults, done.detail)
    return table
