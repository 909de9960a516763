"""Devices that flood the broker: noticed, counted, told of, and at the embedded broker sent away for a while.

MQTT 3.1.1 has no word for "slower". A device that is sent away keeps what was not acknowledged, and comes again; so
nothing that was acknowledged is lost, and the others have the hub for themselves meanwhile.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from time import monotonic

import structlog

from devices.rates import Buckets, Rate
from devices.vocabulary import Consignment, Delivery, Frame
from ingest.ports import BulkIntake

log = structlog.get_logger("hub.door")

LOOK_S = 1.0
TOLD_S = 60.0  #: one device is logged, and sent away, once in so many seconds
_TOLD = 10_000


class FloodWatch:
    """Between a broker's subscriber and the pipeline (a BulkIntake): counts by topic, and hands everything on.

    Once a second those who said more in it than the rate allows in the long run are held against their bucket.
    ``flooding`` is called with the topic of a device that says more than the rate allows.
    """

    def __init__(
        self,
        intake: BulkIntake,
        rate: Rate,
        flooding: Callable[[str], None] = lambda _: None,
        steady: Callable[[], float] = monotonic,
    ) -> None:
        self.floods = 0
        self._intake = intake
        self._rate = rate
        self._buckets = Buckets(rate)
        self._flooding = flooding
        self._steady = steady
        self._said: Counter[str] = Counter()
        self._looked_at = steady()
        self._told: OrderedDict[str, float] = OrderedDict()

    def offer(self, frame: Frame, delivery: Delivery) -> None:
        """Hand a frame on."""
        self._count((frame,))
        self._intake.offer(frame, delivery)

    def offer_many(self, frames: Sequence[Frame], consignment: Consignment) -> None:
        """Hand frames on."""
        self._count(frames)
        self._intake.offer_many(frames, consignment)

    @property
    def has_room(self) -> bool:
        """As the pipeline says."""
        return self._intake.has_room

    @property
    def room(self) -> int:
        """As the pipeline says."""
        return self._intake.room

    @property
    def healthy(self) -> bool:
        """As the pipeline says."""
        return self._intake.healthy

    def on_room(self, listener: Callable[[], None]) -> None:
        """As the pipeline does."""
        self._intake.on_room(listener)

    def _count(self, frames: Sequence[Frame]) -> None:
        if self._rate.per_s <= 0:
            return
        now = self._steady()
        if (elapsed := now - self._looked_at) >= LOOK_S:
            self._look(now, elapsed)
        self._said.update([frame.channel for frame in frames])

    def _look(self, now: float, elapsed: float) -> None:
        """Judge what was said since the last look; a device that keeps to its rate owes nothing."""
        said, self._said, self._looked_at = self._said, Counter(), now
        allowed = self._rate.per_s * elapsed
        for topic, count in said.items():
            if (
                count > allowed
                and self._buckets.take(topic, now, count)
                and now - self._told.get(topic, -TOLD_S) >= TOLD_S
            ):
                self._tell(topic, now)

    def _tell(self, topic: str, now: float) -> None:
        self._told[topic] = now
        self._told.move_to_end(topic)
        while len(self._told) > _TOLD:
            self._told.popitem(last=False)
        self.floods += 1
        log.warning("device_flooding", topic=topic[:120])
        self._flooding(topic)
