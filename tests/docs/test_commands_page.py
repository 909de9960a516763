"""docs/commands.md is what the command line says, and every command and option says what it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from hub import cli
from hub.decoding.decoding import discover as decodings
from tests.programs import program

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generator() -> Any:
    return program("docs/generate_commands")


def test_the_page_is_up_to_date(generator: Any) -> None:
    assert generator.page() == (DOCS / "commands.md").read_text("utf-8"), "run: python -P docs/generate_commands.py"


def test_every_command_and_option_says_what_it_is_for(generator: Any) -> None:
    found = list(generator.leaves(typer.main.get_command(cli.program())))
    assert len(found) > 40
    assert [" ".join(path) for path, command in found if not command.help] == []
    options = [(path, one) for path, command in found for one in command.params if one.name != "help"]
    assert [f"{' '.join(path)} {one.name}" for path, one in options if not one.help] == []
    (protocol,) = (one for path, one in options if path == ("decode",) and one.name == "protocol")
    assert all(name in protocol.help for name in decodings())
