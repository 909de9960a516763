"""YAML as a tree that knows its lines: the strict part of YAML that rule files are written in.

Scalars are those of the core schema of YAML 1.2.2 (clause 10.3.2) without octal and hexadecimal, so that ``10:00`` and
``no`` are text. Anchors, aliases and tags are refused, depth and size are bounded: a file costs what it is long.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec
import yaml

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20
MAX_NODES = 50_000  #: names, values, lists and mappings of a file

_TAG = "tag:yaml.org,2002:"
_SCALARS: tuple[tuple[str, str, str], ...] = (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
)


class Node(msgspec.Struct, eq=False):
    """A value with the line (from 1) on which it stands; that of a field is its name's.

    ``value`` is a scalar, a list of nodes, or a dictionary of nodes.
    """

    line: int
    value: Any

    def plain(self) -> Any:
        """The value without lines."""
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


class Mistake(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong: on which line, at which field (``rules[2].params.limit``, "" for the whole), and why."""

    line: int
    field: str
    reason: str


class _Loader(yaml.SafeLoader):
    """Composes nodes; refuses anchors, aliases, tags, depth and number."""

    depth = 0
    count = 0
    most = MAX_NODES

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.MarkedYAMLError(None, None, "expected neither anchors nor aliases", event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(None, None, "expected no tags", event.start_mark)
        if self.depth >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(None, None, f"expected at most {MAX_DEPTH} levels", event.start_mark)
        self.count += 1
        if self.count > self.most:
            raise yaml.MarkedYAMLError(None, None, f"expected at most {self.most} names and values", event.start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


_Loader.yaml_implicit_resolvers = {}  # instead of those of YAML 1.1
for _name, _form, _first in _SCALARS:
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_form})\Z"), [*_first, ""])


def parse(text: str, *, most_bytes: int = MAX_BYTES, most_nodes: int = MAX_NODES) -> tuple[Node | None, list[Mistake]]:
    """The tree of a YAML document, and what is wrong with it as YAML. None where there is no tree."""
    if len(text) > most_bytes or len(text.encode("utf-8", "replace")) > most_bytes:
        return None, [Mistake(1, "", f"expected at most {most_bytes} bytes")]
    mistakes: list[Mistake] = []
    loader = None
    try:
        loader = _Loader(text)
        loader.most = most_nodes
        root = loader.get_single_node()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
        return None, [Mistake(mark.line + 1 if mark else 1, "", f"not YAML: {reason}")]
    finally:
        if loader is not None:
            loader.dispose()
    return (None if root is None else _node(root, root.start_mark.line + 1, "", mistakes)), mistakes


def _node(node: Any, line: int, field: str, mistakes: list[Mistake]) -> Node:
    if isinstance(node, yaml.SequenceNode):
        items = enumerate(node.value)
        return Node(line, [_node(one, one.start_mark.line + 1, f"{field}[{n}]", mistakes) for n, one in items])
    if not isinstance(node, yaml.MappingNode):
        return Node(line, _scalar(node, line, field, mistakes))
    fields: dict[str, Node] = {}
    for key, value in node.value:
        at = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            mistakes.append(Mistake(at, field, "expected names as keys"))
            continue
        name = _text(key.value, at, field, mistakes)
        below = join(field, name)
        if name in fields:
            mistakes.append(Mistake(at, below, f"stands in line {fields[name].line} already"))
            continue
        fields[name] = _node(value, at, below, mistakes)
    return Node(line, fields)


def join(field: str, name: str) -> str:
    """The path of a field below another."""
    return f"{field}.{name}" if field else name


def _scalar(node: Any, line: int, field: str, mistakes: list[Mistake]) -> Any:
    text, tag = node.value, node.tag.removeprefix(_TAG)
    if tag == "null":
        return None
    if tag == "bool":
        return text[0] in "tT"
    if tag == "int" and len(text) <= 18:
        return int(text)
    if tag in ("int", "float"):
        number = float(text) if "n" not in text.lower() else math.nan
        if math.isfinite(number):
            return number
        mistakes.append(Mistake(line, field, f"expected a finite number, got {text[:40]}"))
        return 0.0
    return _text(text, line, field, mistakes)


def _text(text: str, line: int, field: str, mistakes: list[Mistake]) -> str:
    """Text with the two halves joined in which JSON escapes what lies beyond the first 65,536 characters."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        mistakes.append(Mistake(line, field, "expected characters, got half of one"))
        return ""


class _Dumper(yaml.SafeDumper):
    """Writes without aliases, and quotes what a reader of YAML 1.1 or 1.2 might take for something else than text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _name, _form, _first in _SCALARS:
    _Dumper.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_form})\Z"), [*_first, ""])


def write(data: Any) -> str:
    """Plain data as YAML that :func:`parse` reads back the same."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
