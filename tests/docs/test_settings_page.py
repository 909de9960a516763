"""docs/settings.md is what the models say, and every setting says what it means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.programs import program

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generator() -> Any:
    return program("docs/generate_settings")


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
