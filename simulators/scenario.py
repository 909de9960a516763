"""Scenarios: what to simulate, as YAML; those that come with the package, or a file of one's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from devices.metrics import CATALOGUE
from simulators.city.settings import Incidents, Intervals, Share, Size
from simulators.faults import FaultSettings
from simulators.load import LoadSettings
from simulators.speakers.allotment import ModbusSettings, fault

Hours = Annotated[float, msgspec.Meta(ge=0, le=24 * 31)]
Pace = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]


class ScenarioError(ValueError):
    """The scenario does not exist, or a field of it is wrong; the message names the scenario and the field."""


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to simulate. ``source`` is a ``city`` (its size, intervals, incidents) or plain ``load``.

    ``backfill_hours`` of history are sent before the start; ``speed`` is simulated seconds per second of real time,
    0 for as fast as possible. ``speakers`` gives protocols to shares of the devices of a kind (``{vehicle: {jt808:
    0.6}}``); what the shares leave speaks JSON over MQTT.
    """

    name: str
    title: str = ""
    source: Literal["city", "load"] = "city"
    seed: int = 1
    backfill_hours: Hours = 0
    speed: Pace = 1
    size: Size = Size()
    intervals: Intervals = Intervals()
    incidents: Incidents = Incidents()
    faults: FaultSettings = FaultSettings()
    load: LoadSettings = LoadSettings()
    speakers: dict[str, dict[str, Share]] = {}
    modbus: ModbusSettings = ModbusSettings()


def scenario_names() -> tuple[str, ...]:
    """The scenarios that come with the package."""
    folder = files("simulators") / "scenarios"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_scenario(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Scenario:
    """The scenario of that name, or from a YAML file at that path.

    ``overrides`` replace single fields by their dotted names (``size.bins``, ``faults.silence.per_hour``). Raises
    :class:`ScenarioError`.
    """
    label, text = _text(name)
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScenarioError(f"scenario {label}: not YAML: {error}") from error
    if not isinstance(data, dict):
        raise ScenarioError(f"scenario {label}: expected a mapping of fields")
    data.setdefault("name", label)
    for field, value in (overrides or {}).items():
        _override(label, data, field, value)
    return parse_scenario(data, label)


def parse_scenario(data: Mapping[str, Any], label: str = "") -> Scenario:
    """A scenario from plain data. Raises :class:`ScenarioError` naming the field."""
    try:
        scenario = msgspec.convert(data, Scenario)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"scenario {label}: {_explained(str(error))}") from error
    known = {kind for metric in CATALOGUE for kind in metric.kinds}
    for index, kind in enumerate(scenario.load.kinds):
        if kind not in known:
            raise ScenarioError(f"scenario {label}: load.kinds[{index}]: unknown kind of device {kind!r}")
    wrong = fault(scenario.speakers)
    if wrong is not None:
        raise ScenarioError(f"scenario {label}: speakers.{wrong}")
    for field in ("silence", "backfill", "tunnel", "jitter", "stuck"):
        spell = getattr(scenario.faults, field)
        if spell.shortest_s > spell.longest_s:
            raise ScenarioError(f"scenario {label}: faults.{field}.shortest_s: greater than longest_s")
        for index, kind in enumerate(spell.kinds):
            if kind not in known:
                raise ScenarioError(f"scenario {label}: faults.{field}.kinds[{index}]: unknown kind of device {kind!r}")
    return scenario


def _text(name: str | Path) -> tuple[str, str]:
    if isinstance(name, str) and name in scenario_names():
        return name, (files("simulators") / "scenarios" / f"{name}.yaml").read_text(encoding="utf-8")
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        raise ScenarioError(f"scenario {name}: unknown; there are {', '.join(scenario_names())}, or give a .yaml file")
    try:
        return path.stem, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"scenario {path}: cannot be read: {error}") from error


def _override(label: str, data: dict[str, Any], field: str, value: Any) -> None:
    *parents, last = field.split(".")
    for parent in parents:
        child = data.setdefault(parent, {})
        if not isinstance(child, dict):
            raise ScenarioError(f"scenario {label}: {field}: {parent} has no fields of its own")
        data = child
    data[last] = value


def _explained(problem: str) -> str:
    """The sentence of the check with the field first: ``size.bins: Expected `int`, got `str```."""
    match = re.fullmatch(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?", problem, re.DOTALL)
    assert match is not None
    what, path = match["what"], match["path"] or ""
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", what)
    if unknown is not None:
        return f"{path + '.' if path else ''}{unknown[1]}: unknown field"
    missing = re.fullmatch(r"Object missing required field `(.*)`", what)
    if missing is not None:
        return f"{path + '.' if path else ''}{missing[1]}: missing"
    return f"{path}: {what}" if path else what
