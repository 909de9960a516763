"""Mappings as files: YAML or JSON, a rule for each field of a codec's object.

::

    distance: {metric: distance_mm}
    level_cm: {metric: distance_mm, scale: 10, least: 3}
    position: {metric: tilt, values: {tilt: 1, normal: 0}}
    alarm: {events: {high: overflow_alarm}}
    gps.lat: {fix: lat}
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

from devices.errors import ConfigError
from devices.mapping.claims import key_of
from devices.mapping.rules import Mapped, Rule
from devices.metrics import Catalogue

MAX_BYTES = 1024 * 1024
EVENT = re.compile(r"_*[A-Za-z0-9][A-Za-z0-9_]{0,63}\Z")
_KEYED = ("values", "events")


def load_mapping(path: Path, catalogue: Catalogue | None = None) -> Mapped:
    """The mapping of a file. Raises ConfigError, which names the file, the field and what was expected."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: expected text in UTF-8") from None
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{path}: more than {MAX_BYTES} characters")
    try:
        root = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from None
    if not isinstance(root, dict) or not root:
        raise ConfigError(f"{path}: expected a rule for each field, as in 'distance: {{metric: distance_mm}}'")
    catalogue = catalogue or Catalogue()
    return {str(name): _rule(f"{path}: {name}", found, catalogue) for name, found in root.items()}


def _rule(place: str, found: Any, catalogue: Catalogue) -> Rule:
    """One rule, held against the catalogue."""
    if not isinstance(found, dict):
        raise ConfigError(f"{place}: expected a rule, as in {{metric: distance_mm}}")
    given = {str(name): value for name, value in found.items()}
    for name in _KEYED:
        if isinstance(given.get(name), dict):
            given[name] = {key_of(key): _state(value) for key, value in given[name].items()}
    if isinstance(given.get("doubtful"), list):
        given["doubtful"] = [key_of(key) for key in given["doubtful"]]
    try:
        rule = msgspec.convert(given, Rule)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{place}: {error}") from None
    fault = _fault(rule, catalogue)
    if fault is not None:
        raise ConfigError(f"{place}: {fault}")
    return rule


def _state(value: Any) -> Any:
    """YAML reads yes and no as booleans; a reading is a number."""
    return int(value) if isinstance(value, bool) else value


def _fault(rule: Rule, catalogue: Catalogue) -> str | None:
    if rule.metric is None and not (rule.events or rule.fix or rule.samples):
        return "expected metric, events, fix or samples"
    if rule.metric is not None:
        if rule.metric not in catalogue:
            return f"metric: no metric is named {rule.metric!r}"
        for key, value in rule.values.items():
            fault = None if value is None else catalogue.check(rule.metric, value)
            if fault is not None:
                return f"values.{key}: {fault}"
    for key, kind in rule.events.items():
        if not EVENT.match(kind):
            return f"events.{key}: {kind!r} is no name of an event; expected letters, digits and underscores"
    return None
