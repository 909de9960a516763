"""Sessions of people: begun, recognised, noted, ended. What is remembered of them is bounded and seconds old."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

import msgspec

from api.ports.people import SessionKeeper
from devices.access import fingerprint
from devices.errors import TransientError
from devices.people import Person, Session, new_token

FRESH_S = 3.0  #: how soon it is seen that a session was ended elsewhere, or a person disabled
MAX_SESSIONS = 10_000
NOTE_AFTER_US = 60_000_000  #: how old the note of a session's last use may be


class _Remembered(msgspec.Struct):
    """What the store said of a token; when it is asked anew goes by ``asked_at``, the steady clock, s."""

    session: Session
    asked_at: float
    told_at: float


class Sessions:
    """The sessions of this hub's people. ``clock`` is wall time in µs, ``steady`` a clock in s that never jumps."""

    def __init__(
        self, keeper: SessionKeeper, clock: Callable[[], int], *, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._keeper = keeper
        self._clock = clock
        self._steady = steady
        self._known: OrderedDict[bytes, _Remembered] = OrderedDict()

    def remembers(self, token: str) -> bool:
        """Whether the token was right a moment ago."""
        return fingerprint(token) in self._known

    async def session(self, token: str, *, stale_s: float = 0.0) -> Session | None:
        """The session of a token, which may be over; None where there is none. Its use is noted once a minute.

        What the store said ``stale_s`` seconds ago or later is good enough while it is away.
        """
        digest = fingerprint(token)
        known = self._known.get(digest)
        if known is None or self._steady() - known.asked_at >= FRESH_S:
            try:
                found = await self._keeper.session(digest)
            except TransientError:
                if known is not None and self._steady() - known.told_at < stale_s:
                    return known.session
                raise
            if found is None:
                self._known.pop(digest, None)
                return None
            known = self._remember(digest, found)
        now = self._clock()
        if known.session.usable(now) and now - known.session.seen_at > NOTE_AFTER_US:
            known.session = msgspec.structs.replace(known.session, seen_at=now)
            with suppress(TransientError):  # the session goes on as long as this hub remembers it
                await self._keeper.seen(known.session.id, now)
        return known.session

    async def current(self, number: int) -> Session | None:
        """A session that was recognised a moment ago, as it stands."""
        return next((one.session for one in reversed(self._known.values()) if one.session.id == number), None)

    async def open(self, person: Person) -> tuple[str, Session] | None:
        """Begin a session; its token, which is told once. None for a person who was disabled meanwhile."""
        token = new_token()
        session = await self._keeper.open_session(person, fingerprint(token), self._clock())
        if session is None:
            return None
        self._remember(fingerprint(token), session)
        return token, session

    async def end(self, number: int, *, actor: str) -> None:
        """End a session."""
        await self._keeper.end_session(number, actor=actor)
        self.forget(number)

    def forget(self, number: int) -> None:
        """Ask the store anew about a session at its next use."""
        for one in self._known.values():
            if one.session.id == number:
                one.asked_at = float("-inf")

    def forget_all(self) -> None:
        """Ask the store anew about every session: people were changed."""
        self._known.clear()

    def _remember(self, digest: bytes, session: Session) -> _Remembered:
        known = self._known[digest] = _Remembered(session, self._steady(), self._steady())
        self._known.move_to_end(digest)
        while len(self._known) > MAX_SESSIONS:
            self._known.popitem(last=False)
        return known
