"""Rule files: YAML in, rules out.

A file is taken whole or not at all. What is wrong is told all at once, each with line, field and what was expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import msgspec

from alerts.kind import Kind, kinds
from alerts.rule import Rule, Scope, Severity
from devices.kinds import DEVICE_ID, KINDS
from devices.metrics import CATALOGUE, DERIVED, Catalogue
from devices.yaml_lines.document import DocumentError, read_document
from devices.yaml_lines.tree import MAX_BYTES, Mistake, Node, join
from devices.yaml_lines.typed import at, check, short

VERSION = 1
MAX_RULES = 1_000

KNOWN = Catalogue((*CATALOGUE, *DERIVED))
"""The metrics that rules may ask for: those that devices measure and those that the hub works out."""


class RuleFileError(DocumentError):
    """A rule file is wrong. ``mistakes`` are in order of their lines; the message holds a line for each."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as it stands in a file; its fields are those of :class:`alerts.rule.Rule`."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
    kind: str
    title: Annotated[str, msgspec.Meta(max_length=200)] = ""
    title_zh: Annotated[str, msgspec.Meta(max_length=200)] = ""
    severity: Severity = "warning"
    scope: Scope = Scope()
    params: Mapping[str, Any] = {}
    overrides: Mapping[str, Mapping[str, Any]] = {}
    enabled: bool = True


