"""``sanihub alerts list``: alerts from the store."""

from __future__ import annotations

import sys
from typing import Annotated, Literal, get_args

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alerts.records import AlertEntry, AlertFilter
from alerts.rule import Severity
from devices import instants
from devices.errors import ConfigError
from hub.access import ConfigOption, DataOption, load, open_reads, patiently
from hub.running import run
from store.readers.alerts import AlertReads

PAGE = 1_000
INSTANTS = (
    *("raised_at", "cleared_at", "told_at", "settled_at"),
    *("revised_at", "acknowledged_at", "closed_at", "quiet_until"),
)
_EPILOG = """
Examples:

  sanihub alerts list --open --severity critical

  sanihub alerts list --device bin-0042 --rule bin-full --json
"""

_WHOLE = ("id", "raised", "severity", "value", "stage")  #: columns that are not folded
Grade = Literal["info", "warning", "critical"]


def register(alerts: typer.Typer) -> None:
    """Add the command to those of ``sanihub alerts``."""
    alerts.command("list", epilog=_EPILOG)(list_alerts)


def list_alerts(
    open_: Annotated[bool, typer.Option("--open", help="Only what is neither cleared nor closed.")] = False,
    severity: Annotated[list[str], typer.Option(help="info, warning, critical; may be repeated.")] = [],  # noqa: B006
    rule: Annotated[list[str], typer.Option(help="Only this rule; may be repeated.")] = [],  # noqa: B006
    device: Annotated[list[str], typer.Option(help="Only this device; may be repeated.")] = [],  # noqa: B006
    area: Annotated[list[str], typer.Option(help="Only this area; may be repeated.")] = [],  # noqa: B006
    parts: Annotated[bool, typer.Option("--parts", help="Also the alerts that are part of a storm.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    json_: Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """List alerts, those raised last first."""
    for one in severity:
        if one not in get_args(Severity):
            raise ConfigError(f"--severity: {one!r} is none; expected {', '.join(get_args(Severity))}")
    wanted = AlertFilter(
        severities=tuple(severity),
        rules=tuple(rule),
        devices=tuple(device),
        areas=tuple(area),
        open=True if open_ else None,
        parts=None if parts else False,
    )
    settings = load(config, data)

    async def read() -> list[AlertEntry]:
        found: list[AlertEntry] = []
        cursor: str | None = None
        async with open_reads(settings) as (session, _):
            reads = AlertReads(session)
            while len(found) < limit:
                at = cursor
                most = min(PAGE, limit - len(found))
                page = await patiently(lambda: reads.alerts(wanted, cursor=at, limit=most))  # noqa: B023 - awaited here
                found += page.items
                cursor = page.next_cursor
                if cursor is None:
                    break
        return found

    entries = run(read())
    if json_:
        for entry in entries:
            sys.stdout.buffer.write(msgspec.json.encode(_shown(entry)) + b"\n")
        return
    Console().print(_table(entries))


def _shown(entry: AlertEntry) -> dict[str, object]:
    fields = msgspec.structs.asdict(entry)
    for name in INSTANTS:
        fields[name] = None if fields[name] is None else instants.to_iso(fields[name])
    return fields


def _table(entries: list[AlertEntry]) -> Table:
    """For a terminal of 80 columns, with the remarks only where there are any."""
    title = f"{len(entries)} alert{'' if len(entries) == 1 else 's'}" if entries else "No alerts"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, collapse_padding=True)
    remarked = any(_remarks(entry) for entry in entries)
    for name in ("id", "raised", "severity", "device", "rule", "value", "stage", *(["remarks"] if remarked else ())):
        right = name in ("id", "value")
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=name in _WHOLE)
    for entry in entries:
        value = "" if entry.raised_value is None else f"{entry.raised_value:.6g}"
        rule = f"{entry.rule} {entry.scope}".strip()
        raised = instants.to_iso(entry.raised_at // 1_000_000 * 1_000_000).replace("T", " ")
        cells = [str(entry.id), raised, entry.severity, entry.device, rule, value, entry.stage]
        table.add_row(*map(escape, cells + ([", ".join(_remarks(entry))] if remarked else [])))
    return table


def _remarks(entry: AlertEntry) -> list[str]:
    remarks = [name for name in ("late", "flapping", "shelved") if getattr(entry, name)]
    remarks += [f"by {entry.acknowledged_by}"] if entry.acknowledged_by else []
    remarks += [f"escalated {entry.escalation}"] if entry.escalation else []
    remarks += [f"{entry.parts} inside"] if entry.parts else []
    return remarks + ([f"part of {entry.storm}"] if entry.storm else [])
