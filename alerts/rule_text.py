"""Rules as the text of a rule file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from alerts.rule import Rule
from alerts.rule_file import VERSION
from devices.yaml_lines.tree import write


def rules_as_yaml(rules: Iterable[Rule]) -> str:
    """A file that :func:`alerts.rule_file.read_rules` reads back the same. Fields at their default are left out."""
    return write({"version": VERSION, "rules": [_written(rule) for rule in rules]})


def _written(rule: Rule) -> dict[str, Any]:
    scope, params = _plain(rule.scope), _plain(rule.params)
    overrides = {device: _differing(rule.params, own) for device, own in rule.overrides.items()}
    written: dict[str, Any] = {
        "id": rule.id,
        "kind": rule.kind,
        "title": rule.title,
        "title_zh": rule.title_zh,
        "severity": rule.severity,
        "scope": scope,
        "params": params,
        "overrides": overrides,
    }
    kept = {name: value for name, value in written.items() if value not in ("", {})}
    return kept if rule.enabled else {**kept, "enabled": False}


def _differing(params: msgspec.Struct, own: msgspec.Struct) -> dict[str, Any]:
    names = own.__struct_fields__
    return {name: _plain(getattr(own, name)) for name in names if getattr(own, name) != getattr(params, name)}


def _plain(value: Any) -> Any:
    """A value of parameters as plain data: of structs the fields that are not at their default."""
    if isinstance(value, msgspec.Struct):
        tag = value.__struct_config__
        plain: dict[str, Any] = {} if tag.tag_field is None else {tag.tag_field: tag.tag}
        for one in msgspec.structs.fields(type(value)):
            held = getattr(value, one.name)
            default = one.default if one.default_factory is msgspec.NODEFAULT else one.default_factory()
            if held != default:
                plain[one.encode_name] = _plain(held)
        return plain
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value
