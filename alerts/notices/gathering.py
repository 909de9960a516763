"""What goes out together: deliveries that are due are gathered into messages."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import msgspec

MOST_AT_ONCE = 200  #: notices in a message, at most


class Due(msgspec.Struct, frozen=True):
    """A delivery that is due. ``alert`` is what its order is kept within; None for none."""

    id: int
    alert: Hashable | None = None
    digest: bool = False
    urgent: bool = False


def gather(due: Sequence[Due], *, slots: int, allowance: int | None = None, bundles: bool = True) -> list[list[int]]:
    """Messages to send at the same time, each a list of delivery ids; what is in none of them waits.

    ``due`` is in the order of the outbox. At most ``slots`` messages are made now; ``allowance`` says how many may be
    sent before the channel's limit is reached (None: there is no limit), and the last of them takes along whatever is
    left. No two messages hold deliveries of the same alert, and those of one alert are taken in order: what is told
    later of an alert never overtakes what is told before.
    """
    messages = slots if allowance is None else min(slots, allowance)
    if messages <= 0:
        return []
    if not bundles:
        return [[one.id] for one in _firsts(due)[:messages]]
    digest = _digest(due)
    groups = [[one.id for one in digest]] if digest else []
    rest = _besides_digests(due)
    singles = _firsts(rest)
    left = messages - len(groups)
    if allowance is not None and messages == allowance and len(singles) > left > 0:
        alone = singles[: left - 1]
        return [*groups, *([one.id] for one in alone), [one.id for one in _overflow(rest, alone)]]
    return [*groups, *([one.id] for one in singles[:left])]


def _overflow(rest: Sequence[Due], alone: Sequence[Due]) -> list[Due]:
    """What the last message that the limit allows takes along: all that does not belong to what goes out alone."""
    ids, alerts = {one.id for one in alone}, {one.alert for one in alone if one.alert is not None}
    return [one for one in rest if one.id not in ids and (one.alert is None or one.alert not in alerts)][:MOST_AT_ONCE]


def _firsts(due: Sequence[Due]) -> list[Due]:
    """The first delivery of each alert, and all that belong to none; what is urgent comes before the rest."""
    seen: set[Hashable] = set()
    firsts = []
    for one in due:
        if one.alert is None or one.alert not in seen:
            firsts.append(one)
        seen.add(one.alert)
    return sorted(firsts, key=lambda one: not one.urgent)


def _digest(due: Sequence[Due]) -> list[Due]:
    """What waited for a digest, as much as fits into a message, up to where something else of its alert is due."""
    chosen: list[Due] = []
    blocked: set[Hashable] = set()
    for one in due:
        if one.digest and one.alert not in blocked and len(chosen) < MOST_AT_ONCE:
            chosen.append(one)
        elif one.alert is not None:
            blocked.add(one.alert)
    return chosen


def _besides_digests(due: Sequence[Due]) -> list[Due]:
    """What is due of the alerts that do not begin with a digest, and of none the rest."""
    digests: dict[Hashable, bool] = {}
    for one in due:
        digests.setdefault(one.id if one.alert is None else (one.alert,), one.digest)
    return [one for one in due if not digests[one.id if one.alert is None else (one.alert,)]]
