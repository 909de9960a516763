"""``sanihub people``: people who sign in."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.passwords import hashed
from devices import instants
from devices.access import Role
from devices.errors import ConfigError, SanihubError
from devices.people import LastAdminError, Person, PersonSpec, check_password, check_person, new_password
from hub.access import ConfigOption, DataOption, actor, load, open_pool
from hub.running import run
from hub.settings.settings import Settings
from store.access.people import People
from store.writing import WriteSession

T = TypeVar("T")
_PAGE = 1_000
_CREATE = """
Examples:

  sanihub people create wang --role dispatcher --display-name "Wang Jianguo"

  sanihub people create chen --role manager --area district-north --area district-east

  sanihub people create li --role worker --worker worker-0012
"""
StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Take the password from standard input instead of a random one.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    people = typer.Typer(no_args_is_help=True, help="People who sign in: enter them, list them, disable them.")
    people.command("create", epilog=_CREATE)(create)
    people.command("list")(list_people)
    people.command("reset-password")(reset_password)
    people.command("disable")(disable)
    people.command("enable")(enable)
    app.add_typer(people, name="people")


def create(
    name: Annotated[str, typer.Argument(help="What they sign in as: lower-case letters, digits, '.', '_', '-'.")],
    role: Annotated[Role, typer.Option(help="worker, viewer, dispatcher, manager or admin.")],
    display_name: Annotated[str | None, typer.Option(help="What others call them; the name, if not given.")] = None,
    area: Annotated[list[str] | None, typer.Option(help="Show them only this area; may be repeated.")] = None,
    worker: Annotated[str | None, typer.Option(help="The worker of the master data that they are, by id.")] = None,
    password_stdin: StdinOption = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Enter a person, and print the password: once, for the hub keeps only its hash."""
    areas = None if area is None else tuple(area)
    spec = PersonSpec(name=name, display_name=display_name or name, role=role, areas=areas, worker=worker)
    _sound(lambda: check_person(spec))
    password = _password(password_stdin, name)
    digest = hashed(password)
    made = _with(load(config, data), lambda people: people.create(spec, digest, actor=actor()), make=True)
    _tell(made, None if password_stdin else password)


def list_people(
    json_: Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """List people by name."""

    async def read(people: People) -> list[Person]:
        found: list[Person] = []
        cursor = None
        while True:
            page = await people.people(cursor=cursor, limit=_PAGE)
            found += page.items
            if (cursor := page.next_cursor) is None:
                return found

    entries = _with(load(config, data), read)
    if json_:
        for one in entries:
            sys.stdout.buffer.write(msgspec.json.encode(_shown(one)) + b"\n")
        return
    Console().print(_table(entries))


def reset_password(
    name: Annotated[str, typer.Argument(help="What they sign in as.")],
    password_stdin: StdinOption = False,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Give somebody another password, and sign them out everywhere."""
    password = _password(password_stdin, name)
    digest = hashed(password)
    person = _with(load(config, data), lambda people: people.set_password(name, digest, actor=actor()))
    if person is None:
        raise _unknown(name)
    _tell(person, None if password_stdin else password)


def disable(
    name: Annotated[str, typer.Argument(help="What they sign in as.")],
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Let somebody sign in no more, and sign them out everywhere. A running hub refuses them within seconds."""
    typer.echo(f"{_switch(load(config, data), name, active=False).name} is disabled.")


def enable(
    name: Annotated[str, typer.Argument(help="What they sign in as.")],
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Let somebody who was disabled sign in again."""
    typer.echo(f"{_switch(load(config, data), name, active=True).name} may sign in again.")


def _switch(settings: Settings, name: str, *, active: bool) -> Person:
    async def switch(people: People) -> Person | None:
        known = await people.find(name)
        if known is None:
            return None
        fields = {field: getattr(known.person, field) for field in PersonSpec.__struct_fields__}
        return await people.change(PersonSpec(**fields | {"active": active}), actor=actor())

    person = _with(settings, switch)
    if person is None:
        raise _unknown(name)
    return person


def _with(settings: Settings, work: Callable[[People], Awaitable[T]], *, make: bool = False) -> T:
    async def working() -> T:
        async with open_pool(settings, create=make) as pool:
            return await work(People(WriteSession(pool)))

    try:
        return run(working())
    except LastAdminError:
        raise ConfigError("nobody would be left who may enter people: enter another admin first") from None


def _sound(check: Callable[[], None]) -> None:
    try:
        check()
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _password(given: bool, name: str) -> str:
    if not given:
        return new_password()
    password = sys.stdin.readline().rstrip("\r\n")
    _sound(lambda: check_password(password, name))
    return password


def _unknown(name: str) -> SanihubError:
    return ConfigError(f"there is nobody called {name!r}; `sanihub people list` names all")


def _tell(person: Person, password: str | None) -> None:
    if password is not None:
        typer.echo(password)
    shown = "" if password is None else " It is not shown again."
    typer.echo(f"{person.name}: {person.role.value}.{shown}", err=True)


def _shown(person: Person) -> dict[str, object]:
    """A person for programs."""
    fields = {name: value for name, value in msgspec.structs.asdict(person).items() if name != "id"}
    for name in ("created_at", "changed_at", "signed_in_at"):
        fields[name] = None if fields[name] is None else instants.to_iso(fields[name])
    return fields | {"role": person.role.value}


def _table(entries: list[Person]) -> Table:
    table = Table(title=f"{len(entries)} people" if entries else "Nobody", title_justify="left")
    for name in ("name", "called", "role", "areas", "worker", "signed in", "state"):
        table.add_column(name, overflow="fold", no_wrap=name == "name")
    for one in entries:
        seen = "" if one.signed_in_at is None else instants.to_iso(one.signed_in_at // 1_000_000 * 1_000_000)
        areas = "all" if one.areas is None else ", ".join(one.areas)
        state = "active" if one.active else "disabled"
        cells = (one.name, one.display_name, one.role.value, areas, one.worker or "", seen, state)
        table.add_row(*(escape(cell) for cell in cells))
    return table
