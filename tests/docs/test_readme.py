"""The README is short and the same in both languages: commands, settings, links, in their order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))


def bare(block: str) -> str:
    """A block of code without its remarks, which are translated."""
    return re.sub(r"  +# .*$", "", block, flags=re.M)


def test_the_commands_and_settings_are_the_same() -> None:
    english, chinese = (re.findall(r"^```(\w+\n.*?)^```$", text, re.M | re.S) for text in (ENGLISH, CHINESE))
    assert [bare(one) for one in english] == [bare(one) for one in chinese]
    assert [one.partition("\n")[0] for one in english].count("sh") == 7


def test_the_words_in_code_are_the_same() -> None:
    english, chinese = (
        set(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)))
        for text in (ENGLISH, CHINESE)
    )
    assert chinese - english == {"--lang zh"}
    assert english - chinese == set()


def test_the_links_are_the_same() -> None:
    def links(text: str) -> list[str]:
        found = re.findall(r"\]\(([^)\s]+)\)|<(http[^>]+)>", text)
        return sorted(one or other for one, other in found)

    there = {"README.zh-CN.md": "README.md", "docs/images/board.png": "docs/images/board-zh.png"}
    assert sorted(there.get(one, one) for one in links(ENGLISH)) == links(CHINESE)


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_it_is_short(text: str) -> None:
    assert len(text.splitlines()) <= 160
    assert text.count("![") >= 2  # with pictures
