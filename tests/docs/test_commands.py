"""Commands of the pages: those of the how-to run against a hub, and every line of `sanihub` is one that it takes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import typer
from pypdfium2 import PdfDocument

from hub import cli
from tests.access_keys import make_key
from tests.hub.cli_runner import invoke
from tests.hubs import HubProcess
from tests.servers import PostgresServer

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_BLOCK = re.compile(r"^```(\w+)(?: ([^\n]*))?\n(.*?)^```$", re.M | re.S)


class Line(NamedTuple):
    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def shell_lines(page: Path) -> Iterator[str]:
    """What a page has people type, a command that goes over several lines as one."""
    for language, _, body in _BLOCK.findall(page.read_text("utf-8")):
        if language not in ("sh", "console"):
            continue
        typed = ""
        for line in body.replace("\\\n", " ").splitlines():
            if not typed and language == "console" and not line.startswith("$ "):
                continue  # what is answered
            typed = f"{typed}\n{line}" if typed else line.removeprefix("$ ")
            if whole(typed):
                yield typed
                typed = ""
        assert not typed, f"{page}: {typed}"


def whole(text: str) -> bool:
    """Whether no quotation is open at its end."""
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True


def sanihub_lines() -> Iterator[Line]:
    """Every command line of the program that stands on a page."""
    for page in PAGES:
        for line in shell_lines(page):
            for words in commands(line):
                if Path(words[0]).name == "sanihub":
                    yield Line(page.relative_to(ROOT).as_posix(), tuple(words[1:]))


def commands(line: str) -> Iterator[list[str]]:
    """The simple commands of a line of a shell: without comments, redirections, variables before them, and sudo."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
    lexer.whitespace_split = True
    found: list[str] = []
    for word in [*lexer, ";"]:
        if not word or not set(word) <= set("|;&<>"):
            found.append(word)
            continue
        while found and ("=" in found[0] or found[0] == "sudo"):
            found = found[3:] if found[:2] == ["sudo", "-u"] else found[1:]
        if found:
            yield found
        found = ["the file of a redirection"] if set(word) <= set("<>") else []


LINES = sorted(set(sanihub_lines()))


@pytest.fixture(scope="module")
def root() -> Any:
    return typer.main.get_command(cli.program())


def leaf(command: Any, words: Sequence[str]) -> tuple[Any, list[str]]:
    """The command that a line names, and the words behind its name."""
    rest = list(words)
    while isinstance(command, click.Group) or hasattr(command, "commands"):
        assert rest, "a group of commands, and none of them"
        assert rest[0] in command.commands, f"no command {rest[0]}"
        command = command.commands[rest.pop(0)]
    return command, rest


@pytest.mark.parametrize("line", LINES, ids=str)
def test_the_program_takes_it(line: Line, root: Any) -> None:
    command, rest = leaf(root, line.words)
    with command.make_context(command.name, rest) as context:
        assert context.params is not None


def test_there_are_lines() -> None:
    assert len(LINES) > 60
    assert {line.page for line in LINES} >= {"docs/how-to.md", "docs/alerts.md", "docs/backup.md"}


@pytest.fixture
def hub(postgres_server: PostgresServer, open_folder: Path) -> Iterator[tuple[HubProcess, str]]:
    with postgres_server.database() as dsn:
        process = HubProcess(open_folder, dsn, "[broker]\nenabled = false\n[api]\nport = 0")
        process.start()
        yield process, dsn
        assert process.stop() == 0


def test_the_how_to_works_from_its_top_to_its_end(
    hub: tuple[HubProcess, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, dsn = hub
    process.status()  # its tables are made
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sanihub.toml").write_text(process.settings(), "utf-8")
    text = (ROOT / "docs" / "how-to.md").read_text("utf-8")
    ran = 0
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HUB": process.url,
                   "KEY": make_key(dsn, "integration"), "COLUMNS": "200"}  # fmt: skip
    for language, name, body in _BLOCK.findall(text):
        if name:
            (tmp_path / name).write_text(body, "utf-8")
        for command in body.splitlines() if language == "sh" else ():
            ran += 1
            if re.match(r"sanihub [^|>$]*$", command):
                result = invoke(*shlex.split(command)[1:])
                if command == "sanihub doctor":  # the servers of the tests do not flush
                    assert re.findall(r"│ (\w+) +│ fail", result.output) == ["durability"]
                    continue
                assert result.exit_code == 0, f"{command}: {result.exception}\n{result.output}"
            else:
                done = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", command.replace("curl ", "curl -f ")],
                    env=environment, capture_output=True, text=True, check=False, timeout=60,
                )  # fmt: skip
                assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert ran > 15
    assert (tmp_path / "day.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "october.xlsx").stat().st_size > 1_000
    assert "market-loop" in (tmp_path / "fleet.geojson").read_text("utf-8")
    assert (tmp_path / "backups").is_dir()
    readings = httpx_latest(process)
    assert readings["fill_pct"]["value"] == 62.5


def test_the_audit_ends_with_the_report_that_the_page_tells_of(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two pages have the same commands but for the language, and end with the same document."""
    page, chinese = (ROOT / "docs" / name for name in ("audit.md", "zh/audit.md"))
    typed = list(shell_lines(page))
    language = r" --lang \w\w| --output \S+"
    ways = [[re.sub(language, "", line) for line in lines] for lines in (typed, shell_lines(chinese))]
    assert ways[0] == ways[1]
    shutil.copytree(ROOT / "docs" / "tutorial", tmp_path / "tutorial")
    monkeypatch.chdir(tmp_path / "tutorial")
    assert invoke("people", "list", dsn=postgres_dsn).exit_code == 0  # migrates
    told = []
    for line in typed:
        result = invoke(*shlex.split(line)[1:], dsn=postgres_dsn)
        assert result.exit_code == 0, f"{line}: {result.exception}\n{result.output}"
        told += re.findall(r"revision (\d) .*sha256 (\w+)", result.output)
    assert [revision for revision, _ in told] == ["1", "2", "2", "2"]
    assert len({digest for _, digest in told[1:]}) == 1
    text = pdf_text("second.pdf")
    for words in (page.read_text("utf-8"), chinese.read_text("utf-8")):
        assert told[1][1] in words
    for figure in ("70.0 %", "1 1.60 1.12 0.48 0.00 70.0 %", "400", "320", "Changes since revision 1"):
        assert figure in text
    first = pdf_text("first.pdf")
    assert "1 1.60 0.71 0.00 0.89 100.0 %" in first
    assert "84.6 %" in first


def pdf_text(name: str) -> str:
    """The text of all pages."""
    with PdfDocument(name) as document:
        return "".join(page.get_textpage().get_text_range() for page in document)


def httpx_latest(process: HubProcess) -> dict[str, Any]:
    """The newest of the bin that the page posts for."""
    return dict(process.get("/api/v1/devices/bin-0042/latest").raise_for_status().json()["readings"])
