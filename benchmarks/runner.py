"""Running the set: a bench after the other, each in a process of its own, its result kept as soon as it is there.

One that fails ends none of the others, and leaves the result that was there.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import msgspec

from benchmarks.catalogue import Bench
from benchmarks.results import FOLDER, Result, save
from hub.bench.ingest import machine

ROOT = Path(__file__).parents[1]
LONGEST = 4.0  #: times what it takes; then it is ended, for something hangs
LEAST_S = 600.0


class Ran(msgspec.Struct, frozen=True):
    """What became of a bench: ``fault`` is the end of what it said, where it failed."""

    name: str
    seconds: float
    fault: str = ""


def run_set(
    benches: Sequence[Bench],
    *,
    quick: bool,
    folder: Path = FOLDER,
    told: Callable[[Bench, Ran | None], None] = lambda bench, ran: None,
) -> list[Ran]:
    """Run them; ``told`` is of each before it begins, and of what became of it."""
    done = []
    for bench in benches:
        told(bench, None)
        done.append(ran := _run(bench, quick, folder))
        told(bench, ran)
    return done


def _run(bench: Bench, quick: bool, folder: Path) -> Ran:
    with tempfile.TemporaryDirectory(prefix="sanihub-benchmarks-") as name:
        json_file = Path(name) / "figures.json"
        load, date, began = os.getloadavg(), datetime.now(UTC), perf_counter()
        fault = _fault(bench, bench.argv(quick, json_file), Path(name) / "said")
        seconds = round(perf_counter() - began, 1)
        if fault:
            return Ran(bench.name, seconds, fault)
        try:
            figures = msgspec.json.decode(json_file.read_bytes())
        except (OSError, msgspec.DecodeError) as error:
            return Ran(bench.name, seconds, f"told no figures: {error}")
        save(
            Result(
                name=bench.name,
                command=bench.command(quick),
                date=f"{date:%Y-%m-%d}",
                quick=quick,
                load=tuple(round(one, 1) for one in load),  # type: ignore[arg-type]
                seconds=seconds,
                machine=figures.get("machine") or machine(),
                figures=figures,
            ),
            folder,
        )
        return Ran(bench.name, seconds)


def _fault(bench: Bench, argv: list[str], said: Path) -> str:
    """Run a command to its end; what it said last where that was a bad one."""
    with said.open("w+b") as output:
        try:
            code = subprocess.run(
                argv,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=max(LEAST_S, LONGEST * 60 * bench.minutes),
                env={**os.environ, "COLUMNS": "160", "NO_COLOR": "1"},
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as error:
            return f"did not end within {error.timeout:.0f} s"
        tail = said.read_text("utf-8", "replace").strip()[-2_000:]
    return f"ended with {code}: {tail}" if code else ""
