"""A run of a stream against a whole hub, with a fault in it; and what became of it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial

import httpx
import psycopg

from tests.access_keys import make_key
from tests.faults.harness.checker import Verdict, check, whole
from tests.faults.harness.history import History, differences, history, repaired, wrong_bells
from tests.faults.harness.ledger import Ledger
from tests.faults.harness.publishers import publish_http, publish_jt808, publish_mqtt
from tests.faults.harness.stream import Stream
from tests.hubs import HubProcess, mqtt_section
from tests.servers import wait_until

DEADLINE_S = 300.0
_LISTENER = re.compile(r"JT/T 808 vehicles +([0-9.]+):(\d+)")

# Every bell rings by itself, so that what rang does not depend on the wall time that a run takes; and emptyings are
# looked for often, so that nobody has to wait for them.
SECTIONS = """
[alerts]
within_s = 1e9
flapping_raisings = 1000
storm_alerts = 100000
[bins]
look_every_s = 1
[[jt808]]
name = "vehicles"
port = 0
"""


def settings(broker: tuple[str, int], **mqtt: object) -> str:
    """The settings of a hub that the streams are sent to, over a broker of the tests."""
    return f"{mqtt_section(broker, **mqtt)}\n{SECTIONS}"


@dataclass(frozen=True, slots=True)
class Ending:
    """What a run left: the checker's word, what differs in the history of alerts, and how long recovery took."""

    verdict: Verdict
    history: History
    differences: tuple[str, ...]
    recovery_s: float | None


class Scene:
    """A hub, what it stands on, and a stream.

    ``hub`` is started by the caller. ``mqtt`` is where devices publish. A fault is a coroutine that takes the scene: it
    waits with :meth:`reached`, does its harm, and calls :meth:`recovered` once the cause is gone.
    """

    def __init__(self, stream: Stream, hub: HubProcess, dsn: Callable[[], str], mqtt: tuple[str, int]) -> None:
        self.ledger = Ledger(stream)
        self.hub = hub
        self.dsn = dsn
        self.mqtt = mqtt
        self.recovery_s: float | None = None
        self.repeated = 0.0  #: the share of messages that devices send once more though they were answered
        self._key = ""

    async def prepared(self) -> None:
        """Wait until the hub is ready, so that all tables are there."""
        await asyncio.to_thread(wait_until, self.ready, "the hub is ready")

    async def play(self, fault: Callable[[Scene], Awaitable[None]] | None = None) -> None:
        """Send the whole stream, until all of it is acknowledged, with the fault in the middle."""
        await self.prepared()
        self._key = await asyncio.to_thread(make_key, self.dsn(), "integration")
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
            group.create_task(publish_mqtt(self.ledger, self.mqtt, repeated=self.repeated))
            group.create_task(publish_http(self.ledger, lambda: self.hub.url, lambda: self._key))
            group.create_task(publish_jt808(self.ledger, self._listener))
            if fault is not None:
                group.create_task(_run(fault, self))

    async def reached(self, share: float) -> None:
        """Wait until such a share of the stream is acknowledged."""
        await self.ledger.reached(share)

    async def arrived(self, quiet_s: float = 6.0) -> set[int]:
        """Wait until nothing has come for so long; the messages that are stored."""
        await self._settled(True, quiet_s)
        return await asyncio.to_thread(whole, self.dsn(), self.ledger.stream.messages)

    def kept_for_good(self) -> set[int]:
        """What was acknowledged by the hub itself, to a device or to the broker, and not by the broker alone."""
        of_broker = {one.number for one in self.ledger.stream.of("mqtt")}
        return (self.ledger.acknowledged - of_broker) | self.ledger.taken

    def ready(self) -> bool:
        """Whether the hub says so."""
        try:
            return httpx.get(f"{self.hub.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    async def recovered(self, way: str = "") -> None:
        """The cause is gone: wait until the hub is ready and something is acknowledged again, over ``way`` if given.

        The longest of such waits is kept.
        """
        began = time.monotonic()
        numbers = {one.number for one in self.ledger.stream.messages if way in ("", one.way)}
        before = len(numbers & self.ledger.acknowledged)

        def well() -> bool:
            return self.ready() and len(numbers & self.ledger.acknowledged) > min(before, len(numbers) - 1)

        while not await asyncio.to_thread(well):
            await asyncio.sleep(0.02)
        self.recovery_s = max(self.recovery_s or 0.0, time.monotonic() - began)

    async def ending(
        self,
        undisturbed: History | None = None,
        *,
        lossy: bool = False,
        promised: Iterable[int] | None = None,
        quiet_s: float = 6.0,
        patience_s: float = 10.0,
    ) -> Ending:
        """Wait until nothing is on its way any more, and judge. ``promised`` is that of the checker.

        With ``lossy`` not everything need arrive: it is over when nothing has come for ``quiet_s``. (A broker hands
        over again what was not acknowledged: nats-server after 5 s.) ``patience_s`` is how long the history may differ.
        """
        await self._settled(lossy, quiet_s)
        verdict = await asyncio.to_thread(partial(check, self.dsn(), self.ledger, promised=promised))
        found, said = await asyncio.to_thread(self._compared, undisturbed)
        began = time.monotonic()
        while said and time.monotonic() - began < patience_s:
            await asyncio.sleep(0.1)  # a timer of the rules may be due this second
            found, said = await asyncio.to_thread(self._compared, undisturbed)
        return Ending(verdict, found, tuple(said), self.recovery_s)

    def _compared(self, undisturbed: History | None) -> tuple[History, list[str]]:
        found = history(self.dsn())
        return found, wrong_bells(self.dsn()) + ([] if undisturbed is None else differences(found, undisturbed))

    async def _settled(self, lossy: bool, quiet_s: float) -> None:
        def state() -> tuple[object, ...]:
            try:
                pipeline = self.hub.status()["pipeline"]
                verdict = check(self.dsn(), self.ledger)
                done = pipeline["in_flight"] == 0 and repaired(self.dsn())  # type: ignore[index]
            except (psycopg.Error, httpx.HTTPError):
                return (False, False, 0)
            return (done, verdict.stored == verdict.sent, pipeline["messages_total"])  # type: ignore[index]

        before: tuple[object, ...] = ()
        still = 0
        async with asyncio.timeout(DEADLINE_S):
            while still < (quiet_s * 2 if lossy else 1):
                now = await asyncio.to_thread(state)
                still = still + 1 if now == before and now[0] and (lossy or now[1]) else 0
                before = now
                await asyncio.sleep(0.5)

    def _listener(self) -> tuple[str, int]:
        found = _LISTENER.search(self.hub.text())
        if found is None:
            raise ConnectionRefusedError
        return found[1], int(found[2])


async def _run(fault: Callable[[Scene], Awaitable[None]], scene: Scene) -> None:
    await fault(scene)
