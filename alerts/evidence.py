"""Evidence: when a condition has been seen for long enough, or often enough, to be believed.

Time counts only between moments that bear witness: from the first that shows the condition to one that still shows it.
A gap longer than ``gap_s`` is no evidence of either side, so that the count begins anew behind it. The threshold counts
in the duration: what is asked to last 60 s is believed at the moment 60 s after the first. Nothing here is woken by
time alone, for a device that is silent says nothing about its condition.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from devices.clock import SECOND

MOST = 1_000_000  #: where counting of moments stops


class Proof(msgspec.Struct, frozen=True):
    """What it takes to believe: it lasted ``hold_s`` seconds, or was seen ``count`` times in a row (None: does not do).

    With neither, the first moment is enough.
    """

    hold_s: float | None = 0
    count: int | None = None

    def met(self, lasted: int, count: int) -> bool:
        """Whether it is enough that it ``lasted`` so long (µs) and was seen so often."""
        if self.hold_s is None and self.count is None:
            return True
        if self.hold_s is not None and lasted >= int(self.hold_s * SECOND):
            return True
        return self.count is not None and count >= self.count


@lru_cache(maxsize=1_024)
def proofs(hold_s: float | None, count: int | None, leave_s: float | None) -> tuple[Proof, Proof]:
    """What it takes to believe in the beginning, and in the end, of what is to last ``hold_s`` or be seen ``count``."""
    return Proof(hold_s, count), Proof(leave_s)


class Hold(msgspec.Struct, frozen=True):
    """How far the evidence has got. ``active``: the condition is believed to hold.

    ``since`` is the first moment that showed the other side (µs), ``count`` the moments since, ``seen`` the last of
    them; none of them where the last moment showed no other side.
    """

    active: bool = False
    since: int | None = None
    count: int = 0
    seen: int = 0


CALM = Hold()
BELIEVED = Hold(active=True)


def take(hold: Hold, at: int, shown: bool | None, proofs: tuple[Proof, Proof], gap_s: float) -> tuple[Hold, int | None]:
    """What a moment at ``at`` (µs) makes of the evidence, and since when it turned, where it now turned.

    ``shown``: True for the condition, False for its end, None for neither (between the limits of a hysteresis), which
    ends a count as well. ``proofs`` are for its beginning and its end.
    """
    if shown is None or shown is hold.active:
        return (BELIEVED if hold.active else CALM), None
    begun = at
    count = 1
    if hold.since is not None and at - hold.seen <= int(gap_s * SECOND):
        begun, count = hold.since, min(hold.count + 1, MOST)
    if proofs[hold.active].met(at - begun, count):
        return (CALM if hold.active else BELIEVED), begun
    return Hold(active=hold.active, since=begun, count=count, seen=at), None
