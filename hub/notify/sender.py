"""The sender: routes what stands in the outbox, and sends what is due.

Each channel has a worker of its own, so that a channel that is down holds nobody else. A worker claims a few messages,
sends them at the same time, records what became of each, and begins anew; when the channel takes nothing it waits
longer and longer. At least once: a hub that dies between sending and recording leaves a claim behind that runs out,
and the same message is sent again with the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import tzinfo
from functools import partial
from typing import Any

import msgspec
import structlog

from alerts.notices.notice import Notice
from alerts.notices.routing import Habits, Planned, Route, plan
from devices.errors import RejectedError, TransientError
from hub.notify.channel import Channel, UndeliveredError, answer
from ingest.ports import Figure, Standing
from ingest.runner import Backoff, Condition, pause, persist
from store.alerts.outbox import Claimed, Outbox, Terms

log = structlog.get_logger("hub.notify")

ROUTED_AT_ONCE = 200
GRACE_S = 5.0  #: for messages that are under way when the hub is to stop
LEASE_S = 20.0  #: beyond the channel's own time limit
KEEP_HOUSE_S = 60.0


class Pace(msgspec.Struct, frozen=True):
    """How often the sender looks and how long it tries (seconds)."""

    poll_s: float = 1.0
    give_up_after_s: float = 86_400.0
    message: Backoff = Backoff(first=2.0, most=300.0)  #: between two tries of a message
    channel: Backoff = Backoff(first=1.0, most=60.0)  #: while a channel takes nothing
    keep_days: int = 90


class Line:
    """A channel at work, with its counts since the start."""

    def __init__(self, name: str, channel: Channel, habits: Habits, *, parallel: int, timeout_s: float) -> None:
        self.name = name
        self.channel = channel
        self.habits = habits
        self.timeout_s = timeout_s
        self.terms = Terms(parallel, timeout_s + LEASE_S, habits.per_minute, habits.bundles)
        self.condition = Condition(f"notify:{name}")
        self.wake = asyncio.Event()
        self.under_way: dict[str, Claimed] = {}
        self.delivered = self.notices = self.failures = self.given_up = self.waiting = 0


class Sender:
    """Works until :meth:`stop`. Several hubs may run one on the same store."""

    def __init__(
        self, outbox: Outbox, lines: Sequence[Line], routes: Sequence[Route], zone: tzinfo, pace: Pace | None = None
    ) -> None:
        self.lines = {line.name: line for line in lines}
        self._outbox = outbox
        self._routes = tuple(routes)
        self._zone = zone
        self._pace = pace or Pace()
        self._store = Condition("outbox")
        self._habits = {line.name: line.habits for line in lines}
        self._nudged = asyncio.Event()
        self._stop = asyncio.Event()

    def nudge(self) -> None:
        """Something was entered into the outbox: look now rather than at the next turn."""
        self._nudged.set()

    def stop(self) -> None:
        """Ask :meth:`run` to finish."""
        self._stop.set()
        self._nudged.set()
        for line in self.lines.values():
            line.wake.set()

    async def run(self) -> None:
        """Work until :meth:`stop`; what is under way then has a few seconds to end."""
        await self._outbox.open()
        workers = [asyncio.create_task(self._work(line), name=line.name) for line in self.lines.values()]
        tasks = [*workers, asyncio.create_task(self._scout()), asyncio.create_task(self._keep_house())]
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            self.stop()
            await asyncio.wait(tasks, timeout=GRACE_S)
        finally:
            await self._end([stopping, *tasks])
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _end(self, tasks: list[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for line in self.lines.values():
            for claimed in line.under_way.values():
                await self._attempt(self._outbox.let_go(claimed))
            await line.channel.close()
        await self._outbox.close()

    async def _attempt(self, change: Any) -> None:
        try:
            await change
        except TransientError as error:
            self._store.failed(error)

    # -- routing ------------------------------------------------------------------------------------------------------

    async def _scout(self) -> None:
        """Route what was entered, and wake the channels for which something is due."""
        while not self._stop.is_set():
            self._nudged.clear()
            wait = self._pace.poll_s
            try:
                while (
                    await self._outbox.route(self._plan, ROUTED_AT_ONCE) == ROUTED_AT_ONCE and not self._stop.is_set()
                ):
                    pass
                for name in await self._outbox.busy_channels(self.lines):
                    self.lines[name].wake.set()
                self._store.recovered()
            except (TransientError, RejectedError) as error:
                self._store.failed(error)
                wait = self._pace.channel.delay(self._store.failures)
            await pause(self._nudged, wait)

    def _plan(self, notice: Notice, now: int) -> Sequence[Planned]:
        return plan(notice, self._routes, self._habits, self._zone, now)

    # -- sending ------------------------------------------------------------------------------------------------------

    async def _work(self, line: Line) -> None:
        while not self._stop.is_set():
            await line.wake.wait()
            line.wake.clear()
            try:
                while not self._stop.is_set() and await self._round(line):
                    pass
            except TransientError as error:  # the store; the scout wakes this worker again when it is back
                self._store.failed(error)

    async def _round(self, line: Line) -> bool:
        """Claim, send, record; whether there may be more to do."""
        claims = await self._outbox.claim(line.name, line.terms, partial(self._is_quiet, line))
        if not claims:
            return False
        line.under_way = {claimed.message.id: claimed for claimed in claims}
        faults = await asyncio.gather(*(self._send(line, claimed) for claimed in claims))
        line.under_way = {}
        down = [fault for fault in faults if fault is not None and fault.blame == "channel"]
        if not down:
            line.condition.recovered()
            return True
        line.condition.failed(down[0])
        await self._give_up(line, str(down[0]))
        asked = [fault.retry_after_s for fault in down if fault.retry_after_s is not None]
        await pause(self._stop, max([self._pace.channel.delay(line.condition.failures), *asked]))
        return True

    def _is_quiet(self, line: Line, now: int) -> bool:
        return line.habits.quiet is not None and line.habits.quiet.hold(now, self._zone)

    async def _send(self, line: Line, claimed: Claimed) -> UndeliveredError | None:
        """Send one message and record the outcome; what was wrong."""
        fault: UndeliveredError | None = None
        said = ""
        try:
            async with asyncio.timeout(line.timeout_s):
                said = answer(await line.channel.send(claimed.message))
        except UndeliveredError as error:
            fault = error
        except TimeoutError:
            fault = UndeliveredError(f"no confirmation within {line.timeout_s:g} s")
        except Exception as error:
            # A channel's own fault must cost a try, and not the hub with all other channels.
            log.exception("channel_failed", channel=line.name, message=claimed.message.id)
            fault = UndeliveredError(f"{type(error).__name__}: {error}")
        if fault is None:
            line.delivered += 1
            line.notices += len(claimed.message.notices)
            await self._record(partial(self._outbox.delivered, claimed, said))
            return None
        line.failures += 1
        wait = fault.retry_after_s or self._pace.message.delay(claimed.attempts)
        await self._record(partial(self._outbox.failed, claimed, str(fault), wait))
        if fault.blame == "message":
            await self._give_up(line, str(fault), claimed)
        return fault

    async def _record(self, call: Any) -> None:
        """Until the store has it. A hub that stops while the store is away leaves it to the claim to run out."""
        with suppress(TransientError):
            await persist(call, self._store, self._stop)

    async def _give_up(self, line: Line, reason: str, claimed: Claimed | None = None) -> None:
        count = await self._outbox.give_up(line.name, self._pace.give_up_after_s, reason, claimed)
        if count:
            line.given_up += count
            log.error("notifications_given_up", channel=line.name, count=count, error=reason)

    # -- housekeeping -------------------------------------------------------------------------------------------------

    async def _keep_house(self) -> None:
        """Forget what is old, give up what no channel is there for, count what waits."""
        while not self._stop.is_set():
            try:
                waiting = await self._outbox.waiting()
                for name in waiting.keys() - self.lines.keys():
                    reason = "the settings have no such channel"
                    if count := await self._outbox.give_up(name, self._pace.give_up_after_s, reason):
                        log.error("notifications_given_up", channel=name, count=count, error=reason)
                for name, line in self.lines.items():
                    line.waiting = waiting.get(name, 0)
                await self._outbox.forget(self._pace.keep_days)
            except TransientError as error:
                self._store.failed(error)
            await pause(self._stop, KEEP_HOUSE_S)

    # -- what it says of itself ---------------------------------------------------------------------------------------

    def standings(self) -> Iterator[Standing]:
        """How each channel is doing, and its figures; answers from memory."""
        for line in self.lines.values():
            labels = {"channel": line.name}
            figures = (
                Figure("sanihub_notification_messages_delivered_total", "Messages confirmed", line.delivered, labels),
                Figure("sanihub_notifications_delivered_total", "Notifications in them", line.notices, labels),
                Figure("sanihub_notification_failures_total", "Tries without a confirmation", line.failures, labels),
                Figure("sanihub_notifications_given_up_total", "Notifications given up", line.given_up, labels),
                Figure("sanihub_notifications_waiting", "Notifications that wait", line.waiting, labels, "gauge"),
            )
            fault = line.condition.fault
            yield Standing(f"notify {line.name}", "notify", connected=fault is None, fault=fault or "", figures=figures)
