"""Passwords: Argon2id beside the event loop, only so many at once, and the same work for names that are not known.

The parameters are argon2-cffi's, the second recommendation of RFC 9106, section 4: 64 MiB, three passes, four lanes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from api.problems import ProblemError

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = 2  #: hashes that are computed at the same time; each takes 64 MiB
WAITING = 20  #: requests that wait for that; more are turned away

_HASHER = PasswordHasher()


def hashed(password: str) -> str:
    """What is kept of a password, in PHC form. Takes tens of milliseconds of a core."""
    return _HASHER.hash(password.encode("utf-8", "surrogatepass"))


@cache
def _nobodys() -> str:
    return hashed("nobody's")


def _right(kept: str | None, password: str) -> bool:
    nobodys = _nobodys()  # made at the first try of all, whoever's it is
    try:
        _HASHER.verify(nobodys if kept is None else kept, password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


class Passwords:
    """Hashes and compares passwords in threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="password")
        self._waiting = 0

    async def right(self, kept: str | None, password: str) -> bool:
        """Whether a password is the one of a hash; without a hash it takes as long and is not. Raises 503."""
        return await self._run(_right, kept, password)

    async def hashed(self, password: str) -> str:
        """What is kept of a password. Raises a 503 problem while too many wait."""
        return await self._run(hashed, password)

    def outdated(self, kept: str) -> bool:
        """Whether a hash was made with other parameters than are used now."""
        return _HASHER.check_needs_rehash(kept)

    async def _run(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        if self._waiting >= WAITING:
            detail = "too many people sign in at this moment; try again"
            raise ProblemError(503, "too-many-at-once", detail, headers={"Retry-After": "2"})
        self._waiting += 1
        try:
            call = partial(work, *arguments, **named)
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        finally:
            self._waiting -= 1
