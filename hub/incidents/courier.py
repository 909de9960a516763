"""Telling other departments: letters that wait are sent by webhook, until they are taken or given up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

import structlog

from devices.errors import TransientError
from hub.incidents.settings import IncidentsSection
from hub.notify.channel import Surroundings, UndeliveredError
from hub.notify.channels.webhook import Webhook
from ingest.runner import Backoff, Condition
from store.incidents.letters import ClaimedLetter, IncidentLetters

log = structlog.get_logger("hub.incidents")

POLL_S = 5.0  #: how soon a letter that another hub entered, or that failed before, is looked for
AT_ONCE = 8
LEASE_S = 60.0  #: beyond a department's own time limit


class Post(Protocol):
    """A way to a department."""

    async def post(self, message_id: str, body: bytes) -> str:
        """Deliver; returns what came back. Raises UndeliveredError."""
        ...


class Courier:
    """Works until it is told to stop. Several hubs may run one on the same store: at least once, with the same id."""

    def __init__(
        self,
        letters: IncidentLetters,
        section: IncidentsSection,
        around: Surroundings,
        *,
        between: Backoff | None = None,
    ) -> None:
        self._letters = letters
        self._posts: Mapping[str, Post] = {one.name: Webhook(one, around) for one in section.departments}
        self._timeouts = {one.name: one.timeout_s for one in section.departments}
        self._give_up_after_s = section.give_up_after_h * 3_600
        self._between = between or Backoff(first=2.0, most=600.0)
        self._condition = Condition("incident_letters")
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """A letter was entered: look now."""
        self._nudged.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send what is due, until ``stop``."""
        if not self._posts:
            return
        stopping = asyncio.ensure_future(stop.wait())
        stopping.add_done_callback(lambda _: self._nudged.set())
        while not stop.is_set():
            self._nudged.clear()
            if not await self._turn():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._nudged.wait(), POLL_S)

    async def _turn(self) -> bool:
        """Whether there was anything to send."""
        lease_s = LEASE_S + max(self._timeouts.values())
        try:
            due = await self._letters.claim(list(self._posts), limit=AT_ONCE, lease_s=lease_s)
            await asyncio.gather(*map(self._send, due))
            self._condition.recovered()
        except TransientError as error:
            self._condition.failed(error)
            return False
        return bool(due)

    async def _send(self, letter: ClaimedLetter) -> None:
        post, timeout_s = self._posts[letter.department], self._timeouts[letter.department]
        try:
            async with asyncio.timeout(timeout_s):
                said = await post.post(letter.id, letter.content.encode())
        except TimeoutError:
            await self._failed(letter, f"no answer within {timeout_s:g} s")
        except UndeliveredError as error:
            await self._failed(letter, str(error))
        else:
            await self._letters.delivered(letter.id, said)

    async def _failed(self, letter: ClaimedLetter, reason: str) -> None:
        give_up = letter.age_s >= self._give_up_after_s
        if give_up or letter.attempts == 1:
            log.warning(
                "incident_not_handed_on",
                incident=letter.incident, department=letter.department, reason=reason, given_up=give_up,
            )  # fmt: skip
        await self._letters.failed(letter.id, reason, self._between.delay(letter.attempts), give_up=give_up)
