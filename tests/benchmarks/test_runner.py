"""The runner: results come one by one, and a bench that fails takes nothing with it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchmarks.catalogue import BENCHMARKS, SET, Bench, chosen
from benchmarks.results import load
from benchmarks.runner import Ran, run_set
from devices.errors import ConfigError

SOUND = Bench("modbus-line", "sanihub bench", "modbus --units 4 --dead 1 --buses 1 --seconds 1 --period 0.2", "", 1)


def test_one_that_fails_leaves_the_others_and_its_last_result(tmp_path: Path) -> None:
    wrong = Bench("http", BENCHMARKS, "compare --messages many", "", 1)
    (tmp_path / "http.json").write_text("the last one")
    told: list[tuple[str, Ran | None]] = []
    done = run_set([wrong, SOUND], quick=False, folder=tmp_path, told=lambda bench, ran: told.append((bench.name, ran)))
    assert [bool(ran.fault) for ran in done] == [True, False]
    assert "valid integer" in done[0].fault
    assert [name for name, _ in told] == ["http", "http", "modbus-line", "modbus-line"]
    assert (tmp_path / "http.json").read_text() == "the last one"
    result = load("modbus-line", tmp_path)
    assert result is not None
    assert result.command == ".venv/bin/sanihub bench modbus --units 4 --dead 1 --buses 1 --seconds 1 --period 0.2"
    assert result.figures["living"] == 3
    assert result.machine["cores"]
    assert not result.quick
    assert load("http-nothing", tmp_path) is None
    with pytest.raises(msgspec.DecodeError):
        load("http", tmp_path)


def test_some_of_the_set() -> None:
    assert [one.name for one in chosen(["jt808", "ingest"])] == ["ingest", "jt808"]
    assert len(chosen(["modbus"])) == 4
    assert chosen([]) == list(SET)
    with pytest.raises(ConfigError, match=r"only: expected of ingest, compare, .*; got kafka"):
        chosen(["kafka"])


def test_an_empty_argument_is_written_so_that_a_shell_reads_it() -> None:
    (alerts,) = chosen(["alerts"])
    assert '--seeds "" --no-hub' in alerts.command(quick=False)
    assert "" in alerts.argv(False, Path("figures.json"))
