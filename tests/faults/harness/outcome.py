"""The outcome of a fault as a file, and all of them as the table of docs/faults.md.

``python -m tests.faults.harness.outcome`` renders the files of ``tests/faults/results`` into the page and prints the
table; with ``--clear`` it removes the files, for a new run.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.faults.harness.scene import Ending

RESULTS = Path(__file__).parents[1] / "results"
PAGE = Path(__file__).parents[3] / "docs" / "faults.md"
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
FULL = os.environ.get("SANIHUB_TEST_FULL") == "1"
_HEAD = "| fault | what is done | runs | sent | acknowledged | stored | lost | doubled | alerts | recovered after |"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of one fault. ``alerts`` is how many alerts there are; ``differing`` how many differences were found.

    ``recovery_s`` is the longest time from the end of a cause until the hub was ready and acknowledged again. ``note``
    is what the table says beside the figures.
    """

    fault: str
    title: str
    done: str
    seed: int
    sent: int
    acknowledged: int
    stored: int
    lost: int
    doubled: int
    foreign: int
    alerts: int
    differing: int
    recovery_s: float | None
    note: str = ""
    said: tuple[str, ...] = ()  #: the first few offenders and differences


def outcome(fault: str, title: str, done: str, seed: int, ending: Ending, note: str = "") -> Outcome:
    """The outcome of a run."""
    v = ending.verdict
    recovery = None if ending.recovery_s is None else round(ending.recovery_s, 1)
    counts = (v.sent, v.acknowledged, v.stored, v.lost, v.doubled, v.foreign)
    alerts = sum(ending.history.alerts.values())
    said = (*v.offenders[:5], *ending.differences[:5])
    return Outcome(fault, title, done, seed, *counts, alerts, len(ending.differences), recovery, note, said)


def keep(one: Outcome, folder: Path | None = None) -> None:
    """Write it down. Only the long runs make the table; the short ones are kept where ``folder`` says so."""
    chosen = folder or (RESULTS if FULL else None)
    if chosen is not None:
        chosen.mkdir(exist_ok=True)
        (chosen / f"{one.fault}-{one.seed}.json").write_text(json.dumps(asdict(one), indent=1) + "\n")


def outcomes(folder: Path = RESULTS) -> list[Outcome]:
    """All that are kept, by fault and seed."""
    found = [Outcome(**json.loads(path.read_text())) for path in folder.glob("*.json")]
    return sorted(found, key=lambda one: (one.fault, one.seed))


def table(found: Sequence[Outcome]) -> str:
    """A row for each fault: sums over its runs, and the longest recovery."""
    faults: dict[str, list[Outcome]] = {}
    for one in found:
        faults.setdefault(one.fault, []).append(one)
    return "\n".join([_HEAD, "|---" * 10 + "|", *(_row(runs) for runs in faults.values())])


def _row(runs: Sequence[Outcome]) -> str:
    first = runs[0]
    sums = [sum(getattr(one, name) for one in runs) for name in ("sent", "acknowledged", "stored", "lost", "doubled")]
    differing = sum(one.differing for one in runs)
    alerts = f"{sum(one.alerts for one in runs)}, " + (f"{differing} differ" if differing else "all equal")
    waits = [one.recovery_s for one in runs if one.recovery_s is not None]
    figures = [str(len(runs)), *(f"{one:,}" for one in sums), alerts, f"{max(waits):.1f} s" if waits else "–"]
    note = f" {first.note}" if first.note else ""
    return "| " + " | ".join([first.title, first.done + note, *figures]) + " |"


def rendered(page: str, found: Sequence[Outcome]) -> str:
    """The page with this table between its marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{table(found)}\n{END}{tail}"


def main() -> None:
    """See the module."""
    if "--clear" in sys.argv:
        for path in RESULTS.glob("*.json"):
            path.unlink()
        return
    PAGE.write_text(rendered(PAGE.read_text(), outcomes()))
    sys.stdout.write(table(outcomes()) + "\n")


if __name__ == "__main__":
    main()
