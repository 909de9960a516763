"""Devices that flood the broker: noticed, counted, told of, and at the embedded broker sent away for a while.

MQTT 3.1.1 has no word for "slower". A device that is sent away keeps what was not acknowledged, and comes again; so
nothing that was acknowledged is lost, and the others have the hub for themselves meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

import structlog

from devices.rates import Buckets, Rate
from devices.vocabulary import Delivery, Frame
from ingest.ports import Intake

log = structlog.get_logger("hub.door")

TOLD_S = 60.0  #: one device is logged, and sent away, once in so many seconds
_TOLD = 10_000


class FloodWatch:
    """Between a broker's subscriber and the pipeline (an Intake): counts by topic, and hands everything on.

    ``flooding`` is called with the topic of a device that says more than the rate allows.
    """

    def __init__(
        self,
        intake: Intake,
        rate: Rate,
        flooding: Callable[[str], None] = lambda _: None,
        steady: Callable[[], float] = monotonic,
    ) -> None:
        self.floods = 0
        self._intake = intake
        self._buckets = Buckets(rate)
        self._flooding = flooding
        self._steady = steady
        self._told: OrderedDict[str, float] = OrderedDict()

    def offer(self, frame: Frame, delivery: Delivery) -> None:
        """Hand a frame on."""
        now = self._steady()
        if self._buckets.take(frame.channel, now) and now - self._told.get(frame.channel, -TOLD_S) >= TOLD_S:
            self._tell(frame.channel, now)
        self._intake.offer(frame, delivery)

    @property
    def has_room(self) -> bool:
        """As the pipeline says."""
        return self._intake.has_room

    @property
    def healthy(self) -> bool:
        """As the pipeline says."""
        return self._intake.healthy

    def on_room(self, listener: Callable[[], None]) -> None:
        """As the pipeline does."""
        self._intake.on_room(listener)

    def _tell(self, topic: str, now: float) -> None:
        self._told[topic] = now
        self._told.move_to_end(topic)
        while len(self._told) > _TOLD:
            self._told.popitem(last=False)
        self.floods += 1
        log.warning("device_flooding", topic=topic[:120])
        self._flooding(topic)
