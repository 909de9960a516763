"""The command line ``sanihub``. Each command is a module of :mod:`hub.commands`."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from devices.errors import SanihubError
from hub import commands

VERSION = "--version"


def root(
    show_version: Annotated[bool, typer.Option(VERSION, help="Print the version and leave.")] = False,
) -> None:
    """Telemetry hub for city sanitation: vehicles, bins, public toilets and crews."""
    if show_version:
        typer.echo(f"sanihub {version('sanihub')}")
        raise typer.Exit


def program(first: str = "") -> typer.Typer:
    """The command line: every module of :mod:`hub.commands` has a ``register(app)`` and adds what it is named after.

    With the name of a command as ``first`` argument only its module is imported, for all of them take seconds, and what
    adds to it: ``store_backup`` to ``store``.
    """
    app = typer.Typer(
        name="sanihub",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        help="Telemetry hub for city sanitation: vehicles, bins, public toilets and crews.",
    )
    app.callback(invoke_without_command=True)(root)
    modules = {_command(item.name): item.name for item in pkgutil.iter_modules(commands.__path__)}
    named = [name for name in modules if name == first or name.startswith(f"{first}-")]
    wanted = [] if first == VERSION else sorted(named if first in modules else modules)
    for name in wanted:
        importlib.import_module(f"hub.commands.{modules[name]}").register(app)
    return app


def _command(module: str) -> str:
    """The command that a module is named after: ``dead_letters`` brings dead-letters, ``import_`` brings import."""
    return module.rstrip("_").replace("_", "-")


def main() -> None:
    """Run the command line. A fault of ours is one clear message and exit code 2, never a traceback."""
    try:
        program(sys.argv[1] if len(sys.argv) > 1 else "")()
    except SanihubError as error:
        typer.secho(f"sanihub: {error}", err=True, fg="red")
        sys.exit(2)


if __name__ == "__main__":
    main()
