"""Rule files as plain data."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from devices.yaml_lines.tree import parse


@lru_cache(maxsize=4)
def plain_rules(text: str) -> list[dict[str, Any]]:
    """The rules of a sound file as they stand there."""
    root, _ = parse(text)
    plain = root.plain() if root is not None else {}
    return list(plain.get("rules", ()))
