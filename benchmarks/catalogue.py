"""The set of benches: what each is called with, in full and in small."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from devices.errors import ConfigError

SANIHUB, BENCHMARKS = "sanihub bench", "python -m benchmarks"


class Bench(msgspec.Struct, frozen=True):
    """A bench: its name, the program, its arguments in full and in small, minutes that it takes in full.

    Arguments are separated by one space; two have an empty one between them.
    """

    name: str
    program: str
    full: str
    quick: str
    minutes: float

    def arguments(self, quick: bool) -> list[str]:
        """Its own words on the command line, without the program's."""
        return (self.quick if quick else self.full).split(" ")

    def command(self, quick: bool) -> str:
        """The command as people write it."""
        return " ".join([f".venv/bin/{self.program}", *map(_quoted, self.arguments(quick))])

    def argv(self, quick: bool, json_file: Path) -> list[str]:
        """The command as it is run."""
        module = ["benchmarks"] if self.program == BENCHMARKS else ["hub.cli", "bench"]
        return [sys.executable, "-m", *module, *self.arguments(quick), "--json", str(json_file)]


_MODBUS = "--units 20 --dead 2 --seconds 3 --period 0.5"
_ALERTS = "alerts --seeds  --no-hub"
SET: tuple[Bench, ...] = (
    Bench("ingest", SANIHUB, "ingest", "ingest --messages 5000 --devices 100", 1),
    Bench("compare", BENCHMARKS, "compare", "compare --messages 2000 --devices 100 --rounds 1 --kill-messages 3000", 9),
    Bench("http", SANIHUB, "http", "http --seconds 0.5", 1.5),
    Bench("jt808", SANIHUB, "jt808", "jt808 --terminals 50 --period 1 --seconds 2 --away 5 --backlog 40", 2.5),
    Bench("modbus-gateway", SANIHUB, "modbus --buses 1", f"modbus --buses 1 {_MODBUS}", 1.3),
    Bench("modbus-serial", SANIHUB, "modbus --line-ms 15", f"modbus --line-ms 1 {_MODBUS}", 1.3),
    Bench("modbus-lines", SANIHUB, "modbus --kind rtu-over-tcp", f"modbus --kind rtu-over-tcp {_MODBUS}", 1.3),
    Bench("modbus-line", SANIHUB, "modbus --kind rtu-over-tcp --buses 1", f"modbus --buses 1 {_MODBUS}", 1.3),
    Bench("alerts", SANIHUB, _ALERTS, f"{_ALERTS} --devices 200 --messages 1000 --rounds 1", 4),
    Bench("stages", SANIHUB, "stages", "stages --devices 100 --messages 1000 --batch 200 --rounds 1", 1),
    Bench(
        "stages-alike",
        SANIHUB,
        "stages --devices 1000 --no-mixed",
        "stages --devices 100 --no-mixed --messages 1000 --batch 200 --rounds 1",
        1,
    ),
    Bench("trackers", SANIHUB, "trackers", "trackers --hours 0.5 --vehicles 2 --workers 1 --rounds 1 --no-hub", 4),
    Bench("api", SANIHUB, "api", "api --readings 100000 --vehicles 40 --readers 3 --seconds 0.5 --live-seconds 4", 5),
    Bench("boards", SANIHUB, "boards", "boards --vehicles 6 --bins 30 --toilets 4 --workers 8", 0.5),
    Bench("board", SANIHUB, "board", "board --minutes 0.3 --vehicles 50", 11),
    Bench("reports", SANIHUB, "reports", "reports --vehicles 6 --bins 30 --toilets 4 --workers 8", 1.5),
    Bench("compliance-month", SANIHUB, "compliance-month", "compliance-month --vehicles 2 --days 2", 4),
    Bench(
        "scaling",
        SANIHUB,
        "scaling",
        "scaling --devices 10,40 --stored 0.02 --stored-devices 20 --messages 400 --rate 200 --seconds 2",
        45,
    ),
    Bench("store-year", SANIHUB, "store-year", "store-year --bins 2 --vehicles 1 --days 180 --times 3", 2),
)
"""In the order in which they are run: what is wanted first comes first."""


def chosen(names: Sequence[str]) -> list[Bench]:
    """The benches of these names, in the order of the set; all where none is named. Raises ConfigError.

    A name stands for all that begin with it and a hyphen: ``modbus`` for its four runs.
    """
    strangers = [name for name in names if not any(_goes_by(one, name) for one in SET)]
    if strangers:
        known = ", ".join(one.name for one in SET)
        raise ConfigError(f"only: expected of {known}; got {', '.join(strangers)}")
    return [one for one in SET if not names or any(_goes_by(one, name) for name in names)]


def _goes_by(bench: Bench, name: str) -> bool:
    return bench.name == name or bench.name.startswith(f"{name}-")


def _quoted(word: str) -> str:
    return word or '""'
