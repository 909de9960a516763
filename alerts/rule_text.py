"""Changing the text of a rule file rule by rule, so that what people wrote beside the rules (comments) stays.

The texts are sound rule files (:func:`alerts.rule_file.read_rules` takes them). Where a text is not laid out line by
line (JSON, YAML in braces), it is written anew, and its comments are lost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import yaml

from alerts.rule_file import VERSION, read_rules
from devices.yaml_lines import tree

_DASH = 2  #: columns below which a rule written anew is indented


class Joined(msgspec.Struct, frozen=True):
    """A text with rules laid over it: the ids of those that are new, and of those that stood there otherwise."""

    text: str
    added: tuple[str, ...]
    replaced: tuple[str, ...]


def with_rules(text: str, more: str) -> Joined:
    """``text`` with the rules of ``more``: a rule of an id that stands there already takes its place."""
    there = {rule.id for rule in read_rules(text)}
    new = [rule.id for rule in read_rules(more)]
    joined = _changed(text, set(new), _Rules(more))
    return Joined(joined, tuple(one for one in new if one not in there), tuple(one for one in new if one in there))


def without_rules(text: str, ids: Collection[str]) -> str:
    """``text`` without the rules of these ids; those that do not stand there change nothing."""
    return _changed(text, set(ids), None)


def _changed(text: str, drop: set[str], add: _Rules | None) -> str:
    before, more = _Rules(text), () if add is None else add.plain
    plain = [one for one in before.plain if one["id"] not in drop] + list(more)
    edited = before.edited(drop, () if add is None else add.blocks(before.column))
    try:
        sound = edited is not None and _plain(edited) == plain
    except (yaml.YAMLError, KeyError, TypeError):
        sound = False
    return edited if edited is not None and sound else tree.write({"version": VERSION, "rules": plain})


class _Rules:
    """The rules of a text with the lines that each stands on."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self.plain = _plain(text)
        node = _sequence(text)
        self.column = _DASH if node is None else node.start_mark.column
        self._by_lines = node is not None and not node.flow_style and bool(node.value)
        if self._by_lines:  # and each with its dash before it
            firsts = (self._lines[item.start_mark.line] for item in node.value)
            self._by_lines = all(line[self.column : self.column + 1] == "-" for line in firsts)
        self._spans = [self._span(item) for item in node.value] if node is not None and self._by_lines else []

    def _span(self, item: yaml.Node) -> tuple[int, int]:
        """First and last line of a rule, without the comments behind it."""
        first, last = item.start_mark.line, min(item.end_mark.line, len(self._lines) - 1)
        if last > first and not self._lines[last][: item.end_mark.column].strip():  # where the next thing begins
            last -= 1
        while last > first and (not (line := self._lines[last].strip()) or line.startswith("#")):
            last -= 1
        return first, last

    def blocks(self, column: int) -> Sequence[str]:
        """Each rule as lines, its dash in a column."""
        if not self._by_lines:
            return [_indented(tree.write([one]).rstrip("\n").split("\n"), column) for one in self.plain]
        return [_indented(self._lines[first : last + 1], column - self.column) for first, last in self._spans]

    def edited(self, drop: set[str], blocks: Sequence[str]) -> str | None:
        """The text without some rules and with others at its end; None where it is not laid out by lines."""
        kept = [one["id"] not in drop for one in self.plain]
        if not self._by_lines or not any(kept):
            return None
        gone: set[int] = set()
        for (first, last), stays in zip(self._spans, kept, strict=True):
            if not stays:
                gone |= {*range(first, last + 1)} | ({first - 1} if not self._lines[first - 1].strip() else set())
        end = max(last for (_, last), stays in zip(self._spans, kept, strict=True) if stays)
        lines = [line for number, line in enumerate(self._lines[: end + 1]) if number not in gone]
        rest = [line for number, line in enumerate(self._lines[end + 1 :], end + 1) if number not in gone]
        return "\n".join([*lines, *(line for block in blocks for line in ("", block)), *(rest or [""])])


def _indented(lines: Sequence[str], by: int) -> str:
    moved = (" " * by + line if by >= 0 else line[min(-by, len(line) - len(line.lstrip(" "))) :] for line in lines)
    return "\n".join(line.rstrip() for line in moved)


def _sequence(text: str) -> Any:
    """The node of the list of rules; None where the text has none."""
    root: Any = yaml.compose(text, yaml.SafeLoader)
    return next((value for name, value in root.value if name.value == "rules"), None)


def _plain(text: str) -> list[dict[str, Any]]:
    root, _ = tree.parse(text)
    found: list[dict[str, Any]] = [] if root is None else root.plain()["rules"]
    return found
