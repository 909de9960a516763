"""``sanihub broker``: users and access lists for a broker beside the hub, out of the keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from devices.errors import ConfigError
from hub.access import ConfigOption, DataOption, load, open_pool, patiently
from hub.door.elsewhere import User, emqx_acl, emqx_users, mosquitto_acl, mosquitto_passwords, users
from hub.door.grants import Topics
from hub.door.wiring import topics_of
from hub.running import run
from hub.settings.settings import Settings
from store.access.api_keys import ApiKeys
from store.writing import WriteSession

_USERS = """
Examples:

  sanihub broker users mosquitto --output /etc/mosquitto/passwords && kill -HUP $(pidof mosquitto)

  sanihub broker users emqx --output users.csv
"""


class Kind(Enum):
    """The brokers that are known."""

    MOSQUITTO = "mosquitto"
    EMQX = "emqx"


KindArgument = Annotated[Kind, typer.Argument(help="Of which broker.")]
OutputOption = Annotated[Path | None, typer.Option(help="Write to this file, of mode 0600, whole or not at all.")]
ACLS: dict[Kind, Callable[[Topics, Sequence[User]], str]] = {Kind.MOSQUITTO: mosquitto_acl, Kind.EMQX: emqx_acl}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    broker = typer.Typer(no_args_is_help=True, help="Users and access lists of a broker beside the hub.")
    broker.command("users", epilog=_USERS)(list_users)
    broker.command("acl")(acl)
    app.add_typer(broker, name="broker")


def list_users(
    kind: KindArgument, output: OutputOption = None, config: ConfigOption = None, data: DataOption = None
) -> None:
    """The keys as a password file of mosquitto, or as users to import into EMQX: hashes, no keys.

    The hub's own user is not among them: add it by mosquitto_passwd, or in EMQX. Again after keys were made or revoked.
    """
    found = _users(load(config, data))
    if kind is Kind.EMQX:
        _write(output, emqx_users(found))
        return
    text, left = mosquitto_passwords(found)
    _write(output, text)
    _tell(left)


def acl(kind: KindArgument, output: OutputOption = None, config: ConfigOption = None, data: DataOption = None) -> None:
    """Who may publish and subscribe to what: a device for itself, a program by the role of its key."""
    settings = load(config, data)
    _write(output, ACLS[kind](topics_of(settings), [user for user in _users(settings) if user.entry.device is None]))


def _users(settings: Settings) -> list[User]:
    async def read() -> list[User]:
        async with open_pool(settings) as pool:
            keys = ApiKeys(WriteSession(pool))
            found, left = users(await patiently(keys.for_brokers))
        _tell(left)
        return found

    return run(read())


def _tell(left: Sequence[str]) -> None:
    for line in left:
        typer.secho(f"left out: {line}", err=True, fg="yellow")


def _write(output: Path | None, text: str) -> None:
    if output is None:
        typer.echo(text, nl=False)
        return
    draft = output.with_name(f"{output.name}.new")
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(output)
    except OSError as error:
        raise ConfigError(f"--output: {error.filename}: {error.strerror}") from None
