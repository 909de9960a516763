"""Ways to bend an input: its bytes, and the values of its JSON."""

from __future__ import annotations

import json
import random
from typing import Any

ODD_BYTES = (0, 1, 0x0A, 0x24, 0x2A, 0x7B, 0x7D, 0x7E, 0x7F, 0x80, 0xFF)
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, -1e308, 2**31, 2**63, -(2**63), 2**64, 10**30, 0.1, "", "0", "-1", "1e5", "NaN",
    "2026-11-23T08:00:00Z", "9999-12-31T23:59:59Z", "1970-01-01", "\0", "\ud800", "ü" * 300, "AA==", "ff", "zz", [], {},
    [None], [[]], {"": None}, {"value": {}}, float("nan"), float("inf"),
)  # fmt: skip


def bent(chance: random.Random, data: bytes) -> bytes:
    """The data, with some of its bytes changed, cut off, doubled or put in; one time in five as it was."""
    bending = chance.randrange(5)
    at = chance.randrange(len(data) + 1)
    if bending == 0:
        return data[:at]
    if bending == 1:
        return data[:at] + chance.randbytes(chance.randrange(1, 9)) + data[at:]
    if bending == 2:
        again = data[at : at + chance.randrange(1, 30)]
        return data[:at] + again * chance.randrange(1, 4) + data[at:]
    changed = bytearray(data)
    if bending == 3 and changed:
        for _ in range(chance.choice((1, 1, 2, 8))):
            chosen = chance.randrange(len(changed))
            changed[chosen] = chance.choice((*ODD_BYTES, chance.randrange(256), changed[chosen] ^ 1))
    return bytes(changed)


def bent_json(chance: random.Random, text: bytes) -> bytes:
    """A JSON text with one or several of its values made odd. Raises ValueError for a text that is none."""
    value = json.loads(text)
    for _ in range(chance.choice((1, 1, 2, 4))):
        value = _bent_value(chance, value, 0)
    return json.dumps(value).encode("utf-8", "replace")


def _bent_value(chance: random.Random, value: Any, depth: int) -> Any:
    inside = bool(value) and isinstance(value, dict | list)
    if not inside or chance.randrange(12) == 0:
        return _odd(chance, value)
    if isinstance(value, dict):
        key = chance.choice(sorted(value, key=str))
        doing = chance.randrange(8)
        if doing == 0:
            return {name: held for name, held in value.items() if name != key}
        if doing == 1:
            return {**value, str(chance.choice((key.upper(), "", "x" * 200, "__proto__"))): value[key]}
        return {**value, key: _bent_value(chance, value[key], depth + 1)}
    at = chance.randrange(len(value))
    if chance.randrange(8) == 0:
        return value[:at] + value[at : at + 1] * chance.choice((0, 2, 40)) + value[at + 1 :]
    return [*value[:at], _bent_value(chance, value[at], depth + 1), *value[at + 1 :]]


def _odd(chance: random.Random, value: Any) -> Any:
    if isinstance(value, str) and value and chance.randrange(2):
        at = chance.randrange(len(value))
        return value[:at] + chance.choice(("", "0", "g", "=", "é", " ", value)) + value[at + 1 :]
    if isinstance(value, int | float) and chance.randrange(2):
        return chance.choice((-value, value + 1, value * 1_000, str(value), float(value) if abs(value) < 2**60 else 0))
    return chance.choice(ODD_VALUES)
