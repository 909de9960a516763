"""Data source, folders and boards brought into a Grafana, with what is done printed as it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import dashboards
from dashboards import publishing
from dashboards.publishing import Api, Board, Folder, GrafanaError, Plan, Step, Wanted
from devices.errors import SanihubError, TransientError
from hub.access import open_store
from hub.grafana.reader import prepare
from hub.grafana.role import tell_role
from hub.grafana.settings import GrafanaSection
from hub.settings.settings import Settings

_OLDEST = 11  #: the first Grafana that is meant
_LOOKS = {"create": "green", "change": "yellow", "leave": "dim"}
_MARKS = {"create": "+ create", "change": "~ change", "leave": "= leave"}


def wanted_boards(section: GrafanaSection) -> tuple[Board, ...]:
    """The boards of the languages that were asked for, each language in a folder of its own."""
    return tuple(
        Board(Folder(f"sanihub-{language}", board["folder"]), board["dashboard"])
        for language in section.languages()
        for board in dashboards.boards(language, section.board_address, section.source_uid)
    )


async def bring(settings: Settings, section: GrafanaSection, *, dry_run: bool, resend_password: bool) -> str | None:
    """Publish, and print what is done; returns what keeps Grafana from the database, None when it reads it.

    Raises SanihubError: what is wrong with the settings, with Grafana, or with the database.
    """
    address = publishing.Address(
        section.url, section.secret_token(), section.organisation, section.trusted(), section.timeout_s
    )
    boards, console = wanted_boards(section), Console()
    with _translated(), publishing.connect(address) as api:
        # A wrong address or token is told before anything is done to the database; health alone asks for no token.
        found = await asyncio.to_thread(api.version)
        await asyncio.to_thread(publishing.admitted, api, section.source_uid)
        console.print(f"Grafana {found} at {section.url}", highlight=False)
        if (major := found.partition(".")[0]).isdecimal() and int(major) < _OLDEST:
            typer.secho(f"warning: Grafana {found} is older than what the boards are made for ({_OLDEST})", err=True)
        async with open_store(settings) as access:
            reader = await prepare(access, settings, section, dry_run=dry_run)
            tell_role(console, section, reader.did, reader.may_too, dry_run=dry_run)
            wanted = Wanted(reader.source, boards)
            work = partial(_compare_and_write, console, api, wanted, dry_run=dry_run, resend=resend_password)
            return await asyncio.to_thread(work)


def _compare_and_write(console: Console, api: Api, wanted: Wanted, *, dry_run: bool, resend: bool) -> str | None:
    message = f"sanihub {version('sanihub')}: dashboards publish"
    plan = publishing.plan(api, wanted, message=message, resend_password=resend)
    console.print(_table(plan))
    for uid in plan.strangers:
        console.print(f"{escape(uid)} lies in a folder of these boards and is none of them: left", highlight=False)
    if dry_run:
        console.print(f"{len(plan.to_do)} changes would be made, none was", highlight=False)
        return None
    publishing.carry_out(api, plan)
    console.print(f"{len(plan.to_do)} changes made, {len(plan.steps) - len(plan.to_do)} left", highlight=False)
    return publishing.source_fault(api, wanted.source.uid)


def _table(plan: Plan) -> Table:
    table = Table("", "what")
    table.add_column("uid", overflow="fold")
    table.add_column("title")
    table.add_column("differs in")
    for step in plan.steps:
        table.add_row(*(f"[{_LOOKS[step.does]}]{escape(cell)}[/]" for cell in _cells(step)))
    return table


def _cells(step: Step) -> tuple[str, ...]:
    return _MARKS[step.does], step.what, step.uid, step.title, ", ".join(step.differing)


@contextmanager
def _translated() -> Iterator[None]:
    """Grafana's refusals as the hub's errors."""
    try:
        yield
    except publishing.AwayError as error:
        raise TransientError(f"grafana: {error}") from None
    except GrafanaError as error:
        raise SanihubError(f"grafana: {error}") from None
