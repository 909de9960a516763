"""docs/settings.md is what the models say, and every setting says what it means."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate_settings", DOCS / "generate_settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(generator: Any) -> None:
    assert generator.page() == (DOCS / "settings.md").read_text("utf-8"), "run: python -P docs/generate_settings.py"


def test_every_setting_has_a_meaning(generator: Any) -> None:
    without = [
        f"{path}.{name}"
        for path, model, _ in generator.sections()
        for name, field in model.model_fields.items()
        if generator._told(field) and not field.description
    ]
    assert not without
