"""What a run of the set has found: a file for each bench, from which the tables of docs/benchmarks.md are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

FOLDER = Path(__file__).parent / "results"
T = TypeVar("T")


class Result(msgspec.Struct, kw_only=True):
    """One bench's run: how it was called, when, on what, beside how much other work, and its figures.

    ``load`` is the load average over 1, 5 and 15 minutes before it began, ``seconds`` how long all of it took.
    """

    name: str
    command: str
    date: str
    quick: bool
    load: tuple[float, float, float]
    seconds: float
    machine: dict[str, str]
    figures: Any

    def as_(self, kind: type[T]) -> T:
        """The figures as the bench's own type. Raises msgspec.ValidationError for those of another version of it."""
        return msgspec.convert(self.figures, kind)


def load(name: str, folder: Path = FOLDER) -> Result | None:
    """The result of a bench; None where none was kept."""
    file = folder / f"{name}.json"
    return msgspec.json.decode(file.read_bytes(), type=Result) if file.is_file() else None


def save(result: Result, folder: Path = FOLDER) -> None:
    """Keep a result, in place of the last one."""
    folder.mkdir(exist_ok=True)
    encoded = msgspec.json.format(msgspec.json.encode(result), indent=1)
    (folder / f"{result.name}.json").write_bytes(encoded + b"\n")
