"""The pump: reads what marks name, has InfluxDB take it, and only then takes the marks away.

It dies anywhere: what was sent is sent again, and is the same point. Nothing of it is in the way of the pipeline but
the database that both read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import structlog

from devices.errors import SanihubError
from devices.instants import to_datetime, to_iso
from store.influx.client import InfluxAwayError, InfluxClient
from store.influx.delivery import deliver
from store.influx.lines import Point
from store.influx.marks import Mark, MarkQueue
from store.influx.points import Moment, Naming, StoredPoints
from store.influx.refused import RefusedPoints

log = structlog.get_logger("hub.influx")

READ_AT_ONCE = 500  #: instants; what a question brings holds the event loop up
APART = 3_600_000_000  #: withdrawn instants that lie further apart (µs) are deleted by requests of their own


class Pumped(msgspec.Struct):
    """Counters since the start."""

    points: int = 0
    refused: int = 0
    withdrawn: int = 0


class Pump:
    """See the module. Raises TransientError while the store is away, of it InfluxAwayError while InfluxDB is."""

    def __init__(self, client: InfluxClient, queue: MarkQueue, naming: Naming, batch_points: int) -> None:
        self.queue, self.pumped = queue, Pumped()
        self._client, self._naming, self._batch_points = client, naming, batch_points
        self._complained: set[str] = set()

    async def step(self) -> int:
        """Bring the oldest marks to InfluxDB; how many there were."""
        async with self.queue.turn():
            marks = await self.queue.oldest(self._batch_points)
            for one in marks:
                if one.withdrawn:
                    await self._withdraw(one)
            moments = {moment for one in marks if not one.withdrawn for moment in one.moments}
            await self.send(sorted(moments))
            await self.queue.done(marks)
        return len(marks)

    async def send(self, moments: Sequence[Moment]) -> int:
        """Write what is stored of devices at instants; how many points. Within a turn of the queue."""
        stored = StoredPoints(await self.queue.connection(), self._naming)
        points: list[Point] = []
        count = 0
        for begin in range(0, len(moments), READ_AT_ONCE):
            points += await stored.at(moments[begin : begin + READ_AT_ONCE])
            while len(points) >= self._batch_points or (points and begin + READ_AT_ONCE >= len(moments)):
                some, points = points[: self._batch_points], points[self._batch_points :]
                await self._deliver(some)
                count += len(some)
        return count

    async def span(self, key: int, begin: int, end: int, limit: int) -> tuple[int, int | None]:
        """Write the first so many instants of a device from ``begin`` on: how many points, and where to go on (µs)."""
        stored = StoredPoints(await self.queue.connection(), self._naming)
        instants = await stored.instants(key, begin, end, limit)
        count = await self.send([(key, at) for at in instants])
        return count, None if len(instants) < limit else instants[-1] + 1

    async def _deliver(self, points: Sequence[Point]) -> None:
        refused = await deliver(self._client, points)
        if refused:
            await RefusedPoints(await self.queue.connection()).enter(refused)
            self._complain(one.reason for one in refused)
        self.pumped.points += len(points)
        self.pumped.refused += len(refused)

    async def _withdraw(self, mark: Mark) -> None:
        """Take away what is no longer stored: the spans around it whole, and then what is stored of them again."""
        by_key: dict[int, list[int]] = {}
        for key, at in mark.moments:
            by_key.setdefault(key, []).append(at)
        stored = StoredPoints(await self.queue.connection(), self._naming)
        for key, ats in by_key.items():
            device = await stored.name(key)
            for first, last in _spans(sorted(ats)) if device is not None else ():
                begin, end = _text(first, "000"), _text(last, "999")
                await self._delete(str(device), begin, end)
                place: int | None = first
                while place is not None:
                    _, place = await self.span(key, place, last + 1, self._batch_points)
            self.pumped.withdrawn += len(ats)

    async def _delete(self, device: str, begin: str, end: str) -> None:
        """Delete readings there; a server that takes points and does not delete keeps them, which is logged."""
        try:
            await self._client.withdraw(self._naming.readings, device, begin, end)
        except SanihubError as error:
            if isinstance(error, InfluxAwayError) and not error.lasting:
                raise
            await self._client.probe()  # whoever may not write either is to be heard of first
            log.warning("influx_not_withdrawn", device=device, begin=begin, end=end, error=str(error))

    def _complain(self, reasons: Iterable[str]) -> None:
        """Log each reason once, without what differs from batch to batch; a hundred of them are enough."""
        for reason in reasons:
            words = reason.partition(" dropped=")[0]
            if words not in self._complained and len(self._complained) < 100:
                self._complained.add(words)
                log.warning("influx_refused", reason=words, advice="sanihub influx refused list")


def _spans(ats: Sequence[int]) -> Iterable[tuple[int, int]]:
    begin = end = ats[0]
    for at in ats[1:]:
        if at - end > APART:
            yield begin, end
            begin = at
        end = at
    yield begin, end


def _text(at: int, nanoseconds: str) -> str:
    return f"{to_datetime(at):%Y-%m-%dT%H:%M:%S.%f}{nanoseconds}Z"


def gap_told(since: int | None) -> None:
    """Log that marks begin, and from when on they were missing."""
    if since is None:
        log.info("influx_begins", note="what is stored already: sanihub influx backfill")
    else:
        log.warning("influx_gap", since=to_iso(since), advice=f"sanihub influx backfill --from {to_iso(since)}")
