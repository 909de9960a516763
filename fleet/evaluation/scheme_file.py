"""Scheme files: YAML in, a scheme out. A file is taken whole or not at all; each mistake has its line and field."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from devices.yaml_lines.document import DocumentError, read_document
from devices.yaml_lines.tree import Mistake, Node, join
from devices.yaml_lines.typed import at, check, short
from fleet.evaluation.kpi import kpis
from fleet.evaluation.scheme import Scheme


class SchemeFileError(DocumentError):
    """A scheme is wrong. ``mistakes`` are in order of their lines; the message holds a line for each."""


@cache
def ready_made() -> dict[str, Scheme]:
    """The schemes that come with the package (``fleet/evaluation/schemes``), by id. A file bears its scheme's name."""
    names = sorted(one.name for one in _folder().iterdir() if one.name.endswith(".yaml"))
    return {name.removesuffix(".yaml"): read_scheme((_folder() / name).read_bytes(), name) for name in names}


def ready_made_text(scheme: str) -> str:
    """The text of one. Raises KeyError where there is none of that id."""
    return (_folder() / f"{ready_made()[scheme].id}.yaml").read_text("utf-8")


def _folder() -> Traversable:
    return files("fleet.evaluation") / "schemes"


def read_scheme(text: str | bytes, name: str = "scheme") -> Scheme:
    """The scheme of a YAML or JSON text; ``name`` stands for it in messages. Raises :class:`SchemeFileError`."""
    root, mistakes = read_document(text, name, "a scheme", SchemeFileError)
    if not isinstance(root.value, dict):
        mistakes.append(Mistake(root.line, "", f"expected id and items; got {short(root.plain())}"))
    else:
        check(root, Scheme, "", mistakes)
        _check_items(root, mistakes)
    if mistakes:
        raise SchemeFileError(name, mistakes)
    return msgspec.convert(root.plain(), Scheme)


def _check_items(root: Node, mistakes: list[Mistake]) -> None:
    """What types do not tell: KPIs and their parameters, names that stand twice, weights that do not make 100."""
    listed = at(root, "items")
    if not isinstance(listed.value, list):
        return
    lines: dict[str, int] = {}
    total = 0.0
    for place, node in enumerate(listed.value):
        field = f"items[{place}]"
        named, weight = at(node, "id"), at(node, "weight").value
        if isinstance(named.value, str) and (first := lines.setdefault(named.value, named.line)) != named.line:
            reason = f"{short(named.value)} stands in line {first} already"
            mistakes.append(Mistake(named.line, f"{field}.id", reason))
        if isinstance(weight, int | float) and not isinstance(weight, bool):
            total += weight
        measures = at(node, "measures")
        for number, measure in enumerate(measures.value if isinstance(measures.value, list) else ()):
            _check_measure(measure, f"{field}.measures[{number}]", mistakes)
    if not mistakes and abs(total - 100) > 1e-6:
        mistakes.append(Mistake(listed.line, "items", f"expected weights that make 100; these make {total:g}"))


def _check_measure(node: Node, field: str, mistakes: list[Mistake]) -> None:
    if not isinstance(node.value, dict) or "kpi" not in node.value:
        return
    named = node.value["kpi"]
    kpi = kpis().get(named.value) if isinstance(named.value, str) else None
    if kpi is None:
        expected = ", ".join(sorted(kpis()))
        mistakes.append(Mistake(named.line, f"{field}.kpi", f"expected {expected}; got {short(named.plain())}"))
    elif isinstance((params := node.value.get("params", Node(node.line, {}))).value, dict):
        check(params, kpi.params, join(field, "params"), mistakes)
