"""``sanihub plan``: what is to be done, worked out from what the hub knows."""

from __future__ import annotations

import typer

from hub.planning import command


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Plan work: collection.")
    command.register(group)
    group.callback()(lambda: None)
    app.add_typer(group, name="plan")
