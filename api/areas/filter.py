"""The filter of devices that lists are narrowed by."""

from __future__ import annotations

from collections.abc import Sequence

Ids = frozenset[str]
_NONE = ("",)  # no device has this id, and an empty filter would let all in


def only(wanted: Sequence[str], ids: Ids) -> tuple[str, ...]:
    """A filter of devices within ``ids``; one that lets nothing in where nothing is left."""
    return tuple(sorted(ids if not wanted else ids.intersection(wanted))) or _NONE
