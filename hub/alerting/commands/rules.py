"""``sanihub alerts rules``: show the rules in force, check a file, enter one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alerts.records import EnteredSet
from alerts.rule_file import load_rules
from devices import instants
from devices.errors import ConfigError
from hub.access import ConfigOption, DataOption, actor, load, open_reads, patiently
from hub.running import run
from store.alerts.rule_sets import DELAY_S, RuleSets
from store.writing import WriteSession

_SET = """
Examples:

  sanihub alerts rules show > rules.yaml

  sanihub alerts rules check rules.yaml

  sanihub alerts rules set rules.yaml --comment "collect at 80 %" --based-on 7
"""

FileArgument = Annotated[Path, typer.Argument(help="A rule file (YAML or JSON); see docs/alerts.md.")]


def register(alerts: typer.Typer) -> None:
    """Add the commands to those of ``sanihub alerts``."""
    rules = typer.Typer(no_args_is_help=True, help="The rules: show them, check a file, enter one.")
    rules.command("show")(show)
    rules.command("check")(check)
    rules.command("set", epilog=_SET)(enter)
    alerts.add_typer(rules, name="rules")


def show(
    version: Annotated[int | None, typer.Option(min=1, help="A version that was in force earlier.")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Print the rules as they were entered; who entered them goes to standard error."""
    settings = load(config, data)

    async def read() -> list[EnteredSet]:
        async with open_reads(settings) as (session, pool):
            return await patiently(RuleSets(session, WriteSession(pool)).all)

    sets = run(read())
    chosen = [one for one in sets if version is None or one.version == version]
    if not chosen:
        asked = "rules so far: a hub enters those that come along" if version is None else f"rules of version {version}"
        raise ConfigError(f"there are no {asked}")
    one = chosen[-1]
    typer.echo(one.text, nl=not one.text.endswith("\n"))
    since = instants.to_iso(one.since)
    typer.echo(f"Version {one.version}, in force since {since}, entered by {one.entered_by}. {one.comment}", err=True)


def check(file: FileArgument) -> None:
    """Say whether a file would be taken, with every mistake; nothing changes."""
    typer.echo(f"{file}: {len(load_rules(file))} rules, all sound.")


def enter(
    file: FileArgument,
    comment: Annotated[str, typer.Option(help="Why, for the list of versions.")] = "",
    based_on: Annotated[
        int | None, typer.Option(min=0, help="Refuse where somebody has entered rules since this version.")
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Enter a file, whole or not at all. Running hubs go over to it within seconds."""
    load_rules(file)
    text = file.read_text("utf-8-sig")
    settings = load(config, data)

    async def write() -> EnteredSet:
        async with open_reads(settings) as (session, pool):
            sets = RuleSets(session, WriteSession(pool))
            # Not tried again: whether the first try entered them is not known, and it would be a version too many.
            return await sets.enter(text, actor(), comment, expected=based_on)

    typer.echo(f"Version {run(write()).version} is in force in {DELAY_S} s.")
