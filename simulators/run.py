"""The runner: joins a scenario's source, its faults and the speakers, and keeps pace with the clock.

Pacing uses the loop's monotonic clock alone. The caller says what instant it is now (``start_us``); with ``speed`` 1
and the wall clock's time as the start, no simulated instant is ever later than the wall clock.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from simulators.casting import Casting, Peers, cast
from simulators.city.local_time import MINUTE
from simulators.city.observation import SECOND
from simulators.faults import FaultLine
from simulators.message import Batcher, Message, count
from simulators.scenario import Scenario
from simulators.source import Source, make_source
from simulators.speakers.allotment import DEFAULT
from simulators.speakers.choir import Choir, Count
from simulators.speakers.mqtt_json import BrokerAddress, LinkSettings
from simulators.truth import Header, TruthFile, TruthLog

logger = structlog.get_logger(__name__)
SLICE_US = 20 * SECOND  # of simulated time, after which others get their turn on the loop
ALIGN_US = 30 * MINUTE  # in backfill, after which gathered arrays go out, so that devices stay in step
NEAR_US = SECOND
TICK_S = 0.2  # of real time between two looks at the clock
GRACE_S = 5.0  # after a stop: to finish what is at hand, and for the peers' acknowledgements


class Progress(msgspec.Struct, frozen=True):
    """How far a run is. ``done`` is the share of the backfill, or of a run with an end; None when there is no end."""

    phase: Literal["backfill", "live", "done"]
    simulated_us: int
    messages: int
    acknowledged: int
    in_flight: int
    observations: int
    done: float | None


class Summary(msgspec.Struct, frozen=True):
    """What a run came to. ``unacknowledged`` is not 0 only when the run was stopped while a peer was away.

    ``refused`` messages were answered with a refusal; of ``unconfirmed`` ones nobody can say whether they arrived, for
    their protocol has no answers. ``protocols`` has the counts of each protocol.
    """

    start_us: int
    end_us: int
    messages: int
    acknowledged: int
    unacknowledged: int
    observations: dict[str, int]
    refused: int = 0
    unconfirmed: int = 0
    protocols: dict[str, Count] = {}


async def run(
    scenario: Scenario,
    *,
    broker: BrokerAddress,
    peers: Peers | None = None,
    start_us: int,
    seed: int | None = None,
    minutes: float | None = None,
    speed: float | None = None,
    backfill_hours: float | None = None,
    truth: Path | None = None,
    link: LinkSettings | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: asyncio.Event | None = None,
) -> Summary:
    """Simulate and publish until ``minutes`` of simulated time after ``start_us`` are over, or ``stop`` is set.

    First the ``backfill_hours`` before ``start_us`` are sent as fast as the peers take them, in arrays; that phase
    goes on until it has caught up with the present. ``None`` leaves a choice to the scenario; ``speed`` 0 is as fast
    as possible. A protocol of the scenario that ``peers`` has no address of is spoken as JSON over MQTT. Returns when
    the peers have acknowledged everything, or after a short grace when stopped. Raises OSError where the truth file
    cannot be written or a port cannot be had.
    """
    seed = scenario.seed if seed is None else seed
    hours = scenario.backfill_hours if backfill_hours is None else backfill_hours
    start_us = start_us // 1_000 * 1_000  # reports carry milliseconds
    began = start_us - int(hours * 3_600_000) * 1_000
    with TruthFile(truth) as log:
        source = make_source(scenario, seed, began, log)
        parts = cast(scenario, source, seed, peers)
        _take_down(log, scenario, parts, seed, began)
        async with Choir(parts, peers or Peers(), broker, link, seed=seed, truth=log) as choir:
            journey = _Journey(
                source=source,
                line=FaultLine(scenario.faults, seed, log, parts.clockless),
                choir=choir,
                start_us=start_us,
                began_us=began,
                end_us=None if minutes is None else start_us + int(minutes * MINUTE),
                speed=scenario.speed if speed is None else speed,
                progress=progress,
                stop=stop or asyncio.Event(),
            )
            await journey.run()
            log.footer(journey.observations)
            return journey.summary()


class _Journey:
    """One run, from its first message to its last."""

    def __init__(
        self,
        *,
        source: Source,
        line: FaultLine,
        choir: Choir,
        start_us: int,
        began_us: int,
        end_us: int | None,
        speed: float,
        progress: Callable[[Progress], None] | None,
        stop: asyncio.Event,
    ) -> None:
        self._source, self._line, self._choir = source, line, choir
        self._start, self._began, self._end, self._speed = start_us, began_us, end_us, speed
        self._progress, self._stop = progress, stop
        self._loop = asyncio.get_running_loop()
        self._zero = self._loop.time()
        self._told = -1.0
        self._now = began_us
        self._batcher: Batcher | None = None
        self._phase: Literal["backfill", "live", "done"] = "live"
        self.observations: Counter[str] = Counter()

    async def run(self) -> None:
        """Go all the way, or until stopped; a peer that is away holds a stop up for no longer than the grace."""
        work = asyncio.create_task(self._work())
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await asyncio.wait((work,), timeout=GRACE_S)
            if work.done():
                work.result()
        finally:
            for task in (work, stopped):
                task.cancel()
            await asyncio.gather(work, stopped, return_exceptions=True)
        self._phase = "done"
        self._tell(force=True)

    def summary(self) -> Summary:
        """What it came to."""
        total = self._choir.total()
        return Summary(
            self._began,
            self._now,
            total.messages,
            total.acknowledged,
            total.in_flight,
            dict(self.observations),
            total.refused,
            total.unconfirmed,
            self._choir.counts(),
        )

    async def _work(self) -> None:
        await self._choir.greet(self._source.device_ids)
        if self._began < self._start:
            await self._backfill()
        await self._live()
        await self._publish(self._line.flush())
        await self._choir.drain()

    async def _backfill(self) -> None:
        """Catch up with the present, which moves on meanwhile, in arrays."""
        self._phase, self._batcher = "backfill", Batcher()
        aligned = self._now
        # The present runs ahead by a little with every step; a second behind is as good as there.
        while not self._stop.is_set() and self._now < (target := self._present(self._start)) - NEAR_US:
            await self._advance(min(self._now + SLICE_US, target))
            if self._now - aligned >= ALIGN_US:
                await self._publish_now(self._batcher.flush())
                aligned = self._now
        await self._publish_now(self._batcher.flush())
        self._phase, self._batcher = "live", None

    async def _live(self) -> None:
        while not self._stop.is_set() and (self._end is None or self._now < self._end):
            target = self._present(self._now + SLICE_US)
            while self._now < target and not self._stop.is_set():
                await self._advance(min(self._now + SLICE_US, target))
            if self._speed:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), TICK_S)

    def _present(self, unpaced: int) -> int:
        """The instant to simulate up to: what the clock says, or ``unpaced`` when there is no pace to keep."""
        at = unpaced
        if self._speed:
            at = self._start + int((self._loop.time() - self._zero) * self._speed * SECOND)
        return at if self._end is None else min(at, self._end)

    async def _advance(self, to_us: int) -> None:
        for observation in self._source.advance(to_us):
            await self._publish(self._line.feed(observation))
        self._now = to_us
        await self._publish(self._line.release(to_us))
        self._tell()
        # Without a pace nothing here may ever wait; let the connections and everybody else have their turn.
        await asyncio.sleep(0)

    async def _publish(self, messages: Iterable[Message]) -> None:
        if self._batcher is None:
            await self._publish_now(messages)
            return
        for message in messages:
            await self._publish_now(self._batcher.add(message))

    async def _publish_now(self, messages: Iterable[Message]) -> None:
        for message in messages:
            await self._choir.publish(message, history=self._phase == "backfill")
            count(message, self.observations)

    def _tell(self, force: bool = False) -> None:
        """Tell the caller how far things are, at most every tick."""
        now = self._loop.time()
        if self._progress is None or (now < self._told + TICK_S and not force):
            return
        self._told = now
        begin, goal = (self._began, self._start) if self._phase == "backfill" else (self._start, self._end)
        done = None if goal is None else min(1.0, (self._now - begin) / max(1, goal - begin))
        total, seen = self._choir.total(), self.observations.total()
        self._progress(
            Progress(self._phase, self._now, total.messages, total.acknowledged, total.in_flight, seen, done)
        )


def _take_down(log: TruthLog, scenario: Scenario, parts: Casting, seed: int, began: int) -> None:
    """Begin the truth with what is run and who speaks what, and say which protocols give way."""
    for protocol, devices in sorted(parts.missing.items()):
        logger.warning("protocol_without_address", protocol=protocol, devices=devices, instead=DEFAULT)
    protocols = dict(parts.protocols) if scenario.speakers else {}
    log.header(Header(seed, began, scenario.name, _sizes(scenario), protocols))
    for device_id in parts.dead:
        log.point("unit_dead", device_id, began)


def _sizes(scenario: Scenario) -> dict[str, int]:
    if scenario.source == "load":
        return {"devices": scenario.load.devices}
    size = scenario.size
    return {"vehicles": size.vehicles, "bins": size.bins, "toilets": size.toilets, "workers": size.workers}
