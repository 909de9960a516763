"""Checking a tree of YAML against types: every mistake with its line and field, and what was expected."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from devices.yaml_lines.tree import Mistake, Node, join

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(s|min|h|d)\Z")
_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
_TYPES = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


def check(node: Node, kind: Any, field: str, mistakes: list[Mistake]) -> None:
    """Find what keeps a node from being a ``kind`` (a type of msgspec's); durations written as text become seconds."""
    before = len(mistakes)
    inner = _bare(kind, node.value)
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct) and isinstance(node.value, dict):
        _check_struct(node, inner, field, mistakes)
    elif isinstance(node.value, list) and get_origin(inner) is tuple and get_args(inner)[1:] == (...,):
        for place, item in enumerate(node.value):
            check(item, get_args(inner)[0], f"{field}[{place}]", mistakes)
    elif isinstance(node.value, dict) and _is_mapping(inner):
        for name, item in node.value.items():
            check(item, get_args(inner)[1], join(field, name), mistakes)
    if len(mistakes) > before:
        return
    if get_origin(inner) is Literal and node.value not in get_args(inner):
        choices = ", ".join(map(str, get_args(inner)))
        mistakes.append(Mistake(node.line, field, f"expected {choices}; got {short(node.value)}"))
        return
    try:
        msgspec.convert(node.plain(), kind)
    except msgspec.ValidationError as error:
        mistakes.append(_explained(node, field, str(error)))


def _check_struct(node: Node, kind: type[msgspec.Struct], field: str, mistakes: list[Mistake]) -> None:
    known = {one.encode_name: one for one in msgspec.structs.fields(kind)}
    tag = kind.__struct_config__.tag_field
    for name, item in node.value.items():
        place = join(field, name)
        if name not in known:
            if name != tag:
                expected = ", ".join(known)
                mistakes.append(Mistake(item.line, place, f"unknown field; expected {expected or 'none'}"))
        elif not (name.endswith("_s") and isinstance(item.value, str)):
            check(item, known[name].type, place, mistakes)
        elif match := _DURATION.match(item.value):
            item.value = float(match[1]) * _SECONDS[match[2]]
            check(item, known[name].type, place, mistakes)
        else:
            reason = f"expected seconds, or a number with s, min, h or d; got {short(item.value)}"
            mistakes.append(Mistake(item.line, place, reason))
    for name, one in known.items():
        if one.required and name not in node.value:
            mistakes.append(Mistake(node.line, join(field, name), "missing"))


def _bare(kind: Any, value: Any) -> Any:
    """A type without its constraints, and without the nothing that it also allows."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0], value)
    if get_origin(kind) in (Union, types.UnionType) and value is not None:
        arms = [arm for arm in get_args(kind) if arm is not type(None)]
        if len(arms) == 1:
            return _bare(arms[0], value)
    return kind


def _is_mapping(kind: Any) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def at(node: Node, path: str) -> Node:
    """The node at a path below another (``fences[0].geometry``), or the last one on the way that there is."""
    for name, place in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        value = node.value
        if name and isinstance(value, dict) and name in value:
            node = value[name]
        elif place and isinstance(value, list) and int(place) < len(value):
            node = value[int(place)]
        else:
            break
    return node


def _explained(node: Node, field: str, problem: str) -> Mistake:
    what, _, path = problem.partition(" - at `$")
    path = path.removesuffix("`").removeprefix(".")
    if path == "[...]":
        path = ""
    place = at(node, path)
    expected = re.match(r"Expected (.*?)(?:, got .*)?\Z", what, re.DOTALL)
    if expected is None:
        reason = what[:1].lower() + what[1:]
    else:
        words = re.sub(r"`([^`]*)`", lambda match: _named(match[1]), expected[1])
        reason = f"expected {words}; got {short(place.plain())}"
    name = field + path if path.startswith("[") else join(field, path) if path else field
    return Mistake(place.line, name, reason)


def _named(kinds: str) -> str:
    return " or ".join(_TYPES.get(one.strip(), one.strip()) for one in kinds.split("|"))


def short(value: Any) -> str:
    """A value, in a message."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if len(value) > 3 else repr(value)[:60]
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
