"""The documentation builds as a site, with every link of it leading somewhere, and its generated page is current."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.programs import program

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_the_endpoints_are_up_to_date() -> None:
    written = (DOCS / "reference" / "endpoints.md").read_text("utf-8")
    assert program("docs/generate_endpoints").page() == written, "run: python -P docs/generate_endpoints.py"


PAGES = [page for page in program("docs/build_site").OUTSIDE.values() if page.endswith(".md")]


@pytest.fixture(scope="module")
def navigation() -> list[str]:
    """The pages of the site's menu."""

    def pages(item: Any) -> list[str]:
        if isinstance(item, str):
            return [item]
        return [page for below in (item.values() if isinstance(item, dict) else item) for page in pages(below)]

    return pages(tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]["nav"])


def test_every_page_is_in_the_menu(navigation: list[str]) -> None:
    there = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} | set(PAGES)
    assert len(navigation) == len(set(navigation))
    assert set(navigation) - there == set()
    assert {page for page in there if not page.startswith("adr/0")} - set(navigation) == set()


def test_the_site_is_built(capfd: pytest.CaptureFixture[str]) -> None:
    assert program("docs/build_site").main() == 0, capfd.readouterr()
    site = ROOT / "site"
    home = (site / "index.html").read_text("utf-8")
    assert "Where to begin" in home
    assert "从哪里开始" in (site / "zh" / "index.html").read_text("utf-8")
    # A link out of docs leads to a copy, an anchor to a heading, and nothing is fetched from elsewhere at once.
    deployment = (site / "deployment" / "index.html").read_text("utf-8")
    assert 'href="../files/deploy/Dockerfile"' in deployment
    assert (site / "files" / "deploy" / "Dockerfile").is_file()
    assert 'id="qos-acknowledgement-retained-messages"' in (site / "protocols/mqtt-json/index.html").read_text("utf-8")
    assert not re.findall(r'(?:src|href)="https?://[^"]*\.(?:js|css|woff2?)', home)


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    module = program("docs/build_site")
    faults: list[str] = []
    text = "# A page\n\n[there](api.md) [not there](nowhere.md#at-all)\n\n```md\n[left](alone.md)\n```\n"
    staged = module._staged(text, "page.md", tmp_path, faults)
    assert faults == ["page.md: nowhere.md#at-all"]
    assert staged.startswith("# A page { #a-page }\n")
    assert "[left](alone.md)" in staged
