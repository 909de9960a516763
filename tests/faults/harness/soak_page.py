"""The soak's findings as the second table of docs/faults.md: ``python -m tests.faults.harness.soak_page``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.faults.harness.outcome import PAGE, RESULTS

DAY = RESULTS / "soak" / "day.json"
BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"
_SAID = {
    "rss_mb": "memory of the hub's process (RSS), MB",
    "fds": "open files and sockets",
    "threads": "threads",
    "tasks": "asyncio tasks",
    "children": "child processes",
    "spool_kb": "spool, KB",
    "files": "files in the data folder",
    "connections": "connections to the database",
    "in_transaction": "of these idle within a transaction",
    "waiting_rows": "rows that wait: repairs, notifications",
    "standing_mb": "tables of what is (states, latest, notes of repairs), MB",
}


def table(told: dict[str, Any]) -> str:
    """A line of what was done, and a row for each figure."""
    soak, answers = told["soak"], told["answers"]
    devices = sum(soak["size"].values())
    streams = sum(count for name, count in answers.items() if name.startswith("stream"))
    pages = sum(count for name, count in answers.items() if not name.startswith("stream"))
    pace = f"{soak['speed']:g} times as fast as ours, sampled every {soak['every_min']:g} of its minutes"
    head = (
        f"{soak['hours']:g} hours of a city of {devices} devices, {pace} ({len(told['samples'])} samples). "
        f"{told['messages']:,} messages, {told['acknowledged']:,} acknowledged, {sum(told['rows']):,} readings and "
        f"positions stored; {pages:,} pages and {streams:,} live streams read, {told['cuts']:,} connections cut."
    )
    rows = [
        f"| {_SAID[one['name']]} | {one['middle']:,.4g} | {one['most']:,.4g} | {one['growth']:+,.3g} | "
        f"{one['bound']:,.3g} | {'flat' if one['growth'] <= one['bound'] else '**grows**'} |"
        for one in told["findings"]
    ]
    columns = "| | median | most | growth | may grow | |\n|---|---|---|---|---|---|"
    return "\n".join([head, "", columns, *rows])


def rendered(page: str, told: dict[str, Any]) -> str:
    """The page with this table between its marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{table(told)}\n{END}{tail}"


def main(source: Path = DAY) -> None:
    """See the module."""
    told = json.loads(source.read_text())
    PAGE.write_text(rendered(PAGE.read_text(), told))
    sys.stdout.write(table(told) + "\n")


if __name__ == "__main__":
    main()
