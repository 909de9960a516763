"""The secret of an installation, for what it has to make up and to know again."""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_bytes


def kept_secret(data: Path) -> bytes:
    """The hub's own secret, drawn at the first use and kept in the data folder for its owner alone."""
    file = data / "secret"
    try:
        return file.read_bytes()
    except FileNotFoundError:
        drawn = token_bytes(32)
        beside = file.with_suffix(".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
            target.write(drawn)
        beside.replace(file)  # whole or not at all, wherever the hub dies
        return drawn
