"""Register maps as files: YAML in, :class:`~.layout.RegisterMap` out, with errors that name the place.

A fault is a ConfigError such as ``map mine.yaml: groups.air.points[2].metric: expected a metric of the catalogue, got
'nh3'``. What a file may say is in ``docs/protocols/modbus.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import yaml

from devices.errors import ConfigError
from devices.kinds import KINDS
from devices.metrics import Catalogue
from devices.register_maps.entries import ORDERS, PointForm, WriteForm, point_of, write_of
from devices.register_maps.layout import Group, RegisterMap

MAX_FILE_BYTES = 256 * 1024
MAX_POINTS = 1_000
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")

F = TypeVar("F")
_Period = Annotated[float, msgspec.Meta(ge=0.1, le=86_400)]
_AT = re.compile(r"^(?P<text>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)


class _GroupForm(msgspec.Struct, forbid_unknown_fields=True):
    function: Annotated[int, msgspec.Meta(ge=1, le=4)]
    points: Annotated[list[PointForm], msgspec.Meta(min_length=1)]
    period_s: _Period | None = None


class _MapForm(msgspec.Struct, forbid_unknown_fields=True):
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    groups: Annotated[dict[str, Any], msgspec.Meta(min_length=1)]  #: of _GroupForm, read one by one
    kind: str | None = None
    period_s: _Period = 30.0
    gap: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    max_registers: Annotated[int, msgspec.Meta(ge=4, le=125)] = 125
    byte_order: str = "big"
    word_order: str = "big"
    writes: dict[str, Any] = {}  #: of WriteForm


class _Loader(yaml.SafeLoader):
    """Plain YAML in which no key may stand twice: the second would silently take the first one's place."""


def _mapping(loader: _Loader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        if key is not None and key in seen:
            raise yaml.MarkedYAMLError(problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark)
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


@cache
def shipped() -> Mapping[str, RegisterMap]:
    """The maps that come with the hub, by name."""
    found = sorted(entry.name for entry in files(__package__).iterdir() if entry.name.endswith(".yaml"))
    return {name.removesuffix(".yaml"): parse(name, (files(__package__) / name).read_text("utf-8")) for name in found}


def maps_of(folder: Path | None) -> Mapping[str, RegisterMap]:
    """The shipped maps and those of ``folder``, which take the place of shipped ones of their name.

    Raises ConfigError, which names file, field and what was expected.
    """
    if folder is None:
        return shipped()
    try:
        own = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
        return {**shipped(), **{path.stem: _read(path) for path in own}}
    except OSError as error:
        raise ConfigError(f"maps {error.filename or folder}: {error.strerror or error}") from None


def map_named(maps: Mapping[str, RegisterMap], name: str) -> RegisterMap:
    """The map of that name. Raises ConfigError, which lists the known ones."""
    if (found := maps.get(name)) is None:
        raise ConfigError(f"map: no register map is named {name!r}; known: {', '.join(sorted(maps))}")
    return found


def parse(file: str, text: str, catalogue: Catalogue | None = None) -> RegisterMap:
    """The map that a file holds. Raises ConfigError."""
    stem = Path(file).stem
    try:
        if not NAME.match(stem):
            raise ValueError("expected a file name of small letters, digits, - and _")
        form = _converted(yaml.load(text, _Loader), _MapForm, "")  # noqa: S506 - a SafeLoader
        return _map(stem, form, catalogue or Catalogue())
    except yaml.YAMLError as error:
        raise ConfigError(f"map {file}: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"map {file}: nested too deeply") from None
    except ValueError as error:
        raise ConfigError(f"map {file}: {error}") from None


def _read(path: Path) -> RegisterMap:
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError(f"map {path}: more than {MAX_FILE_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"map {path}: expected UTF-8, byte {error.start} is none") from None
    return parse(str(path), text)


def _converted(data: Any, form: type[F], where: str) -> F:
    """``data`` as a form. Raises ValueError with the place first: ``groups.air.function: expected int, got str``."""
    try:
        return msgspec.convert(data, form)
    except msgspec.ValidationError as error:
        match = _AT.match(str(error))
        assert match is not None
        text = match["text"].replace("`", "")
        path = ".".join(part for part in (where, match["path"]) if part)
        raise ValueError(f"{path}: {text[:1].lower() + text[1:]}" if path else text) from None


def _map(name: str, form: _MapForm, catalogue: Catalogue) -> RegisterMap:
    if form.kind is not None and form.kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {form.kind!r}")
    for field in ("byte_order", "word_order"):
        if (order := getattr(form, field)) not in ORDERS:
            raise ValueError(f"{field}: expected big or little, got {order!r}")
    orders = (form.byte_order, form.word_order)
    groups = tuple(_group(key, group, orders, catalogue) for key, group in form.groups.items())
    writes = {
        key: write_of(f"writes.{key}", key, _converted(one, WriteForm, f"writes.{key}"), orders)
        for key, one in form.writes.items()
    }
    _check_whole(groups)
    return RegisterMap(name, form.title, groups, form.kind, form.period_s, form.gap, form.max_registers, writes)


def _group(name: str, data: Any, orders: tuple[str, str], catalogue: Catalogue) -> Group:
    form = _converted(data, _GroupForm, f"groups.{name}")
    points = tuple(
        point_of(f"groups.{name}.points[{index}]", form.function, point, orders, catalogue)
        for index, point in enumerate(form.points)
    )
    return Group(name, form.function, points, form.period_s)


def _check_whole(groups: tuple[Group, ...]) -> None:
    """Names and metrics are told once; what marks a value as doubtful is a bool, read at the same times."""
    placed = [
        (f"groups.{group.name}.points[{index}]", group, point)
        for group in groups
        for index, point in enumerate(group.points)
    ]
    if len(placed) > MAX_POINTS:
        raise ValueError(f"groups: {len(placed)} points, expected at most {MAX_POINTS}")
    names: dict[str, tuple[Group, str]] = {}
    metrics: dict[str, str] = {}
    for where, group, point in placed:
        if point.name in names:
            raise ValueError(f"{where}.name: {point.name!r} is told twice; give one of them another name")
        names[point.name] = (group, point.type)
        if point.metric is not None and (other := metrics.setdefault(point.metric, where)) != where:
            raise ValueError(f"{where}.metric: {point.metric} is the metric of {other} already")
    for where, group, point in placed:
        if point.doubtful_if is None:
            continue
        judge, kind = names.get(point.doubtful_if, (None, ""))
        if judge is None or kind != "bool":
            raise ValueError(f"{where}.doubtful_if: expected the name of a bool point, got {point.doubtful_if!r}")
        if judge.period_s != group.period_s:
            raise ValueError(f"{where}.doubtful_if: {point.doubtful_if} is read in another period")
