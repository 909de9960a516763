"""Recognising keys and sessions: looked up, remembered for seconds, and wrong ones slowed down by address.

What is remembered is bounded: keys, and addresses that tried wrong ones. A key that was right before is never held up
by wrong ones from the same address, for a whole fleet may stand behind one.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from hmac import compare_digest
from math import ceil

import msgspec

from api.ports.access import KeyRing
from api.problems import ProblemError
from api.sessions import Sessions
from api.throttle import Throttle, address_of
from devices.access import KeyEntry, Principal, fingerprint, prefix_of
from devices.errors import TransientError
from devices.people import is_token

FRESH_S = 3.0  #: how soon a revocation is seen
STALE_S = 600.0  #: how long readers stay recognised while the store is away
MAX_KEYS = 10_000
NOTE_AFTER_US = 60_000_000  #: how old the note of a key's last use may be
_NOBODYS = bytes(32)


class _Known(msgspec.Struct):
    """What the store said of a prefix, and when it was asked and said so (a steady clock, s).

    ``noted_at`` is the last use on record (µs).
    """

    entry: KeyEntry | None
    asked_at: float
    noted_at: int
    told_at: float


class Gatekeeper:
    """Says whose a key or a token is. ``clock`` is wall time in µs, ``steady`` a clock in seconds that never jumps."""

    def __init__(
        self,
        keys: KeyRing,
        sessions: Sessions,
        clock: Callable[[], int],
        *,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._sessions = sessions
        self._clock = clock
        self._steady = steady
        self._throttle = Throttle()
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def recognise(self, key: str, host: str, *, reads: bool = False) -> Principal:
        """Whom a key or token stands for. Raises a 401 or 429 problem, and TransientError when the store is away.

        Who only ``reads`` stays who they were for ten minutes without the store: a board has to be able to say that
        it is away.
        """
        if is_token(key):
            return await self._signed_in(key, host, reads)
        address, prefix, digest = address_of(host), prefix_of(key), fingerprint(key)
        remembered = self._known.get(prefix or "")
        if remembered is None or not _opens(remembered.entry, digest):
            wait_s = self._throttle.wait_s(address, self._steady())
            if wait_s:
                raise _slow_down(wait_s)
        known = None if prefix is None else await self._look_up(prefix, reads)
        entry = known.entry if known else None
        now = self._clock()
        if not _opens(entry, digest) or entry is None or known is None or not entry.usable(now):
            self._throttle.wrong(address, self._steady())
            raise unauthorized("this key is not known, has expired or was revoked")
        if now - known.noted_at > NOTE_AFTER_US:
            known.noted_at = now
            await self._note(entry)
        return entry.principal()

    async def _signed_in(self, token: str, host: str, reads: bool) -> Principal:
        """Whom a session stands for. One that is over is no wrong try: a page that was left open brings it."""
        address = address_of(host)
        if not self._sessions.remembers(token) and (wait_s := self._throttle.wait_s(address, self._steady())):
            raise _slow_down(wait_s)
        session = await self._sessions.session(token, stale_s=STALE_S if reads else 0.0)
        if session is None:
            self._throttle.wrong(address, self._steady())
        if session is None or not session.usable(self._clock()):
            raise unauthorized("this session is over; sign in again")
        return session.principal()

    async def _look_up(self, prefix: str, reads: bool) -> _Known:
        """What the store says of a prefix, or said a moment ago.

        While one request asks anew, others go by what was said before.
        """
        now = self._steady()
        known = self._known.get(prefix)
        if known is not None and now - known.asked_at < FRESH_S:
            self._known.move_to_end(prefix)
            return known
        if known is not None:
            known.asked_at = now
        try:
            entry = await self._keys.find(prefix)
        except BaseException as error:
            if known is not None:
                known.asked_at = now - FRESH_S
                if reads and isinstance(error, TransientError) and now - known.told_at < STALE_S:
                    return known
            raise
        noted_at = max(known.noted_at if known else 0, (entry.last_used_at or 0) if entry else 0)
        found = self._known[prefix] = _Known(entry, now, noted_at, now)
        self._known.move_to_end(prefix)
        while len(self._known) > MAX_KEYS:
            self._known.popitem(last=False)
        return found

    async def _note(self, entry: KeyEntry) -> None:
        try:
            await self._keys.used(entry.id)
        except TransientError:
            return  # a note for people; no reason to refuse anybody


def unauthorized(detail: str) -> ProblemError:
    """The problem of a request that names nobody, or nobody who is known."""
    return ProblemError(401, "no-valid-key", detail, headers={"WWW-Authenticate": 'Bearer realm="sanihub"'})


def _opens(entry: KeyEntry | None, digest: bytes) -> bool:
    """Whether the digest is the key's. Compared in constant time, and also where there is nothing to compare with."""
    same = compare_digest(_NOBODYS if entry is None else entry.hash, digest)
    return same and entry is not None


def _slow_down(wait_s: float) -> ProblemError:
    seconds = ceil(wait_s)
    detail = f"too many wrong keys from this address; try again in {seconds} s"
    return ProblemError(429, "too-many-wrong-keys", detail, headers={"Retry-After": str(seconds)})
