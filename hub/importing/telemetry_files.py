"""Files of telemetry, a message a row: readings in wide or long form, tracks, and JSON lines of native messages.

Rows become payloads of sanihub's own JSON (``docs/protocols/mqtt-json.md``), so that a file is judged by the very rules
that live messages are judged by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, Literal

import msgspec

from devices import instants
from devices.metrics import Catalogue
from hub.importing.claimed_time import TimeReader
from hub.importing.rows import FileFaultError, Table, Tell, TextFile

FIX_COLUMNS = (
    "lat", "lon", "altitude_m", "speed_kmh", "heading_deg", "hdop", "satellites", "constellations", "valid", "datum",
)  # fmt: skip
EXTRA_COLUMNS = ("seq", "kind")
_WORDS = frozenset(("constellations", "valid", "datum", "kind"))  #: columns that hold no number
_DECODER = msgspec.json.Decoder()

Form = Literal["wide", "long", "track"]


class Message(msgspec.Struct):
    """One row: where it stands, whose it is, when it was observed (µs), and what it says."""

    line: int
    device: str
    observed_at: int
    body: dict[str, Any]


def form_of(table: Table, catalogue: Catalogue) -> Form:
    """What the header says the rows are. Raises FileFaultError that names the column at fault."""
    columns = set(table.header)
    if {"metric", "value"} <= columns:
        form: Form = "long"
        known = {"device", "time", "metric", "value", *EXTRA_COLUMNS}
    elif columns & {"lat", "lon"}:
        form = "track"
        known = {"device", "time", *FIX_COLUMNS, *EXTRA_COLUMNS, *catalogue.by_name}
    else:
        form = "wide"
        known = {"device", "time", *EXTRA_COLUMNS, *catalogue.by_name}
    required = {"device", "time"} | ({"lat", "lon"} if form == "track" else set())
    if missing := sorted(required - columns):
        raise FileFaultError(table.file.path, f"header: no column {missing[0]}", table.header_line)
    if unknown := [name for name in table.header if name not in known]:
        reason = f"header: column {unknown[0]}: no metric or field of this name; rename it or leave it out"
        raise FileFaultError(table.file.path, reason, table.header_line)
    return form


def from_table(table: Table, form: Form, time: TimeReader, kind: str | None, tell: Tell) -> Iterator[Message]:
    """The messages of a CSV table; rows at fault are told and left out."""
    for line, cells in table.rows(tell):
        device, when = cells.pop("device", ""), cells.pop("time", "")
        if not device or not when:
            tell(line, "device: missing" if not device else "time: missing")
            continue
        try:
            observed_at = time(when)
        except ValueError as error:
            tell(line, f"time: {error}")
            continue
        body: dict[str, Any] = {"ts": instants.to_iso(observed_at)}
        if kind is not None:
            body["kind"] = kind
        for name in EXTRA_COLUMNS:
            if name in cells:
                body[name] = _number(name, cells.pop(name))
        if form == "long":
            body["readings"] = {cells.get("metric", ""): _number("value", cells.get("value", ""))}
            if "metric" not in cells or "value" not in cells:
                tell(line, "metric: missing" if "metric" not in cells else "value: missing")
                continue
        elif form == "track":
            _divide(cells, body)
        else:
            body["readings"] = {name: _number(name, cell) for name, cell in cells.items()}
        yield Message(line, device, observed_at, body)


def _divide(cells: Mapping[str, str], body: dict[str, Any]) -> None:
    """The cells of a track's row: to the fix what is a field of it, the rest to the readings."""
    fix: dict[str, Any] = {name: _number(name, cell) for name, cell in cells.items() if name in FIX_COLUMNS}
    if "constellations" in fix:
        fix["constellations"] = cells["constellations"].replace("|", " ").replace(",", " ").split()
    if "lat" in fix or "lon" in fix:
        body["fix"] = fix
    body["readings"] = {name: _number(name, cell) for name, cell in cells.items() if name not in FIX_COLUMNS}


def _number(name: str, cell: str) -> float | str:
    """The number of a cell; a cell that holds none goes on as it is, for the decoder to refuse it by its field."""
    if name in _WORDS:
        return cell
    if cell.isascii() and cell.isdecimal() and len(cell) < 16:
        return int(cell)
    try:
        number = float(cell) if "_" not in cell else float("nan")
    except ValueError:
        return cell
    return number if isfinite(number) else cell


def from_json_lines(file: TextFile, time: TimeReader, kind: str | None, tell: Tell) -> Iterator[Message]:
    """The messages of a file with an object a line: a native message with the field ``device`` beside the others."""
    for line, text in file.lines(tell):
        try:
            body = _DECODER.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            tell(line, f"not JSON: {error}")
            continue
        device = body.pop("device", None) if isinstance(body, dict) else None
        if not isinstance(device, str) or not isinstance(body, dict):
            tell(line, "expected an object with the text field device")
            continue
        if body.get("ts") is None:
            tell(line, "ts: missing")
            continue
        try:
            observed_at = time(body["ts"])
        except ValueError as error:
            tell(line, f"ts: {error}")
            continue
        body["ts"] = instants.to_iso(observed_at)
        if kind is not None:
            body.setdefault("kind", kind)
        if isinstance(body.get("events"), list):
            for event in body["events"]:
                if isinstance(event, dict) and "ts" in event:
                    event["ts"] = time.localised(event["ts"])
        yield Message(line, device, observed_at, body)
