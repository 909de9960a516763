"""What each path of an import is, told by its name and its header, before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from devices.errors import ConfigError
from devices.metrics import Catalogue
from fleet.importing.tables import table_kind, unknown_column
from fleet.master.collection import SECTIONS
from hub.importing.rows import FileFaultError, Table, TextFile, open_table
from hub.importing.telemetry_files import Form, form_of

SUFFIXES = {".yaml": "yaml", ".yml": "yaml", ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "json lines",
            ".ndjson": "json lines", ".geojson": "geojson", ".json": "geojson", ".gpx": "gpx"}  # fmt: skip

FleetForm = Literal["geojson", "gpx", "yaml", "table"]
_FLEET_YAML = re.compile(rf"^(?:{'|'.join((*SECTIONS, 'datum', 'crs'))})[ \t]*:", re.MULTILINE)
_PEEK_BYTES = 1024 * 1024


class Part(msgspec.Struct):
    """One file of an import. ``table`` is there for CSV, ``form`` for CSV of telemetry; no form: JSON or devices.

    ``fleet`` is there for master data of the fleet.
    """

    file: TextFile
    devices: bool
    size: int
    table: Table | None = None
    form: Form | None = None
    fleet: FleetForm | None = None

    @property
    def what(self) -> str:
        """In a word, for people."""
        if self.devices:
            return "devices"
        if self.fleet is not None:
            kind = table_kind(self.table.header) if self.table is not None else None
            return kind.name if kind is not None else "fleet"
        return {"wide": "readings", "long": "readings", "track": "track", None: "messages"}[self.form]


def plan(paths: Iterable[Path], encoding: str, catalogue: Catalogue) -> list[Part]:
    """The files of an import (those of a folder, too): devices first, then the fleet's, for the rest may be theirs.

    Raises ConfigError for a path that is not there or of no known kind, FileFaultError for a header.
    """
    parts = [_part(path, encoding, catalogue) for path in _files(paths)]
    return sorted(parts, key=lambda part: (not part.devices, part.fleet is None))


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            known = (item for item in path.iterdir() if item.suffix.lower() in SUFFIXES)
            found = sorted(item for item in known if item.suffix.lower() != ".json")  # which may be of anything
            if not found:
                raise ConfigError(f"{path}: holds no file to import ({', '.join(SUFFIXES)})")
            yield from found
        elif path.is_file():
            yield path
        else:
            raise ConfigError(f"{path}: no such file")


def _part(path: Path, encoding: str, catalogue: Catalogue) -> Part:
    kind = SUFFIXES.get(path.suffix.lower())
    file, size = TextFile(path, encoding), path.stat().st_size
    if kind is None:
        raise ConfigError(f"{path}: expected a file of one of these kinds: {', '.join(SUFFIXES)}")
    if kind == "yaml":
        return Part(file, False, size, fleet="yaml") if _of_the_fleet(file) else Part(file, True, size)
    if kind in ("geojson", "gpx"):
        return Part(file, False, size, fleet=kind)  # type: ignore[arg-type]
    if kind == "json lines":
        return Part(file, False, size)
    table = open_table(file)
    columns = set(table.header)
    if (own := table_kind(columns)) is not None:
        if (reason := unknown_column(own, table.header)) is not None:
            raise FileFaultError(path, reason, table.header_line)
        return Part(file, False, size, table, fleet="table")
    if "device" in columns or "time" in columns:
        return Part(file, False, size, table, form_of(table, catalogue))
    if "id" in columns:
        return Part(file, True, size, table)
    reason = "header: expected the columns id, ... (devices) or device,time, ... (readings and tracks)"
    raise FileFaultError(path, reason, table.header_line)


def _of_the_fleet(file: TextFile) -> bool:
    """Whether a YAML file has a list of the fleet at its top; one that cannot be read is told when it is read."""
    try:
        with file.path.open("rb") as opened:
            text = opened.read(_PEEK_BYTES).decode(file.encoding, "replace")
    except OSError:
        return False
    return _FLEET_YAML.search(text.removeprefix("\ufeff")) is not None
