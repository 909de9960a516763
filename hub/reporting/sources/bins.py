"""Bins out of the store, as missed pick-ups are judged by them: levels, emptyings, and what they are to be held to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleet.bins.emptying import TOLD_WITHIN, Emptying, Told
from fleet.bins.missed_pickups import SILENT, Seen
from fleet.bins.readiness import thresholds_of
from store.bins.history import BinHistory, BinNews
from store.reading import ReadSession


class SeenBins:
    """Raises TransientError while the store is away."""

    def __init__(self, session: ReadSession) -> None:
        self._history = BinHistory(session)

    async def of(self, devices: Iterable[str], start: int, end: int) -> dict[str, Seen]:
        """What is known of bins from a shift's ``start`` to ``end`` (µs), by id; devices that are no bins are left out.

        Levels and emptyings begin a while before, so that it is known what held when the shift began. Who was beside
        them is not in it.
        """
        standing = await self._history.standing(sorted(set(devices)), start)
        if not standing:
            return {}
        news = await self._history.news([one.key for one in standing.values()], start - 2 * SILENT, end)
        found = {}
        for device, one in standing.items():
            own = news[one.key]
            since = one.registered_at if one.emptied_at is None else one.emptied_at
            limits = thresholds_of(one.attributes)
            found[device] = Seen(own.fill, emptied_of(device, own), since=since, limits=limits)
        return found


def emptied_of(device: str, news: BinNews) -> Sequence[Emptying]:
    """The emptyings that were entered, and what the bin told that nobody has looked at yet."""
    found = list(news.known)
    for told in sorted(news.told, key=lambda one: one.at):
        if not any(_covers(one, told) for one in found):
            found.append(
                Emptying(device, told.at, told.at, told.at, told.before_pct, told.after_pct, None, "device")
            )  # fmt: skip
    return sorted(found, key=lambda one: (one.at, one.since))


def _covers(one: Emptying, told: Told) -> bool:
    return one.since <= told.at <= one.until or abs(one.at - told.at) <= TOLD_WITHIN
