"""Programs of the repository that belong to no package: those that make pages of docs, and tools."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]


def program(place: str) -> ModuleType:
    """A program as a module, by its place in the repository without ``.py``: ``docs/generate_settings``."""
    spec = importlib.util.spec_from_file_location(Path(place).name, ROOT / f"{place}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
