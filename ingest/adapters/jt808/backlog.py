"""The order of backfills: terminals that come back with a backlog leave room to those that report live.

A batch (0x0704) is as much work as a score of positions. After an outage a fleet sends thousands of them at once, and
whoever reports live would wait until all are committed. So only so many batches of a listener await their commit at a
time; the connections that have more are not read and take turns.
"""

from __future__ import annotations

from collections.abc import Callable

IN_FLIGHT = 48  #: batches of one listener: about a tenth of a second of committing


class Backlog:
    """Who may hand over a batch now, and who waits for a turn."""

    def __init__(self, in_flight: int = IN_FLIGHT) -> None:
        self._limit = in_flight
        self._in_flight = 0
        self._waiting: dict[object, Callable[[], None]] = {}

    @property
    def waited_for(self) -> bool:
        """Whether somebody waits for a turn."""
        return bool(self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether a batch may be handed over."""
        return self._in_flight < self._limit

    def taken(self) -> None:
        """A batch was handed over."""
        self._in_flight += 1

    def settled(self) -> None:
        """A batch was settled."""
        self._in_flight -= 1

    def go_on(self) -> None:
        """Let those that wait go on, in their order, as far as there is room."""
        while self._waiting and self.has_room:
            self._waiting.pop(next(iter(self._waiting)))()

    def wait(self, who: object, proceed: Callable[[], None]) -> None:
        """Call ``proceed`` when ``who`` has a turn. Who waits already keeps the place."""
        self._waiting.setdefault(who, proceed)

    def forget(self, who: object) -> None:
        """Somebody has gone."""
        self._waiting.pop(who, None)
