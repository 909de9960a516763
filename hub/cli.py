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

app = typer.Typer(
    name="sanihub",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Telemetry hub for city sanitation: vehicles, bins, public toilets and crews.",
)


@app.callback(invoke_without_command=True)
def root(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Telemetry hub for city sanitation: vehicles, bins, public toilets and crews."""
    if show_version:
        typer.echo(f"sanihub {version('sanihub')}")
        raise typer.Exit


def register_all() -> None:
    """Let every module of :mod:`hub.commands` add its command: each has a ``register(app)``."""
    for module in sorted(pkgutil.iter_modules(commands.__path__), key=lambda item: item.name):
        importlib.import_module(f"hub.commands.{module.name}").register(app)


register_all()


def main() -> None:
    """Run the command line. A fault of ours is one clear message and exit code 2, never a traceback."""
    try:
        app()
    except SanihubError as error:
        typer.secho(f"sanihub: {error}", err=True, fg="red")
        sys.exit(2)


if __name__ == "__main__":
    main()
