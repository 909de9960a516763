"""``sanihub alerts``: rules, alerts and notifications from the command line."""

from __future__ import annotations

import typer

from hub.alerting.commands import backtest, listing, rules
from hub.notify import trial


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Alerts: what is open, rules, backtests, notifications.")
    for module in (listing, rules, backtest, trial):
        module.register(group)
    app.add_typer(group, name="alerts")
