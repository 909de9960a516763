"""``sanihub plan``: what is to be done, worked out from what the hub knows."""

from __future__ import annotations

import typer

from hub.planning import audit_command, command


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Plan work, and hold plans against what was driven.")
    command.register(group)
    audit_command.register(group)
    app.add_typer(group, name="plan")
