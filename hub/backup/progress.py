"""How far a back-up or a restoration is, table by table, on standard error."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Watch:
    """A bar over the tables; on a terminal only. A context manager."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task: TaskID | None = None
        self._what = ""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, what: str, tables: int | None) -> None:
        """Begin a piece of work over so many tables; None where nobody knows how many."""
        self._what = what
        self._task = self._progress.add_task(what, total=tables)

    def table(self, name: str) -> None:
        """The rows of another table are being copied."""
        if self._task is not None:
            self._progress.update(self._task, advance=1, description=f"{self._what} {name}")
