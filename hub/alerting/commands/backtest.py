"""``sanihub alerts backtest``: what rules would have found in stored history, beside what was told, and how well."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from time import time_ns
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from alerts.fold import Alert
from alerts.rule_file import load_rules
from devices import instants
from devices.errors import ConfigError
from devices.registry import Registry
from devices.vocabulary import Device
from hub.access import ConfigOption, DataOption, load, open_reads, patiently
from hub.alerting.backtest import Backtest, Compared, Span
from hub.alerting.truths import Scored, Witness, read_truths, scores
from hub.running import run
from store.alerts.history import AlertHistory
from store.connection import translated_errors
from store.reading import Pool
from store.telemetry import devices_table

HOUR = 3_600_000_000
_EPILOG = """
Examples:

  sanihub alerts backtest --rules rules.yaml --from 2026-11-01T00:00:00+08:00 --to 2026-11-08T00:00:00+08:00

  sanihub alerts backtest --rules rules.yaml --from 2026-11-01T00:00:00Z --device bin-0042 --json

  sanihub alerts backtest --rules rules.yaml --from 2026-11-01T00:00:00Z --truth truth.jsonl
"""


def register(alerts: typer.Typer) -> None:
    """Add the command to those of ``sanihub alerts``."""
    alerts.command("backtest", epilog=_EPILOG)(backtest)


def backtest(
    rules: Annotated[Path, typer.Option(help="The rule file.")],
    from_: Annotated[str, typer.Option("--from", help="The first instant, with a zone.")],
    to: Annotated[str | None, typer.Option(help="The end; now, where it is left out.")] = None,
    device: Annotated[list[str], typer.Option(help="Only this device; may be repeated.")] = [],  # noqa: B006
    lead_hours: Annotated[float, typer.Option(min=0, max=24 * 60, help="So much before counts as known.")] = 24,
    truth: Annotated[Path | None, typer.Option(help="What really happened (sanihub simulate --truth): scores.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="JSON lines: an alert each, then the scores.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Run a rule file over stored history, and print what would have fired against what did.

    Nothing is written and nobody is told. Alerts count that are raised between --from and --to.
    """
    chosen = load_rules(rules)
    end = time_ns() // 1_000 if to is None else _instant("--to", to)
    span = Span(_instant("--from", from_), end, round(lead_hours * HOUR))
    if span.begin >= span.end:
        raise ConfigError("--from: expected an instant before --to")
    known = None if truth is None else read_truths(truth)
    settings, witness = load(config, data), Witness()

    async def work() -> tuple[list[Device], list[Compared]]:
        async with open_reads(settings) as (session, pool):
            devices = _picked(await patiently(lambda: _devices(pool)), device)
            with _bar() as bar:
                task = bar.add_task("", total=len(devices) * span.days)
                history = AlertHistory(session)
                test = Backtest(history, chosen, span, lambda days: bar.update(task, advance=days), witness.note)
                return devices, await test.run(devices)

    devices, compared = run(work())
    scored = [] if known is None else scores(known, witness, compared, devices, chosen, span)
    if json_:
        for line in (*map(_shown, compared), *scored):
            sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
        return
    console = Console()
    console.print(_table(compared, [rule.id for rule in chosen]))
    if known is not None:
        console.print(_scores(scored))


def _instant(option: str, text: str) -> int:
    try:
        return instants.parse(text)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from None


async def _devices(pool: Pool) -> list[Device]:
    with translated_errors():
        async with pool.connection() as connection:
            return Registry(await devices_table.changed(connection, 0)).devices()


def _picked(devices: list[Device], wanted: list[str]) -> list[Device]:
    """The devices that are asked for. Raises ConfigError for one that there is not."""
    known = {device.id: device for device in devices}
    missing = [name for name in wanted if name not in known]
    if missing:
        raise ConfigError(f"--device: there is no device {missing[0]!r}")
    return [known[name] for name in dict.fromkeys(wanted)] if wanted else sorted(devices, key=lambda one: one.id)


def _bar() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("device-days"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _shown(one: Compared) -> dict[str, object]:
    """An alert for programs."""
    alert = one.fired or one.told
    assert alert is not None
    outcome = "matched" if one.fired and one.told else "only in the backtest" if one.fired else "only told"
    return {
        "outcome": outcome,
        "device": one.device,
        "rule": one.rule,
        "scope": alert.scope,
        "fired": _span(one.fired),
        "told": _span(one.told),
        "alert": one.told_id,
    }


def _span(alert: Alert | None) -> dict[str, object] | None:
    if alert is None:
        return None
    cleared = None if alert.cleared_at is None else instants.to_iso(alert.cleared_at)
    return {"raised_at": instants.to_iso(alert.raised_at), "cleared_at": cleared, "value": alert.raised.value}


def _table(compared: list[Compared], rules: list[str]) -> Table:
    counts = Counter((one.rule, bool(one.fired), bool(one.told)) for one in compared)
    table = Table(title=f"{len(compared)} alerts" if compared else "No alerts", title_justify="left")
    for name in ("rule", "would fire", "was told", "matched", "only in the backtest", "only told"):
        table.add_column(name, justify="left" if name == "rule" else "right", no_wrap=name == "rule")
    for rule in dict.fromkeys([*rules, *sorted(one.rule for one in compared)]):
        both, new, old = counts[rule, True, True], counts[rule, True, False], counts[rule, False, True]
        table.add_row(escape(rule), *map(str, (both + new, both + old, both, new, old)))
    return table


def _scores(scored: list[Scored]) -> Table:
    table = Table(title="Against the truth", title_justify="left")
    names = ("rule", "truth", "truths", "found", "missed", "wrong", "precision", "recall", "delay p50", "delay p95")
    for name in names:
        left = name in ("rule", "truth")
        table.add_column(name, justify="left" if left else "right", no_wrap=left)
    for one in scored:
        shares = ("–" if share is None else f"{share:.3f}" for share in (one.precision, one.recall))
        delays = ("–" if delay is None else f"{delay:.0f} s" for delay in (one.delay_p50_s, one.delay_p95_s))
        counts = map(str, (one.truths, one.found, one.missed, one.wrong))
        table.add_row(escape(one.rule), one.truth, *counts, *shares, *delays)
    return table
