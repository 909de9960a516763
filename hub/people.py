"""People whom the hub enters by itself: the first administrator, and those of the demo."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
from psycopg_pool import AsyncConnectionPool
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.passwords import hashed
from devices.access import Role
from devices.people import PersonSpec, new_password
from devices.registering import TakenError
from store.access.people import People
from store.connection import session_parameters
from store.reading import Pool
from store.writing import WriteSession

ACTOR = "hub"
FIRST = PersonSpec(name="admin", display_name="Administrator", role=Role.ADMIN)


class LogIn(msgspec.Struct, frozen=True):
    """What somebody signs in with. It holds a password: not for logs."""

    name: str
    password: str
    role: Role


@asynccontextmanager
async def open_people(dsn: str) -> AsyncIterator[People]:
    """The people of a store, on a connection of its own."""
    pool: Pool = AsyncConnectionPool(kwargs=session_parameters(dsn), min_size=0, max_size=1, open=False, name="people")
    async with pool:
        yield People(WriteSession(pool))


async def first_admin(people: People) -> LogIn | None:
    """Enter an administrator with a random password where there is nobody yet. Raises TransientError."""
    if await people.anybody():
        return None
    password = new_password()
    made = await people.create_first(FIRST, await asyncio.to_thread(hashed, password), actor=ACTOR)
    return None if made is None else LogIn(made.name, password, made.role)


async def demo_people(people: People, worker: str | None) -> list[LogIn]:
    """Enter somebody of each role, or give them other passwords. ``worker``: whom of the master data the worker is.

    Raises TransientError.
    """
    specs = [
        FIRST,
        PersonSpec(name="manager", display_name="Manager", role=Role.MANAGER),
        PersonSpec(name="dispatcher", display_name="Dispatcher", role=Role.DISPATCHER),
        PersonSpec(name="viewer", display_name="Viewer", role=Role.VIEWER),
    ]
    if worker is not None:
        specs.append(PersonSpec(name="worker", display_name="Worker", role=Role.WORKER, worker=worker))
    return [await _renewed(people, spec) for spec in specs]


async def _renewed(people: People, spec: PersonSpec) -> LogIn:
    password = new_password()
    digest = await asyncio.to_thread(hashed, password)
    try:
        await people.create(spec, digest, actor="demo")
    except TakenError:
        await people.change(spec, actor="demo")
        await people.set_password(spec.name, digest, actor="demo")
    return LogIn(spec.name, password, spec.role)


def tell(log_ins: Sequence[LogIn], remark: str) -> None:
    """Print log-ins on standard error, beside the log and not in it."""
    table = Table(show_header=False, box=None, padding=(0, 2))
    for one in log_ins:
        table.add_row("[bold]sign in[/bold]", escape(one.name), escape(one.password), f"[dim]{one.role.value}[/dim]")
    console = Console(stderr=True)
    console.print(table)
    console.print(remark, style="dim")
