"""``sanihub dashboards``: the boards for Grafana."""

from __future__ import annotations

import typer

from hub.grafana import export, publish, role


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(no_args_is_help=True, help="Boards for Grafana.")
    for module in (export, publish, role):
        module.register(group)
    group.callback()(lambda: None)
    app.add_typer(group, name="dashboards")
