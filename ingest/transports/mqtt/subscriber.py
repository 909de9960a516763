"""MQTT as a client of any broker: 3.1.1 and 5, persistent session, acknowledgement only when told.

A connection that is lost is replaced by a new one with the same session; what it had not acknowledged comes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from math import inf
from time import time_ns

import msgspec
import structlog

from devices.errors import ConfigError, TransientError
from devices.vocabulary import Frame, Outcome
from ingest.ports import BulkIntake, Figure, Standing
from ingest.runner import Backoff, Condition, pause
from ingest.stamps import Stamps
from ingest.transports.mqtt.broker import Broker
from ingest.transports.mqtt.repetitions import Repetitions
from ingest.transports.mqtt.session import Session
from ingest.wire.mqtt.reader import DUP, RETAIN, Publish
from ingest.wire.mqtt.topics import matches

log = structlog.get_logger("ingest.mqtt")

_REMEMBERED_TOPICS = 200_000
_USUAL_TOPIC = 256  #: characters; longer ones are not remembered


class Route(msgspec.Struct, frozen=True):
    """A topic filter, and what frames of its messages carry: the adapter's name, and the source."""

    filter: str
    adapter: str
    source: str


class MqttSubscriber:
    """Subscribes to topics at one broker and hands each message to the intake.

    A message belongs to the first route whose filter its topic matches. ``fallback`` takes over messages of QoS 0 that
    the intake could not store: their broker will not send them again.
    """

    def __init__(
        self, broker: Broker, routes: Sequence[Route], intake: BulkIntake, fallback: Callable[[Frame], None]
    ) -> None:
        if not routes:
            raise ConfigError(f"mqtt {broker.name}: no protocol reads at this broker")
        self.broker = broker
        self.condition = Condition(f"mqtt:{broker.name}")
        self.connected = False
        self.subscribed = asyncio.Event()  #: set by the first subscription: from then on the broker keeps messages
        self.received = 0
        self.connects = 0
        self.repetitions = Repetitions()
        self.name = f"mqtt {broker.name}"
        filters = dict.fromkeys(route.filter for route in routes)
        self._topics = [f"$share/{broker.share}/{topic}" if broker.share else topic for topic in filters]
        self._routes = tuple(routes)
        self._known: dict[str, Route] = {}  #: by topic
        self.intake = intake
        self.fallback = fallback
        self._stop = asyncio.Event()
        self._session: Session | None = None
        self._paused = False
        self._stamps = Stamps()
        intake.on_room(self._resume)

    async def run(self) -> None:
        """Stay connected until :meth:`stop`. Returns when the connection is closed."""
        backoff, tries, loop = Backoff(), 0, asyncio.get_running_loop()
        while not self._stop.is_set():
            session, began = self._new_session(), inf
            try:
                await session.open(self._topics)
                self._begin(session)
                began = loop.time()
                await session.lost_or(self._stop)
            except TransientError as error:
                self.condition.failed(error)
            finally:
                self.connected = False
                session.detach()
            # One that lets the hub in and ends it at once is as good as away.
            tries = tries + 1 if loop.time() - began < backoff.most else 1
            if self._paused:  # what a new connection brings could not be stored any more
                await self._stop.wait()
            await pause(self._stop, backoff.delay(tries))

    def _new_session(self) -> Session:
        def take(run: list[Publish]) -> None:
            self._take(session, run)

        session = self._session = Session(self.broker, lambda: self.intake.room, take)
        return session

    def _begin(self, session: Session) -> None:
        self.connects += 1
        self.connected = True
        self.subscribed.set()
        self.condition.recovered()
        log.info("mqtt_connected", broker=self.broker.name, session_present=session.session_present)
        if session.reduced:
            log.warning("mqtt_qos_reduced", broker=self.broker.name, granted=0)

    def pause_reading(self) -> None:
        """Take no more messages; those in flight can still be settled. For an orderly end."""
        self._paused = True
        if self._session is not None:
            self._session.stop_reading()

    async def stop(self) -> None:
        """Disconnect after what was settled has been told to the broker."""
        self._stop.set()
        if self._session is not None:
            self._session.close()

    def standing(self) -> Standing:
        """Where the broker is, and whether it is there. A hub without it is not ready."""
        labels = {"broker": self.broker.name}
        figures = (
            Figure("sanihub_mqtt_messages_received_total", "Messages received", self.received, labels),
            Figure("sanihub_mqtt_connected", "1 while connected", float(self.connected), labels, "gauge"),
        )
        return Standing(
            title=f"MQTT {self.broker.name}",
            kind="broker",
            address=f"{self.broker.host}:{self.broker.port}",
            connected=self.connected,
            required=True,
            fault=self.condition.fault or "",
            figures=figures,
        )

    def _take(self, session: Session, run: list[Publish]) -> None:
        """Hand messages to the intake."""
        self.received += len(run)
        frames = self._frames(run)
        if not self.intake.healthy:
            run, frames = self._divert(run, frames)
        if self.repetitions:
            frames = [self.repetitions.marked(one) if one.token else one for one in frames]
        self.intake.offer_many(frames, _Messages(self, session, run, frames))

    def _frames(self, run: list[Publish]) -> list[Frame]:
        """Each with its time of reception (µs): no two messages share an instant."""
        began = self._stamps.run(len(run))
        known, frames = self._known, []
        for at, (topic, payload, flags, packet_id) in enumerate(run, began):
            route = known.get(topic) or self._route(topic)
            again, kept = flags & DUP != 0, flags & RETAIN != 0
            frames.append(Frame(route.adapter, route.source, topic, payload, at, again, kept, packet_id))
        return frames

    def _divert(self, run: list[Publish], frames: list[Frame]) -> tuple[list[Publish], list[Frame]]:
        """What the broker will send again; the others are taken over while the intake cannot store them."""
        for frame in frames:
            if not frame.token:
                self.fallback(frame)
        return [one for one in run if one[3]], [frame for frame in frames if frame.token]

    def _route(self, topic: str) -> Route:
        """Whose topic it is. One that matches none (an old subscription of the session) is left to the first."""
        found = next((one for one in self._routes if matches(one.filter, topic)), self._routes[0])
        if len(topic) <= _USUAL_TOPIC:
            if len(self._known) >= _REMEMBERED_TOPICS:
                self._known.clear()
            self._known[topic] = found
        return found

    def _resume(self) -> None:
        if self._session is not None:
            self._session.release()


class _Messages:
    """Settles messages at the connection that they came through. A connection that is gone needs no answer."""

    __slots__ = ("_frames", "_run", "_session", "_settled", "_subscriber")

    def __init__(self, subscriber: MqttSubscriber, session: Session, run: list[Publish], frames: list[Frame]) -> None:
        self._subscriber = subscriber
        self._session = session
        self._run = run
        self._frames = frames
        self._settled = 0

    def settle_next(self, outcome: Outcome, count: int) -> None:
        """Acknowledge the next messages, or take over those of them that their broker will not send again."""
        begin, self._settled = self._settled, self._settled + count
        frames = self._frames[begin : self._settled]
        if outcome is not Outcome.COMMITTED:
            for frame, (*_, packet_id) in zip(frames, self._run[begin : self._settled], strict=True):
                if not packet_id:
                    self._subscriber.fallback(frame)
        elif self._session.alive:
            self._session.acknowledge([one[3] for one in self._run[begin : self._settled] if one[3]])
            self._subscriber.repetitions.answered(frames, time_ns() // 1_000)
