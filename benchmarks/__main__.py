"""``python -m benchmarks``: the command line of the measurements."""

from __future__ import annotations

import sys

import typer

from benchmarks import command
from benchmarks.compare.command import compare
from devices.errors import SanihubError


def program() -> typer.Typer:
    """The commands."""
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
    app.command("run")(command.run)
    app.command("render")(command.render)
    app.command("compare")(compare)
    return app


def main() -> None:
    """Run the command line. A fault of ours is one clear message and exit code 2."""
    try:
        program()()
    except SanihubError as error:
        typer.secho(f"benchmarks: {error}", err=True, fg="red")
        sys.exit(2)


if __name__ == "__main__":
    main()
