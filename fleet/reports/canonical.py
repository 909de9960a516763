"""The canonical form of a document, and its hash.

Two documents that say the same have the same bytes: floats to nine significant digits (what sums in another order may
differ by), no NaN and no negative zero, no NUL in texts, keys in order, no spaces. Language,
format and stamp have no part in it.
"""

from __future__ import annotations

from hashlib import sha256
from math import isfinite
from typing import Any

import msgspec

from fleet.reports.document import Document

_DIGITS = 9


def settled(document: Document) -> Document:
    """The document as it is kept: numbers as in the canonical form."""
    return msgspec.convert(_plain(msgspec.to_builtins(document)), Document)


def canonical(document: Document) -> bytes:
    """JSON of the document (RFC 8259), UTF-8, keys sorted."""
    return msgspec.json.encode(_plain(msgspec.to_builtins(document)), order="sorted")


def content_hash(document: Document) -> str:
    """SHA-256 of the canonical form, in hex."""
    return sha256(canonical(document)).hexdigest()


def read(text: str | bytes) -> Document:
    """A document from its JSON. Raises ``msgspec.ValidationError`` where it is none."""
    return msgspec.json.decode(text, type=Document)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return _rounded(value)
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")  # no database and no page can hold it
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value


def _rounded(value: float) -> float | None:
    if not isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}") + 0.0  # turns -0.0 into 0.0
