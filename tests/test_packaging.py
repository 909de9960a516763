"""Every module of ours imports by itself and says what it is; what is installed beside it keeps to itself."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import distributions

import pytest

ROOMS = ("alerts", "api", "dashboards", "devices", "fleet", "hub", "ingest", "simulators", "store")


def modules() -> list[str]:
    found = []
    for room in ROOMS:
        package = importlib.import_module(room)
        found.append(room)
        found += [item.name for item in pkgutil.walk_packages(package.__path__, f"{room}.")]
    return found


@pytest.mark.parametrize("name", modules())
def test_every_module_imports_and_says_what_it_is(name: str) -> None:
    assert (importlib.import_module(name).__doc__ or "").strip(), f"{name} has no docstring"


def test_no_dependency_brings_code_that_every_start_of_python_runs() -> None:
    """Such a file of one package can rewrite others after their hashes were checked (ADR 0037)."""
    hooks = {
        (one.metadata["Name"].lower(), file.name)
        for one in distributions()
        for file in one.files or ()
        if file.suffix == ".pth"
    }
    hooks -= {("sanihub", "_editable_impl_sanihub.pth"), ("setuptools", "distutils-precedence.pth")}
    assert hooks == set()
