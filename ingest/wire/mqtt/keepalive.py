"""Signs of life (OASIS MQTT 5, clauses 3.1.2.10 and 3.12), by whatever clock the caller has, in seconds."""

from __future__ import annotations

from typing import Literal


class KeepAlive:
    """When a PINGREQ is due, and when the peer must be taken for gone.

    ``period_s`` 0 means that nobody asks. ``look_s`` is how often :meth:`look` is called: a PINGREQ goes out so much
    sooner, for the server counts from the last packet.
    """

    def __init__(self, period_s: float, look_s: float, now: float) -> None:
        self._period = period_s
        self._look = look_s
        self._sent = self._heard = now
        self._asked: float | None = None

    def sent(self, now: float) -> None:
        """A packet went out."""
        self._sent = now

    def heard(self, now: float) -> None:
        """Something came: the peer is there, whatever it was."""
        self._heard = now
        self._asked = None

    def look(self, now: float, *, listening: bool = True) -> Literal["", "ask", "gone"]:
        """``ask`` when a PINGREQ is to go out now, ``gone`` when a whole period went by after one without an answer.

        While nobody is ``listening`` the answer could not be heard, and the wait for it does not count.
        """
        if not self._period:
            return ""
        if not listening:
            self._heard = now
            self._asked = None
        if self._asked is not None and now - self._asked >= self._period:
            return "gone"
        soon = now + self._look - self._period
        if self._sent > soon and (self._asked is not None or self._heard > soon):
            return ""
        self._sent = now
        if self._asked is None:
            self._asked = now
        return "ask"
