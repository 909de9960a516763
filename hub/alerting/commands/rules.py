"""``sanihub alerts rules``: show the rules in force, check a file, add its rules, remove some, set all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from alerts.records import EnteredSet
from alerts.rule_file import load_rules, read_rules
from alerts.rule_text import with_rules, without_rules
from devices import instants
from devices.errors import ConfigError
from hub.access import ConfigOption, DataOption, actor, load, open_reads, patiently
from hub.alerting.service import default_text
from hub.running import run
from hub.settings.settings import Settings
from store.alerts.rule_sets import DELAY_S, RuleSets
from store.writing import WriteSession

_ADD = """
Examples:

  sanihub alerts rules add my-rule.yaml

  sanihub alerts rules remove my-bin-half
"""
_SET = """
Examples:

  sanihub alerts rules show > rules.yaml

  sanihub alerts rules check rules.yaml

  sanihub alerts rules set rules.yaml --comment "collect at 80 %" --based-on 7
"""

FileArgument = Annotated[Path, typer.Argument(help="A rule file (YAML or JSON); see docs/alerts.md.")]


Comment = Annotated[str, typer.Option(help="Why, for the list of versions.")]
WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help=f"Return when it is in force, {DELAY_S} s later.")]


def register(alerts: typer.Typer) -> None:
    """Add the commands to those of ``sanihub alerts``."""
    rules = typer.Typer(no_args_is_help=True, help="The rules: show, check, add, remove, set.")
    rules.command("show")(show)
    rules.command("check")(check)
    rules.command("add", epilog=_ADD)(add)
    rules.command("remove", epilog=_ADD)(remove)
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


def add(
    file: FileArgument,
    comment: Comment = "",
    wait: WaitOption = True,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Add the rules of a file to those in force, which stay. A rule whose id is there already is replaced."""
    load_rules(file)
    more = file.read_text("utf-8-sig")
    told: list[str] = []

    def joined(text: str) -> str:
        found = with_rules(text, more)
        told[:] = [f"added {one}" for one in found.added] + [f"replaced {one}" for one in found.replaced]
        return found.text

    entered = run(_rewritten(load(config, data), joined, comment or f"with {file.name}", wait))
    typer.echo(f"Version {entered.version} is in force{_soon(wait)}: {', '.join(told)}; all other rules stay.")


def remove(
    rules: Annotated[list[str], typer.Argument(help="Ids of rules.")],
    comment: Comment = "",
    wait: WaitOption = True,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Remove rules from those in force. What they told of is over."""

    def rest(text: str) -> str:
        there = [one.id for one in read_rules(text)]
        for one in rules:
            if one not in there:
                close = get_close_matches(one, there, 1)
                hint = f"did you mean {close[0]}?" if close else "sanihub alerts rules show lists them"
                raise ConfigError(f"there is no rule {one!r}; {hint}")
        return without_rules(text, rules)

    entered = run(_rewritten(load(config, data), rest, comment or f"without {', '.join(rules)}", wait))
    typer.echo(f"Version {entered.version} is in force{_soon(wait)}: removed {', '.join(rules)}; all other rules stay.")


def enter(
    file: FileArgument,
    comment: Comment = "",
    based_on: Annotated[
        int | None, typer.Option(min=0, help="Refuse where somebody has entered rules since this version.")
    ] = None,
    wait: WaitOption = True,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Enter a file as the whole set: rules that it does not name are gone, as they are not with `add`."""
    load_rules(file)
    text = file.read_text("utf-8-sig")
    settings = load(config, data)

    async def write() -> EnteredSet:
        async with open_reads(settings) as (session, pool):
            sets = RuleSets(session, WriteSession(pool))
            # Not tried again: whether the first try entered them is not known, and it would be a version too many.
            entered = await sets.enter(text, actor(), comment, expected=based_on)
        await _in_force(wait)
        return entered

    typer.echo(f"Version {run(write()).version} is in force{_soon(wait)}.")


async def _rewritten(settings: Settings, change: Callable[[str], str], comment: str, wait: bool) -> EnteredSet:
    """Enter the newest set, changed; what somebody enters at the same time is not undone (StaleVersionError)."""
    async with open_reads(settings) as (session, pool):
        sets = RuleSets(session, WriteSession(pool))
        newest = await patiently(sets.newest)
        text = default_text() if newest is None else newest.text
        based_on = None if newest is None else newest.version
        entered = await sets.enter(change(text), actor(), comment, expected=based_on)
    await _in_force(wait)
    return entered


async def _in_force(wait: bool) -> None:
    """Until every hub judges by the new set: what is posted after the command is judged by it."""
    if wait:
        await asyncio.sleep(DELAY_S)


def _soon(waited: bool) -> str:
    return "" if waited else f" in {DELAY_S} s"
