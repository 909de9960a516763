"""What is stored of bins, as readers get to see it."""

from __future__ import annotations

import msgspec

from fleet.bins.emptying import Emptying


class EmptyingEntry(msgspec.Struct, frozen=True):
    """An emptying as it stands: when the hub found it, and when late data changed it last (µs)."""

    emptying: Emptying
    found_at: int
    revised_at: int | None = None
    retracted: bool = False