def load_rules(path: Path, catalogue: Catalogue = KNOWN) -> tuple[Rule, ...]:
    """The rules of a file. Raises :class:`RuleFileError`, also where it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = f"{error.strerror or error}; expected a rule file (YAML or JSON)"
        raise RuleFileError(str(path), (Mistake(1, "", reason),)) from None
    return read_rules(data, str(path), catalogue)


def default_rules() -> tuple[Rule, ...]:
    """The rules that come with the package (``alerts/default_rules.yaml``)."""
    return read_rules((files("alerts") / "default_rules.yaml").read_bytes(), "default_rules.yaml")


def read_rules(text: str | bytes, name: str = "rules", catalogue: Catalogue = KNOWN) -> tuple[Rule, ...]:
    """The rules of a YAML or JSON text; ``name`` stands for it in messages. Raises :class:`RuleFileError`."""
    root, mistakes = read_document(text, name, "version and rules", RuleFileError)
    rules = _document(root, catalogue, mistakes)
    if mistakes:
        raise RuleFileError(name, mistakes)
    return tuple(rules)


def _document(root: Node, catalogue: Catalogue, mistakes: list[Mistake]) -> list[Rule]:
    if not isinstance(root.value, dict):
        mistakes.append(Mistake(root.line, "", f"expected version and rules; got {short(root.plain())}"))
        return []
    for name, node in root.value.items():
        if name not in ("version", "rules"):
            mistakes.append(Mistake(node.line, name, "unknown field; expected version, rules"))
    version, listed = root.value.get("version"), root.value.get("rules")
    if version is None or version.value is not VERSION:
        got = "missing" if version is None else f"got {short(version.plain())}"
        mistakes.append(
            Mistake(root.line if version is None else version.line, "version", f"expected {VERSION}; {got}")
        )
    if listed is None or not isinstance(listed.value, list) or len(listed.value) > MAX_RULES:
        line = root.line if listed is None else listed.line
        mistakes.append(Mistake(line, "rules", f"expected a list of at most {MAX_RULES} rules"))
        return []
    found: list[Rule] = []
    lines: dict[str, int] = {}
    for place, node in enumerate(listed.value):
        rule = _rule(node, f"rules[{place}]", catalogue, mistakes)
        named = at(node, "id")
        if isinstance(named.value, str) and (first := lines.setdefault(named.value, named.line)) != named.line:
            reason = f"{short(named.value)} stands in line {first} already"
            mistakes.append(Mistake(named.line, f"rules[{place}].id", reason))
        found += () if rule is None else (rule,)
    return found


def _rule(node: Node, field: str, catalogue: Catalogue, mistakes: list[Mistake]) -> Rule | None:
    before = len(mistakes)
    check(node, Entry, field, mistakes)
    if isinstance(node.value, dict):
        _check_scope(node, field, mistakes)
        kind = _kind(node, field, mistakes)
        params = None if kind is None else _params(kind, node, field, catalogue, mistakes)
        overrides = {}
        if kind is not None and params is not None:
            overrides = _overrides(kind, node, field, catalogue, mistakes)
        if len(mistakes) == before and params is not None:
            return _made(node, params, overrides)
    return None


def _made(node: Node, params: msgspec.Struct, overrides: Mapping[str, msgspec.Struct]) -> Rule:
    entry = msgspec.convert(node.plain(), Entry)
    return Rule(
        entry.id,
        entry.kind,
        params,
        entry.severity,
        entry.title,
        entry.title_zh,
        entry.scope,
        overrides,
        entry.enabled,
    )


def _kind(node: Node, field: str, mistakes: list[Mistake]) -> Kind | None:
    named = node.value.get("kind")
    if named is None or not isinstance(named.value, str):
        return None
    kind = kinds().get(named.value)
    if kind is None:
        reason = f"expected {', '.join(sorted(kinds()))}; got {short(named.value)}"
        mistakes.append(Mistake(named.line, f"{field}.kind", reason))
    return kind


def _check_scope(node: Node, field: str, mistakes: list[Mistake]) -> None:
    for name, expected, sound in (
        ("kinds", f"expected {', '.join(KINDS)}", KINDS.__contains__),
        ("devices", "expected an id of a device", DEVICE_ID.match),
        ("except_devices", "expected an id of a device", DEVICE_ID.match),
    ):
        scope = at(node, "scope")
        listed = scope.value.get(name) if isinstance(scope.value, dict) else None
        for place, item in enumerate(listed.value if listed and isinstance(listed.value, list) else ()):
            if isinstance(item.value, str) and not sound(item.value):
                where = f"{field}.scope.{name}[{place}]"
                mistakes.append(Mistake(item.line, where, f"{expected}; got {short(item.value)}"))


def _params(kind: Kind, node: Node, field: str, catalogue: Catalogue, mistakes: list[Mistake]) -> msgspec.Struct | None:
    params = node.value.get("params") or Node(node.line, {})
    return _converted(kind, params, join(field, "params"), catalogue, mistakes)


def _overrides(
    kind: Kind, node: Node, field: str, catalogue: Catalogue, mistakes: list[Mistake]
) -> dict[str, msgspec.Struct]:
    given = node.value.get("overrides")
    found: dict[str, msgspec.Struct] = {}
    if given is None or not isinstance(given.value, dict):
        return found
    params = node.value.get("params") or Node(node.line, {})
    for device, own in given.value.items():
        where = f"{field}.overrides.{device}"
        if not DEVICE_ID.match(device):
            mistakes.append(Mistake(own.line, where, "expected an id of a device"))
        elif isinstance(own.value, dict):
            laid = Node(own.line, {**params.value, **own.value})
            if (converted := _converted(kind, laid, where, catalogue, mistakes)) is not None:
                found[device] = converted
    return found


def _converted(
    kind: Kind, node: Node, field: str, catalogue: Catalogue, mistakes: list[Mistake]
) -> msgspec.Struct | None:
    """Parameters of a kind, checked against their types, the catalogue of metrics and the kind's own sense."""
    if not isinstance(node.value, dict):
        return None
    before = len(mistakes)
    check(node, kind.params, field, mistakes)
    if len(mistakes) > before:
        return None
    params = msgspec.convert(node.plain(), kind.params)
    if (found := kind.check(params)) is not None:
        name, _, reason = found.partition(": ")
        mistakes.append(Mistake(at(node, name).line, join(field, name), reason))
    for metric in sorted(kind.watch(params).metrics):
        if metric not in catalogue:
            close = get_close_matches(metric, catalogue.by_name, 1)
            reason = f"unknown metric {short(metric)}" + (f"; did you mean {close[0]}?" if close else "")
            place, line = _where(node, metric, field)
            mistakes.append(Mistake(line, place, reason))
    return params if len(mistakes) == before else None


def _where(node: Node, value: str, field: str) -> tuple[str, int]:
    """The place of a scalar below a node; the node itself where it does not stand there."""
    below: Iterable[tuple[str, Node]] = ()
    if isinstance(node.value, dict):
        below = ((join(field, name), one) for name, one in node.value.items())
    elif isinstance(node.value, list):
        below = ((f"{field}[{place}]", one) for place, one in enumerate(node.value))
    for name, one in below:
        if one.value == value:
            return name, one.line
        if isinstance(one.value, dict | list):
            found = _where(one, value, name)
            if found[0] != name:
                return found
    return field, node.line
