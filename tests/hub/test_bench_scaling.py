"""The bench of scaling at a small size: each point is made and measured, in a process of its own."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from devices.errors import ConfigError
from hub.bench.scaling.figures import Figures
from hub.bench.scaling.table import parts, points
from tests.hub.cli_runner import invoke

DAY_READINGS = 2_000 // 44 // 28  # of 44 at an instant of ten devices, over 28 days


def test_devices_and_stored_readings_are_measured(tmp_path: Path) -> None:
    file = tmp_path / "scaling.json"
    sizes = ("--devices=20", "--stored=0.002,0.02", "--stored-devices=10", "--messages=200")
    found = invoke("bench", "scaling", *sizes, "--rate=100", "--seconds=1", f"--json={file}")
    assert found.exit_code == 0, found.output
    figures = msgspec.convert(json.loads(file.read_text()), Figures)

    assert [one.point.devices for one in figures.devices] == [20]
    assert [one.point.devices for one in figures.stored] == [10, 10]
    for one in (*figures.devices, *figures.stored):
        assert one.rows_per_message > 4  # a fix or none, and four to six readings
        assert min(one.p99_ms, one.wal_bytes, one.messages_per_s) > 0
        assert one.cpu_us["postgres"] >= 0  # told in ticks of 10 ms, of which so few may need none
        assert one.rss_mib >= one.rss_bare_mib > 0
        assert one.state.rows > 4
    assert figures.devices[0].stored == 0
    few, many = figures.stored
    assert (few.stored, many.stored) == (45 * 44, 455 * 44)
    assert DAY_READINGS <= few.day.rows < many.day.rows <= 18
    assert few.day_by_hours.rows <= few.day.rows  # an hour of which nothing is stored has no bucket
    assert many.day_by_hours.rows > few.day_by_hours.rows

    console = Console(file=StringIO(), width=200)
    for part in parts(figures):
        console.print(part)
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert "by devices" in text
    assert "by stored readings" in text
    assert "1.00" in text


def test_sizes_that_cannot_be_are_refused_by_name() -> None:
    for devices, stored, words in (
        ("ten", "1", "devices: expected numbers separated by commas, got 'ten'"),
        ("5", "1", "devices: expected at least 10, got 5"),
        ("10", "0", "stored: expected more than 0, got 0"),
    ):
        with pytest.raises(ConfigError, match=words):
            points(devices, stored, 10, 100, 10, 1)
    of_devices, of_stored = points("100,200", "", 10, 100, 10, 1)
    assert [one.devices for one in of_devices] == [100, 200]
    assert of_stored == []
    assert [one.steady for one in of_devices] == [200, 400]  # at least two of each device
