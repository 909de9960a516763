"""Requests that wait: how many there may be, and noticing that somebody has gone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from math import ceil
from time import monotonic
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from api.problems import ProblemError
from devices.rates import Buckets, Rate

T = TypeVar("T")
_SOON = {"Retry-After": "1"}


class Seats:
    """Places for requests that are read or await their commit: ``total`` of them, ``per_key`` for one key.

    The rest is turned away at once, so that what waits never fills the memory, and no key takes the place of others.
    """

    def __init__(
        self, total: int, per_key: int, posts_per_s: float = 0.0, steady: Callable[[], float] = monotonic
    ) -> None:
        self._rates = Buckets(Rate(posts_per_s, 10 * posts_per_s))
        self._steady = steady
        self._total = total
        self._per_key = per_key
        self._by_key: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many are taken now."""
        return self._by_key.total()

    @contextmanager
    def taken_by(self, actor: str) -> Iterator[None]:
        """Hold a place. Raises a 429 problem for a key with too many, or too fast, and 503 when all are taken."""
        if self._by_key[actor] >= self._per_key:
            detail = f"{self._per_key} requests of this key are waiting already"
            raise ProblemError(429, "too-many-at-once", detail, headers=_SOON)
        if self.taken >= self._total:
            detail = f"{self._total} requests are waiting already"
            raise ProblemError(503, "too-many-at-once", detail, headers=_SOON)
        wait_s = self._rates.wait_s(actor, self._steady())
        if wait_s:
            seconds = ceil(wait_s)
            detail = f"this key posts too fast; again in {seconds} s"
            raise ProblemError(429, "too-fast", detail, headers={"Retry-After": str(seconds)})
        self._by_key[actor] += 1
        try:
            yield
        finally:
            self._by_key[actor] -= 1
            if not self._by_key[actor]:
                del self._by_key[actor]


async def while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Await ``work``, and cancel it when the client goes away (raises ClientDisconnect). The body must be read."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return await working
    finally:
        for task in (working, gone):
            task.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
