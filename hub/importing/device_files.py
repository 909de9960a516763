"""Files of devices: YAML lists and CSV tables, checked field by field before anything of them is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import yaml

from devices.kinds import DEVICE_ID, KINDS, STATUSES
from devices.vocabulary import Identity
from hub.importing.rows import FileFaultError, Table, TextFile
from store.telemetry.devices_table import DeviceSpec

MAX_NAME = 200  #: characters
MAX_ATTRIBUTES_BYTES = 8_192  #: of one device, as JSON
MAX_YAML_BYTES = 64 * 1024 * 1024
_SCHEME = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
_FIELDS = ("id", "kind", "name", "status", "identities", "attributes")
_ID_FORM = "expected 1 to 64 letters, digits, '.', '_', ':' or '-', starting with a letter or digit"

Fault = tuple[int, str]
Lines = Mapping[str, int]


class DeviceList(msgspec.Struct):
    """The devices of a file, each with its line, and every fault that was found: line and reason."""

    devices: list[tuple[int, DeviceSpec]] = []
    faults: list[Fault] = []


def from_table(table: Table) -> DeviceList:
    """Devices of a CSV table; columns that are no field of a device become attributes."""
    found = DeviceList()
    for line, cells in table.rows(lambda number, reason: found.faults.append((number, reason))):
        given: dict[str, Any] = {name: cells[name] for name in _FIELDS[:4] if name in cells}
        if "identities" in cells:
            given["identities"] = [part.strip() for part in cells["identities"].split(";") if part.strip()]
        given["attributes"] = {name: _typed(cell) for name, cell in cells.items() if name not in _FIELDS}
        _add(found, line, given, {})
    return _checked(found)


def from_yaml(file: TextFile) -> DeviceList:
    """Devices of a YAML file: a list, or a mapping with a list ``devices``. Raises FileFaultError."""
    found = DeviceList()
    for line, item, lines in _items(file):
        if not isinstance(item, dict):
            found.faults.append((line, "expected a mapping with the fields of a device"))
            continue
        given = {str(name): value for name, value in item.items() if value is not None}
        attributes = given.get("attributes", {})
        if not isinstance(attributes, dict):
            found.faults.append((lines.get("attributes", line), "attributes: expected a mapping"))
            continue
        rest = {name: value for name, value in given.items() if name not in _FIELDS}
        _add(found, line, given | {"attributes": {**attributes, **rest}}, lines)
    return _checked(found)


def _items(file: TextFile) -> Iterator[tuple[int, Any, dict[str, int]]]:
    """The items of the list: line, value, and the line of each field."""
    path = file.path
    try:
        if path.stat().st_size > MAX_YAML_BYTES:
            raise FileFaultError(path, f"is larger than {MAX_YAML_BYTES} bytes; write so many devices as CSV")
        loader = yaml.SafeLoader(path.read_text(file.encoding).removeprefix("\ufeff"))
        root = loader.get_single_node()
        if isinstance(root, yaml.MappingNode):
            keys = {str(key.value): value for key, value in root.value}
            if set(keys) != {"devices"}:
                raise FileFaultError(path, f"expected a list, or devices: and a list; got {', '.join(keys)}")
            root = keys["devices"]
        if not isinstance(root, yaml.SequenceNode):
            raise FileFaultError(path, "expected a list of devices")
        for node in root.value:
            lines = {}
            if isinstance(node, yaml.MappingNode):
                lines = {str(key.value): key.start_mark.line + 1 for key, _ in node.value}
            yield node.start_mark.line + 1, loader.construct_document(node), lines
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise FileFaultError(path, f"not YAML: {reason}", mark.line + 1 if mark else None) from None
    except UnicodeDecodeError:
        raise FileFaultError(path, f"not {file.encoding}; name the encoding with --encoding") from None
    except OSError as error:
        raise FileFaultError(path, error.strerror or str(error)) from None


def _add(found: DeviceList, line: int, given: Mapping[str, Any], lines: Lines) -> None:
    """Check the fields of one device; enter it, or every fault of it."""
    faults: list[Fault] = []

    def text(name: str) -> str | None:
        value = given.get(name)
        if value is None or (isinstance(value, str) and value.isprintable()):
            return value
        faults.append((lines.get(name, line), f"{name}: expected text, got {_short(value)}"))
        return None

    def one_of(name: str, known: tuple[str, ...]) -> str | None:
        value = text(name)
        if value is not None and value not in known:
            faults.append((lines.get(name, line), f"{name}: expected {', '.join(known)}; got {_short(value)}"))
        return value

    device_id, name = text("id"), text("name")
    kind, status = one_of("kind", KINDS), one_of("status", STATUSES)
    if "id" not in given:
        faults.append((line, "id: missing"))
    elif device_id is not None and not DEVICE_ID.match(device_id):
        faults.append((lines.get("id", line), f"id: {_ID_FORM}; got {_short(device_id)}"))
    if name is not None and len(name) > MAX_NAME:
        faults.append((lines.get("name", line), f"name: expected at most {MAX_NAME} characters"))
    identities = _identities(given.get("identities"), lines.get("identities", line), faults)
    attributes = _attributes(given["attributes"], lines.get("attributes", line), faults)
    found.faults.extend(faults)
    if not faults and device_id is not None:
        spec = DeviceSpec(device_id, kind, status, name, attributes, identities)
        found.devices.append((line, spec))


def _identities(value: Any, line: int, faults: list[Fault]) -> tuple[Identity, ...] | None:
    """Identities from texts ``scheme:value``, or a mapping of schemes to values (or lists of them)."""
    if value is None:
        return None
    pairs: list[tuple[str, str]] = []
    if isinstance(value, dict):
        for scheme, named in value.items():
            pairs += [(str(scheme), str(one)) for one in (named if isinstance(named, list) else [named])]
    elif isinstance(value, list):
        for item in value:
            scheme, _, rest = str(item).partition(":")
            pairs.append((scheme.strip(), rest.strip()))
    else:
        faults.append((line, f"identities: expected a list of scheme:value, got {_short(value)}"))
        return None
    for scheme, rest in pairs:
        if not (_SCHEME.match(scheme) and 1 <= len(rest) <= 200 and rest.isprintable()):
            faults.append((line, f"identities: expected scheme:value (imei:861234567890123), got {scheme}:{rest[:60]}"))
    return tuple(dict.fromkeys(Identity(scheme, rest) for scheme, rest in pairs))


def _attributes(value: Mapping[str, Any], line: int, faults: list[Fault]) -> dict[str, Any]:
    kept = {str(name): item for name, item in value.items() if item is not None}
    try:
        encoded = msgspec.json.encode(kept)
    except (TypeError, ValueError, RecursionError) as error:
        faults.append((line, f"attributes: {error}"))
        return {}
    if len(encoded) > MAX_ATTRIBUTES_BYTES:
        faults.append((line, f"attributes: {len(encoded)} bytes as JSON, expected at most {MAX_ATTRIBUTES_BYTES}"))
    if b"\\u0000" in encoded:
        faults.append((line, "attributes: hold a NUL character"))
    return kept


def _checked(found: DeviceList) -> DeviceList:
    """Add the faults that only several lines together have: an id or an identity that stands twice."""
    ids: dict[str, int] = {}
    owners: dict[Identity, int] = {}
    for line, spec in found.devices:
        if (first := ids.setdefault(spec.id, line)) != line:
            found.faults.append((line, f"id: {spec.id} stands in line {first} already"))
        for identity in spec.identities or ():
            if (first := owners.setdefault(identity, line)) != line:
                found.faults.append((line, f"identities: {identity} stands in line {first} already"))
    found.faults.sort()
    return found


def _typed(cell: str) -> Any:
    """A number or a truth value where the cell is exactly how one is written, for 007 is no number."""
    if cell in ("true", "false"):
        return cell == "true"
    for kind in (int, float):
        try:
            number = kind(cell)
        except ValueError:
            continue
        if str(number) == cell and abs(number) < 1e15:
            return number
    return cell


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
