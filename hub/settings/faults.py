"""A fault in the settings as a line that says what to do: which setting, what was expected, what was perhaps meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

_WORDS = {
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "string_type": "expected text in quotes",
    "model_type": "expected a section, not a value",
    "model_attributes_type": "expected a section, not a value",
    "tuple_type": "expected a list: a section of which several may stand is written in [[two brackets]]",
    "missing": "is required",
}


def fault_line(model: type[BaseModel], where: str, fault: Mapping[str, Any]) -> str:
    """One of pydantic's faults of ``model``. What was given is not told: it may be a secret."""
    path: Sequence[str | int] = fault["loc"]
    name = ".".join(str(part) for part in path) or "settings"
    if fault["type"] == "extra_forbidden":
        known = _names(model, path[:-1])
        close = get_close_matches(str(path[-1]), known, 1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known))}" if known else ""
        return f"{where}: {name}: no such setting; {hint or 'docs/settings.md names all'}"
    return f"{where}: {name}: {_WORDS.get(fault['type']) or str(fault['msg']).removeprefix('Value error, ')}"


def _names(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The settings of a section; none where the path leads to no single one."""
    for part in path:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        found = _models(None if field is None else field.annotation)
        if len(found) != 1:
            return []
        model = found[0]
    return list(model.model_fields)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
