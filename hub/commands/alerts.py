"""``sanihub alerts``: rules, alerts and notifications from the command line."""

from __future__ import annotations

import typer

from hub.notify import trial


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Alerts: rules, what is open, notifications.")
    trial.register(group)
    group.callback()(lambda: None)
    app.add_typer(group, name="alerts")
