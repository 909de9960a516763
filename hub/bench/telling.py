"""What the commands of all benches have in common: seeds that are asked for, tables of two columns, figures as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from devices.errors import ConfigError

Seeds = Annotated[str, typer.Option(help="Seeds of the simulated city, separated by commas.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")]


def seeds_of(text: str) -> list[int]:
    """The seeds that a text names, which may be none. Raises ConfigError."""
    try:
        return [int(one) for one in text.split(",") if one.strip()]
    except ValueError:
        raise ConfigError(f"bench: seeds: expected numbers separated by commas, got {text!r}") from None


def some_seeds(text: str) -> list[int]:
    """The same, and at least one. Raises ConfigError."""
    seeds = seeds_of(text)
    if not seeds:
        raise ConfigError("bench: seeds: expected at least one number")
    return seeds


def tell(figures: Any, json_file: Path | None) -> None:
    """The figures as JSON, to standard output and to the file that was asked for."""
    encoded = msgspec.json.format(msgspec.json.encode(figures), indent=2).decode()
    typer.echo(encoded)
    if json_file is not None:
        json_file.write_text(encoded + "\n", "utf-8")


def listing(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    """A table without a head: what it is, and how much."""
    made = Table(title=title, show_header=False)
    for name, value in rows:
        made.add_row(name, value)
    return made


def share(value: float | None) -> str:
    """A share of 1, or a dash where there was nothing to share."""
    return "–" if value is None else f"{value:.3f}"
