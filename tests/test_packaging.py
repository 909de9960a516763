"""Every module of ours imports by itself and says what it is."""

from __future__ import annotations

import importlib
import pkgutil

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
