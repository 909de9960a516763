"""A wheel without the live board would serve nothing at ``/``: building one fails, and says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BoardHook(BuildHookInterface):  # type: ignore[type-arg, misc]  # hatchling's own has no types that mypy sees
    """Looks for the built board before a wheel is made; an editable install reads it from the folder later."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Raises RuntimeError where the board is missing."""
        if version != "editable" and not Path(self.root, "api/pages/board/index.html").is_file():
            raise RuntimeError("api/pages/board is missing: the live board was not built. Run: sh tools/board.sh")
