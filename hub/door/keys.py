"""Keys for the door: asked of the store many at a time, remembered, and asked after when they end."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from time import monotonic
from typing import Protocol

from devices.access import KeyEntry
from devices.errors import SanihubError, TransientError

FRESH_S = 3.0  #: so long the word of the store is believed
MAX_KEYS = 200_000  #: remembered, for fleets that come back while the store is away
MAX_ASKED = 1_000  #: in one question
_OVERLAP_S = 60.0  #: for revocations whose transactions commit late


class DoorKeys(Protocol):
    """The store's part."""

    async def find_many(self, prefixes: Collection[str]) -> Sequence[KeyEntry]:
        """The keys with these prefixes, usable or not."""
        ...

    async def revoked_within(self, seconds: float) -> Sequence[KeyEntry]:
        """The keys that were revoked within the last so many seconds."""
        ...

    async def used(self, key_id: int) -> None:
        """Note that a key was used."""
        ...


class KeyDesk:
    """Answers for prefixes. While the store is away it says what the store said last: nobody can revoke a key then."""

    def __init__(self, keys: DoorKeys, steady: Callable[[], float] = monotonic) -> None:
        self._keys = keys
        self._steady = steady
        self._known: OrderedDict[str, tuple[KeyEntry, float]] = OrderedDict()
        self._asked: dict[str, asyncio.Future[KeyEntry | None]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._looked_at: float | None = None
        self._ended: set[int] = set()

    def remembered(self, prefix: str) -> KeyEntry | None:
        """What is remembered of a prefix, however old."""
        known = self._known.get(prefix)
        return known[0] if known else None

    async def find(self, prefix: str) -> KeyEntry | None:
        """The key with a prefix. Raises TransientError when the store is away and nothing is remembered."""
        known = self._known.get(prefix)
        if known is not None and self._steady() - known[1] < FRESH_S:
            return known[0]
        waiting = self._asked.get(prefix)
        if waiting is None:
            waiting = self._asked[prefix] = asyncio.get_running_loop().create_future()
            if self._asking is None or self._asking.done():
                self._asking = asyncio.ensure_future(self._ask())
        try:
            return await asyncio.shield(waiting)
        except TransientError:
            if known is not None:
                return known[0]
            raise

    async def ended(self) -> list[KeyEntry]:
        """Keys that were revoked since the last look; each is told once. Raises TransientError."""
        now = self._steady()
        since = now if self._looked_at is None else self._looked_at
        found = await self._keys.revoked_within(now - since + _OVERLAP_S)
        fresh = [entry for entry in found if entry.id not in self._ended]
        self._looked_at = now
        self._ended = {entry.id for entry in found}
        for entry in fresh:
            self._known.pop(entry.prefix, None)
        return fresh

    async def used(self, entry: KeyEntry) -> None:
        """Note for people that a key was used; a store that is away is no matter."""
        try:
            await self._keys.used(entry.id)
        except TransientError:
            return

    async def _ask(self) -> None:
        """Ask for all who wait, as many at a time as have come meanwhile."""
        while self._asked:
            prefixes = list(self._asked)[:MAX_ASKED]
            fault: TransientError | None = None
            found: dict[str, KeyEntry] = {}
            try:
                found = {entry.prefix: entry for entry in await self._keys.find_many(prefixes)}
            except SanihubError as error:
                fault = error if isinstance(error, TransientError) else TransientError(str(error))
            for prefix in prefixes:
                self._tell(self._asked.pop(prefix), prefix, found.get(prefix), fault)

    def _tell(
        self, waiting: asyncio.Future[KeyEntry | None], prefix: str, entry: KeyEntry | None, fault: Exception | None
    ) -> None:
        if fault is not None:
            waiting.set_exception(fault)
            waiting.exception()  # whoever waited may have gone
            return
        if entry is None:
            self._known.pop(prefix, None)
        else:
            self._known[prefix] = (entry, self._steady())
            self._known.move_to_end(prefix)
            while len(self._known) > MAX_KEYS:
                self._known.popitem(last=False)
        waiting.set_result(entry)
