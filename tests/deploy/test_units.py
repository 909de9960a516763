"""deploy/systemd: units that systemd understands, and that hold the hub back."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hub.embedded.children import ChildSpec
from hub.embedded.servers import _POSTGRES_GRACE_S
from hub.settings.settings import load

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units, with the program where it lies on this machine."""
    program = Path(sys.executable).with_name("sanihub")
    for unit in (*SERVICES, *UNITS.glob("*.timer")):
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/sanihub/bin/sanihub", str(program)))
    return tmp_path


def analyze(*argv: object) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.fail("no systemd-analyze: `make test` installs it, or apt-get install systemd")
    return subprocess.run(["systemd-analyze", *map(str, argv)], capture_output=True, text=True, check=False)


def test_systemd_finds_no_fault(installed: Path) -> None:
    told = analyze("verify", "--man=no", *sorted(installed.iterdir()))
    ours = [line for line in told.stderr.splitlines() if "sanihub" in line]
    assert (told.returncode, ours) == (0, [])


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_they_are_hardened(unit: Path) -> None:
    told = analyze("security", "--offline=true", "--threshold=15", unit)
    assert told.returncode == 0, told.stdout[-300:]  # an exposure of 1.5 of 10 at most


def test_the_time_to_end_is_what_the_hub_takes_at_most() -> None:
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)s$", (UNITS / "sanihub.service").read_text(), re.M)
    broker_s = dict(zip(ChildSpec.__struct_fields__[::-1], ChildSpec.__struct_defaults__[::-1], strict=False))[
        "grace_s"
    ]
    assert int(seconds) >= 10 + broker_s + _POSTGRES_GRACE_S  # beside the 10 s for what was taken


def test_variables_of_the_units_are_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for unit in SERVICES:
        for variable, value in re.findall(r"(SANIHUB_\w+)=(\S+)", unit.read_text()):
            monkeypatch.setenv(variable, value)
    monkeypatch.chdir(tmp_path)
    assert str(load().data) == "/var/lib/sanihub"
