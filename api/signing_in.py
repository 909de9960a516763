"""Signing people in: throttled by address and by name, and no quicker for a name that nobody has."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil

import structlog

from api.gatekeeper import unauthorized
from api.passwords import Passwords
from api.ports.people import PeopleKeeper
from api.problems import Fault, ProblemError
from api.sessions import Sessions
from api.throttle import Throttle, address_of
from devices.access import Principal
from devices.people import Known, Session, check_password

log = structlog.get_logger("api.sign_in")


class SignIn:
    """The door for people. ``steady`` is a clock in seconds that never jumps.

    A try counts as wrong from its beginning, and is taken back when it was right: many at once are no way round.
    """

    def __init__(
        self,
        people: PeopleKeeper,
        sessions: Sessions,
        passwords: Passwords,
        *,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._people = people
        self._sessions = sessions
        self._passwords = passwords
        self._steady = steady
        self._by_address = Throttle(burst=20, recovery_s=6.0)
        self._by_name = Throttle(burst=10, recovery_s=30.0)

    async def sign_in(self, name: str, password: str, host: str) -> tuple[str, Session]:
        """The token and the session of somebody. Raises 401, 429 and 503 problems."""
        name = name.strip().lower()
        known = await self._check(name, password, host)
        opened = None if known is None else await self._sessions.open(known.person)
        if known is None or opened is None:
            log.warning("sign_in_refused", address=address_of(host), known=known is not None)
            raise unauthorized("name or password is wrong, or this person is disabled")
        if self._passwords.outdated(known.hash):
            await self._people.renew_hash(name, known.hash, await self._passwords.hashed(password))
        return opened

    async def change(self, somebody: Principal, session: int, current: str, new: str, host: str) -> None:
        """Another password of one's own. Raises 403, 422, 429 and 503 problems."""
        try:
            check_password(new, somebody.name)
        except ValueError as error:
            expected = str(error).partition(": ")[2]
            fault = Fault("body", "new", expected)
            raise ProblemError(422, "invalid-request", f"new: {expected}", faults=(fault,)) from None
        if await self._check(somebody.name, current, host) is None:
            raise ProblemError(403, "wrong-password", "current: this is not the present password")
        digest = await self._passwords.hashed(new)
        await self._people.set_password(somebody.name, digest, actor=somebody.actor, keep=session)
        self._sessions.forget_all()

    async def hashed(self, password: str) -> str:
        """What is kept of a password. Raises a 503 problem while too many wait."""
        return await self._passwords.hashed(password)

    async def _check(self, name: str, password: str, host: str) -> Known | None:
        """The person whose password this is; None when it is not, or they are disabled. Raises 429 and 503."""
        now, address = self._steady(), address_of(host)
        wait_s = max(self._by_address.wait_s(address, now), self._by_name.wait_s(name, now))
        if wait_s:
            seconds = ceil(wait_s)
            detail = f"too many wrong tries from this address or for this name; try again in {seconds} s"
            raise ProblemError(429, "too-many-tries", detail, headers={"Retry-After": str(seconds)})
        self._by_address.wrong(address, now)
        self._by_name.wrong(name, now)
        known, right = None, None
        try:
            known = await self._people.find(name)
            right = await self._passwords.right(known.hash if known else None, password)
        finally:
            if right is not False:  # it was right, or nobody looked
                self._by_address.right(address)
                self._by_name.right(name)
        return known if right and known is not None and known.person.active else None
