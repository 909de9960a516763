"""The command line in this process: what was printed, and how it ended."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import structlog
from click.testing import Result
from typer.testing import CliRunner

from hub.cli import program


def invoke(*argv: object, stdin: bytes | None = None, dsn: str | None = None, **env: str) -> Result:
    """Run a command; ``dsn`` names the store. Logging is put back, for its stream ends with the command."""
    if dsn is not None:
        env["SANIHUB_STORE__DSN"] = dsn
    env.setdefault("COLUMNS", "200")  # tables are not to be folded
    handlers, config = logging.getLogger().handlers[:], structlog.get_config()
    try:
        return CliRunner().invoke(
            program(str(argv[0]) if argv else ""), [str(part) for part in argv], input=stdin, env=env
        )
    finally:
        logging.getLogger().handlers[:] = handlers
        structlog.configure(**config)


def decoded(result: Result) -> list[Any]:
    """The JSON lines of standard output."""
    assert result.exception is None, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
