"""What becomes of master data that is entered: what was new, what changed, and what kept it from being entered."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from devices.errors import SanihubError
from fleet.master.collection import Section


class Came(msgspec.Struct):
    """What became of the items of a section: ids that were new, changed, and how many were as given already."""

    created: list[str] = []
    changed: list[str] = []
    unchanged: int = 0


class Wrong(msgspec.Struct, frozen=True):
    """What keeps one item from being entered: which item, at which field, why."""

    section: Section
    id: str
    field: str
    reason: str


class NotEnteredError(SanihubError):
    """Something of what was given does not fit what is stored; nothing was entered. ``wrong`` tells all of it."""

    def __init__(self, wrong: Sequence[Wrong]) -> None:
        super().__init__("; ".join(f"{one.section} {one.id}: {one.field}: {one.reason}" for one in wrong[:20]))
        self.wrong = tuple(wrong)
