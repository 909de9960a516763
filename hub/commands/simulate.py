"""``sanihub simulate``: a city, or a load, that speaks to any broker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic, time_ns
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import typer
import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from devices import instants
from devices.errors import ConfigError
from hub import logs
from hub.running import run, stop_event
from hub.simulated_peers import peers
from simulators.run import Progress as Stage
from simulators.run import Summary
from simulators.run import run as simulate_city
from simulators.scenario import Scenario, ScenarioError, load_scenario, scenario_names
from simulators.speakers.mqtt_json import BrokerAddress

PLAIN_EVERY_S = 10.0  #: between two lines where there is no terminal
AHEAD_US = 60_000_000  #: what the hub believes of a time that is later than its own

_EXAMPLES = """
Examples:

  sanihub simulate --list

  sanihub simulate demo --minutes 10

  sanihub simulate faulty --broker mqtts://fleet:secret@broker.example.org --ca ca.pem --truth truth.jsonl

  sanihub simulate demo --jt808 127.0.0.1:6808 --nmea-tcp 127.0.0.1:10110 --modbus-port 5020

  sanihub simulate small --start 2026-11-01T06:00:00+08:00 --minutes 600 --speed 0 --set size.bins=100
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate", epilog=_EXAMPLES)(simulate)


def simulate(
    scenario: Annotated[str | None, typer.Argument(help="Name of a scenario, or a YAML file.")] = None,
    broker: Annotated[str, typer.Option(help="mqtt://user:password@host:port, or mqtts:// with TLS.")] = (
        "mqtt://127.0.0.1:1883"
    ),
    ca: Annotated[Path | None, typer.Option(help="PEM file of the authority of an mqtts:// broker.")] = None,
    jt808: Annotated[str | None, typer.Option(help="host:port of a platform for JT/T 808 terminals.")] = None,
    nmea_tcp: Annotated[str | None, typer.Option(help="host:port of a server for NMEA receivers.")] = None,
    nmea_udp: Annotated[str | None, typer.Option(help="host:port that takes NMEA datagrams.")] = None,
    http: Annotated[str | None, typer.Option(help="URL of a hub that takes posts (http://host:8080).")] = None,
    key: Annotated[str | None, typer.Option(help="The key that posts show.")] = None,
    modbus_port: Annotated[
        int | None, typer.Option(help="Port of the first simulated Modbus gateway; others follow.", min=1, max=65_535)
    ] = None,
    lorawan: Annotated[bool, typer.Option(help="Speak as ChirpStack and The Things Stack at the broker.")] = True,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random; the scenario's own if left out.")] = None,
    start: Annotated[str, typer.Option(help="First instant: ISO 8601 with a zone, or now.")] = "now",
    minutes: Annotated[float | None, typer.Option(help="Simulated minutes after the start; no end if left out.")] = (
        None
    ),
    speed: Annotated[float | None, typer.Option(help="Simulated seconds a second; 0 for as fast as possible.")] = None,
    backfill: Annotated[float | None, typer.Option(help="Hours of history to send before the start.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Write what really happened to this file (JSON lines).")] = None,
    changes: Annotated[list[str], typer.Option("--set", help="Change a field of the scenario: size.bins=100.")] = [],  # noqa: B006
    list_: Annotated[bool, typer.Option("--list", help="Show the scenarios and leave.")] = False,
) -> None:
    """Simulate devices that report until ctrl-C, or for so many minutes.

    A scenario may give protocols to shares of its devices (speakers); one without an address here gives way to JSON
    over MQTT, with a note.
    """
    if list_:
        Console().print(_scenarios())
        return
    if scenario is None:
        raise ConfigError(f"simulate: name a scenario ({', '.join(scenario_names())}) or a YAML file")
    logs.configure()
    chosen = _scenario(scenario, changes)
    options: dict[str, Any] = {
        "broker": broker_address(broker, ca),
        "peers": peers(jt808, nmea_tcp, nmea_udp, http, key, modbus_port, lorawan),
        "start_us": _start(start),
        "seed": seed,
        "minutes": _positive("minutes", minutes),
        "speed": _positive("speed", speed),
        "backfill_hours": _positive("backfill", backfill),
        "truth": truth,
    }
    _carry_out(chosen, options)


def _carry_out(chosen: Scenario, options: dict[str, Any]) -> None:
    console = Console(stderr=True)
    _warn_of_future(console, chosen, options)
    try:
        summary = run(_simulate(chosen, options, console))
    except OSError as error:
        raise ConfigError(f"simulate: {error}") from None
    Console().print(_table(summary))


async def _simulate(scenario: Scenario, options: dict[str, Any], console: Console) -> Summary:
    stop = stop_event()
    if not console.is_terminal:
        return await simulate_city(scenario, **options, progress=PlainLines(console.print), stop=stop)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"))
    with Progress(*columns, console=console, transient=True) as bar:
        shown = _Bar(bar, bar.add_task("connecting", total=None, figures=""))
        return await simulate_city(scenario, **options, progress=shown, stop=stop)


class _Rate:
    """Acknowledged messages a second, over the time since the last look."""

    def __init__(self) -> None:
        self._at, self._count, self._rate = monotonic(), 0, 0.0

    def __call__(self, acknowledged: int) -> float:
        now = monotonic()
        if now - self._at >= 1.0:
            self._rate = (acknowledged - self._count) / (now - self._at)
            self._at, self._count = now, acknowledged
        return self._rate


