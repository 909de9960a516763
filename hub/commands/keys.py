"""``sanihub keys``: keys of the API for devices, servers and programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from time import time_ns
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from devices import instants
from devices.access import KeyEntry, Role
from devices.errors import ConfigError
from devices.kinds import DEVICE_ID
from devices.people import check_areas
from hub.access import ConfigOption, DataOption, actor, load, open_pool, patiently
from hub.door.directions import directions
from hub.running import run
from store.access.api_keys import ApiKeys
from store.writing import WriteSession

_DAY_US = 86_400_000_000
_CREATE = """
Examples:

  sanihub keys create "bin 42" --role device --device bin-0042

  sanihub keys create chirpstack --role integration --days 365

  KEY=$(sanihub keys create poster --role integration)
"""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = typer.Typer(no_args_is_help=True, help="Keys of the API: make them, list them, end them.")
    keys.command("create", epilog=_CREATE)(create)
    keys.command("list")(list_keys)
    keys.command("revoke")(revoke)
    app.add_typer(keys, name="keys")


def create(
    name: Annotated[str, typer.Argument(help="What people call it, up to 64 characters.")],
    role: Annotated[
        Role, typer.Option(help="device: posts as one device; integration: posts for many, and webhooks; ...")
    ],
    device: Annotated[str | None, typer.Option(help="The device of a key of the role device, by its id.")] = None,
    area: Annotated[list[str] | None, typer.Option(help="Show it only this area; may be repeated.")] = None,
    days: Annotated[float | None, typer.Option(min=0.01, max=36_500, help="It expires after so many days.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Make a key and print it: once, for the hub keeps only its hash."""
    _check(name, role, device, area)
    settings = load(config, data)
    expires_at = None if days is None else time_ns() // 1_000 + round(days * _DAY_US)

    async def make() -> tuple[str, KeyEntry]:
        async with open_pool(settings, create=True) as pool:
            # Not tried again: whether the first try made a key is not known, and it would be one too many.
            keys = ApiKeys(WriteSession(pool))
            return await keys.create(name, role, device=device, expires_at=expires_at, actor=actor(), areas=area)

    key, entry = run(make())
    typer.echo(key)
    until = f", until {instants.to_iso(entry.expires_at)}" if entry.expires_at else ""
    typer.echo(f"{name}: {role.value}{f' of {device}' if device else ''}{until}. It is not shown again.", err=True)
    for line in directions(settings, entry):
        typer.echo(line, err=True)


def list_keys(
    all_: Annotated[bool, typer.Option("--all", help="Revoked and expired ones too.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """List keys by the prefix that stands in them."""
    settings = load(config, data)

    async def read() -> tuple[KeyEntry, ...]:
        async with open_pool(settings) as pool:
            keys = ApiKeys(WriteSession(pool))
            return (await patiently(lambda: keys.keys(ended=all_))).items

    entries = run(read())
    if json_:
        for entry in entries:
            sys.stdout.buffer.write(msgspec.json.encode(_shown(entry)) + b"\n")
        return
    Console().print(_table(entries))


def revoke(
    prefix: Annotated[str, typer.Argument(help="The prefix of the key, as `keys list` shows it; or the key itself.")],
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """End a key for ever. A running hub refuses it within seconds."""
    settings = load(config, data)
    chosen = prefix.removeprefix("sanihub_").partition("_")[0]

    async def end() -> KeyEntry | None:
        async with open_pool(settings) as pool:
            keys = ApiKeys(WriteSession(pool))
            return await patiently(lambda: keys.revoke(chosen, actor=actor()))

    entry = run(end())
    if entry is None:
        raise ConfigError(f"there is no key with the prefix {chosen!r}, or it is revoked already")
    typer.echo(f"{entry.name} ({entry.prefix}) is revoked.")


def _check(name: str, role: Role, device: str | None, areas: list[str] | None) -> None:
    if not 1 <= len(name) <= 64 or not name.isprintable():
        raise ConfigError("NAME: expected 1 to 64 printable characters")
    if role is Role.WORKER:
        raise ConfigError("--role: workers are people: sanihub people create")
    try:
        check_areas(role, areas)
    except ValueError as error:
        raise ConfigError(f"--area: {error}") from None
    if role is Role.DEVICE and device is None:
        raise ConfigError("--device: a key of the role device needs one")
    if role is not Role.DEVICE and device is not None:
        raise ConfigError(f"--device: a key of the role {role.value} has none")
    if device is not None and not DEVICE_ID.match(device):
        raise ConfigError(
            "--device: expected an id of 1 to 64 letters, digits, '.', '_', ':' or '-', starting with a letter or digit"
        )


def _shown(entry: KeyEntry) -> dict[str, object]:
    """An entry for programs, without the hash."""
    fields = {name: value for name, value in msgspec.structs.asdict(entry).items() if name not in ("id", "hash")}
    for name in ("created_at", "expires_at", "revoked_at", "last_used_at"):
        fields[name] = None if fields[name] is None else instants.to_iso(fields[name])
    return fields | {"role": entry.role.value}


def _table(entries: Sequence[KeyEntry]) -> Table:
    table = Table(title=f"{len(entries)} keys" if entries else "No keys", title_justify="left")
    for name in ("prefix", "name", "role", "device", "areas", "created", "expires", "last used", "state"):
        table.add_column(name, overflow="fold", no_wrap=name == "prefix")
    now = time_ns() // 1_000
    for entry in entries:
        state = "revoked" if entry.revoked_at else "usable" if entry.usable(now) else "expired"
        moments = (entry.created_at, entry.expires_at, entry.last_used_at)
        told = ("" if moment is None else instants.to_iso(moment // 1_000_000 * 1_000_000) for moment in moments)
        areas = ", ".join(entry.areas or ())
        cells = (entry.prefix, entry.name, entry.role.value, entry.device or "", areas, *told, state)
        table.add_row(*(escape(cell) for cell in cells))
    return table
