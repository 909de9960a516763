"""Samples of real inputs that may stand beside the checkout (``shared/corpora``); tests that want them skip without."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest


def corpus(name: str) -> list[dict[str, Any]]:
    """The cases of one file of JSON lines. Skips the test where the folder is not there."""
    named = os.environ.get("SANIHUB_TEST_CORPORA")
    folders = [Path(named)] if named else [above / "shared" / "corpora" for above in Path(__file__).parents]
    for folder in folders:
        if (folder / name).is_file():
            return [json.loads(line) for line in (folder / name).read_text("utf-8").splitlines() if line]
    pytest.skip(f"no folder shared/corpora with {name} above the checkout")