class _Bar:
    """Progress on a terminal."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task, self._rate = bar, task, _Rate()

    def __call__(self, stage: Stage) -> None:
        total = None if stage.done is None else 1.0
        self._bar.update(
            self._task,
            description=f"{stage.phase} {instants.to_iso(stage.simulated_us // 1_000_000 * 1_000_000)}",
            total=total,
            completed=stage.done or 0,
            figures=_figures(stage, self._rate(stage.acknowledged)),
        )


class PlainLines:
    """Progress where there is no terminal: a line at each change of phase, at the end, and now and then."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write, self._rate = write, _Rate()
        self._phase, self._told = "", 0.0

    def __call__(self, stage: Stage) -> None:
        """Take notice of a stage."""
        now = monotonic()
        if stage.phase == self._phase and now - self._told < PLAIN_EVERY_S:
            return
        self._phase, self._told = stage.phase, now
        share = "" if stage.done is None else f" ({stage.done:.0%})"
        figures = _figures(stage, self._rate(stage.acknowledged))
        self._write(f"{stage.phase}{share} {instants.to_iso(stage.simulated_us)}: {figures}")


def _figures(stage: Stage, rate: float) -> str:
    return f"{stage.messages:,} messages, {stage.acknowledged:,} acknowledged, {rate:,.0f}/s"


def broker_address(url: str, ca: Path | None) -> BrokerAddress:
    """The broker of a URL. Raises ConfigError that says what was expected; a password is never repeated."""
    expected = "expected mqtt://user:password@host:port or mqtts://..."
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:  # its text may hold a part of the password
        raise ConfigError(f"--broker: {expected}; in a name or password write @ as %40, / as %2F") from None
    if parts.scheme not in ("mqtt", "mqtts") or not host or parts.path.strip("/") or parts.query:
        raise ConfigError(f"--broker: {expected}")
    tls = parts.scheme == "mqtts"
    if ca is not None and not tls:
        raise ConfigError("--ca: is for mqtts:// only")
    if ca is not None and not ca.is_file():
        raise ConfigError(f"--ca: {ca}: no such file")
    username = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return BrokerAddress(host, port or (8883 if tls else 1883), username, password, tls, ca)


def _scenario(name: str, changes: list[str]) -> Scenario:
    overrides = {}
    for change in changes:
        field, separator, text = change.partition("=")
        if not separator or not field:
            raise ConfigError(f"--set: expected field=value (size.bins=100), got {change!r}")
        try:
            overrides[field] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ConfigError(f"--set {field}: {text!r} is no YAML value") from None
    try:
        return load_scenario(name, overrides)
    except ScenarioError as error:
        raise ConfigError(str(error)) from None


def _start(text: str) -> int:
    if text == "now":
        return time_ns() // 1_000
    try:
        return instants.parse(text)
    except ValueError as error:
        raise ConfigError(f"--start: {error}") from None


def _positive(name: str, number: float | None) -> float | None:
    if number is not None and not 0 <= number < 1e9:
        raise ConfigError(f"--{name}: expected a number from 0 on, got {number:g}")
    return number


def _warn_of_future(console: Console, scenario: Scenario, options: dict[str, Any]) -> None:
    """The hub does not believe times far ahead of its clock, and files such records at their reception."""
    speed = scenario.speed if options["speed"] is None else options["speed"]
    ahead_us = options["start_us"] - time_ns() // 1_000
    if speed in (0, None) or speed > 1:
        ahead_us += int((1e6 if options["minutes"] is None else options["minutes"]) * 60_000_000)
    if ahead_us > AHEAD_US:
        console.print(
            "note: this run gets ahead of the clock; a hub does not believe times in its future. "
            "Choose an earlier --start, or --speed 1.",
            style="yellow",
        )


def _scenarios() -> Table:
    table = Table("scenario", "what", "backfill", "speed")
    for name in scenario_names():
        scenario = load_scenario(name)
        pace = "unlimited" if scenario.speed == 0 else f"{scenario.speed:g}x"
        table.add_row(name, scenario.title, f"{scenario.backfill_hours:g} h", pace)
    return table


def _table(summary: Summary) -> Table:
    table = Table(show_header=False)
    table.add_row("simulated", f"{instants.to_iso(summary.start_us)} to {instants.to_iso(summary.end_us)}")
    table.add_row("messages", f"{summary.messages:,}")
    table.add_row("acknowledged", f"{summary.acknowledged:,}")
    if summary.unacknowledged:
        table.add_row("not acknowledged (peer away)", f"{summary.unacknowledged:,}")
    if summary.refused:
        table.add_row("refused", f"{summary.refused:,}")
    if summary.unconfirmed:
        table.add_row("sent, without answers in their protocol", f"{summary.unconfirmed:,}")
    if len(summary.protocols) > 1:
        for protocol, counts in summary.protocols.items():
            table.add_row(f"messages by {protocol}", f"{counts.messages:,}")
    for kind, count in sorted(summary.observations.items()):
        table.add_row(f"reports of {kind}s", f"{count:,}")
    return table
