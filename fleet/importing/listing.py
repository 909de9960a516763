"""YAML of everything: a mapping with a list for each section, and ``datum`` where positions are not WGS-84."""

from __future__ import annotations

from typing import Any

from devices.yaml_lines.tree import Node, parse
from fleet.importing.fields import KINDS, placed, read
from fleet.importing.gathering import Fault, Found, Gathered, Spot, short
from fleet.importing.positions import NOTE, Positions, choose_datum
from fleet.importing.soundness import check
from fleet.importing.spelling import spelt_out
from fleet.master.collection import SECTIONS, Section

MOST_BYTES = 16 * 1024 * 1024
MOST_NODES = 400_000


def from_yaml(text: str, datum: str | None = None) -> Gathered:
    """What a file holds; ``datum`` is what the caller says of its positions."""
    found = Gathered()
    root, mistakes = parse(text.removeprefix("\ufeff"), most_bytes=MOST_BYTES, most_nodes=MOST_NODES)
    found.faults += [Fault(one.line, one.field, one.reason) for one in mistakes]
    if root is None or mistakes:
        if not mistakes:
            found.faults.append(Fault(1, "", f"is empty; expected lists named {', '.join(SECTIONS)}"))
        return found
    if not isinstance(root.value, dict):
        found.faults.append(Fault(root.line, "", f"expected lists named {', '.join(SECTIONS)}"))
        return found
    members: dict[str, Node] = root.value
    try:
        chosen = choose_datum(_plain(members, "datum"), _plain(members, "crs"), datum)
    except ValueError as error:
        field, _, reason = str(error).partition(": ")
        found.faults.append(Fault(members[field].line if field in members else 1, field, reason))
        return found
    if chosen in NOTE:
        found.notes.append(NOTE[chosen])
    for name, node in members.items():
        if name in KINDS:
            _section(name, node, Positions(chosen), found)  # type: ignore[arg-type]
        elif name not in ("datum", "crs"):
            found.faults.append(Fault(node.line, name, f"unknown; expected {', '.join((*SECTIONS, 'datum'))}"))
    return found


def _plain(members: dict[str, Node], name: str) -> Any:
    return members[name].plain() if name in members else None


def _section(section: Section, node: Node, positions: Positions, found: Gathered) -> None:
    if not isinstance(node.value, list):
        found.faults.append(Fault(node.line, section, f"expected a list, got {short(node.plain())}"))
        return
    for number, item in enumerate(node.value):
        path = f"{section}[{number}]."
        if not isinstance(item.value, dict):
            spot = Spot(item.line, found.faults, path)
            spot.fault("", f"expected a mapping, got {short(item.plain())}")
            continue
        lines = {name: one.line for name, one in item.value.items()}
        for name, one in item.value.items():
            if isinstance(one.value, list):
                lines |= {f"{name}[{place}]": below.line for place, below in enumerate(one.value)}
        spot = Spot(item.line, found.faults, path, lines)
        given = spelt_out(section, item.plain(), spot)
        reading = placed if section == "places" else read
        made = reading(KINDS[section], given, spot, positions)
        if made is not None and check(made, spot):  # type: ignore[arg-type]
            found.found.append(Found(section, made, item.line, lines, path, spot.names))  # type: ignore[arg-type]
