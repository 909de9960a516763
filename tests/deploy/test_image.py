"""deploy/Dockerfile: linted, and made of the locked versions."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PINNED = re.compile(r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==(\S+)", re.M)


def pinned(file: str) -> dict[str, set[str]]:
    """The versions of each distribution in a lock file."""
    found: dict[str, set[str]] = {}
    for name, version in _PINNED.findall((ROOT / file).read_text("utf-8")):
        found.setdefault(name, set()).add(version)
    return found


def test_the_linter_finds_nothing() -> None:
    told = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), ROOT / "deploy/Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (0, "")


def test_the_image_is_made_of_what_was_tested() -> None:
    tested, shipped = pinned("requirements.lock"), pinned("deploy/requirements.lock")
    assert {name: versions for name, versions in shipped.items() if tested.get(name) != versions} == {}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {re.split(r"[\[<>=;! ]", line)[0].lower() for line in project["dependencies"]}
    assert wanted <= set(shipped)
    assert not {"pytest", "playwright", "mypy"} & set(shipped)
    assert "hatchling" in pinned("deploy/build-requirements.lock")


def test_all_that_it_copies_is_let_through() -> None:
    """What the ignore file lets through holds every package of the wheel and every file that is named."""
    ignore = (ROOT / "deploy/Dockerfile.dockerignore").read_text("utf-8").splitlines()
    allowed = {line[1:] for line in ignore if line.startswith("!")}
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["packages"]) <= allowed
    assert {wheel["hooks"]["custom"]["path"], "README.md", "LICENSE", "pyproject.toml"} <= allowed
    for name in allowed:
        assert (ROOT / name).exists(), name
