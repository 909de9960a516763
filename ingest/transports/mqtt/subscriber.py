"""MQTT as a client of any broker: 3.1.1 and 5, persistent session, acknowledgement only when told.

A connection that is lost is replaced by a new one with the same session; what it had not acknowledged comes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import time_ns

import msgspec
import structlog
from paho.mqtt.client import MQTTMessage, topic_matches_sub

from devices.errors import ConfigError, TransientError
from devices.vocabulary import Frame, Outcome
from ingest.ports import Figure, Intake, Standing
from ingest.runner import Backoff, Condition, pause
from ingest.stamps import Stamps
from ingest.transports.mqtt.repetitions import Repetitions
from ingest.transports.mqtt.session import Broker, Session

log = structlog.get_logger("ingest.mqtt")


_REMEMBERED_TOPICS = 200_000


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
        self, broker: Broker, routes: Sequence[Route], intake: Intake, fallback: Callable[[Frame], None]
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
        self._fallback = fallback
        self._stop = asyncio.Event()
        self._session: Session | None = None
        self._stamps = Stamps()
        intake.on_room(self._resume)

    async def run(self) -> None:
        """Stay connected until :meth:`stop`. Returns when the connection is closed."""
        backoff = Backoff()
        while not self._stop.is_set():
            session = self._session = self._new_session()
            try:
                await session.open(self._topics)
                self.connects += 1
                self.connected = True
                self.subscribed.set()
                self.condition.recovered()
                log.info("mqtt_connected", broker=self.broker.name, session_present=session.session_present)
                await session.lost_or(self._stop)
            except TransientError as error:
                self.condition.failed(error)
            finally:
                self.connected = False
                session.detach()
            if not self._stop.is_set():
                await pause(self._stop, backoff.delay(max(self.condition.failures, 1)))

    def _new_session(self) -> Session:
        def take(message: MQTTMessage) -> None:
            self._take(session, message)

        session = Session(self.broker, take)
        return session

    def pause_reading(self) -> None:
        """Take no more messages; those in flight can still be settled. For an orderly end."""
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

    def _take(self, session: Session, message: MQTTMessage) -> None:
        """Hand one message to the intake."""
        self.received += 1
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = repr(message._topic)[2:-1]  # not UTF-8: the decoder will say so, with the bytes shown
        route = self._known.get(topic) or self._route(topic)
        frame = Frame(
            route.adapter,
            route.source,
            topic,
            bytes(message.payload),
            self._stamps.next(),
            message.dup,
            message.retain,
            message.mid,
        )
        if message.qos == 0:
            if self.intake.healthy:
                self.intake.offer(frame, _Unrepeatable(frame, self._fallback))
            else:
                self._fallback(frame)
        else:
            frame = self.repetitions.marked(frame)
            self.intake.offer(frame, _Acknowledgement(self.repetitions, session, frame, message))
        if not self.intake.has_room:
            session.hold()

    def _route(self, topic: str) -> Route:
        """Whose topic it is. One that matches none (an old subscription of the session) is left to the first."""
        found = next((one for one in self._routes if topic_matches_sub(one.filter, topic)), self._routes[0])
        if len(self._known) >= _REMEMBERED_TOPICS:
            self._known.clear()
        self._known[topic] = found
        return found

    def _resume(self) -> None:
        if self._session is not None:
            self._session.release()


class _Acknowledgement:
    """Settles one message at the connection that it came through. A connection that is gone needs no answer."""

    __slots__ = ("frame", "mid", "qos", "repetitions", "session")

    def __init__(self, repetitions: Repetitions, session: Session, frame: Frame, message: MQTTMessage) -> None:
        self.repetitions = repetitions
        self.session = session
        self.frame = frame
        self.mid = message.mid
        self.qos = message.qos

    def settle(self, outcome: Outcome) -> None:
        if outcome is Outcome.COMMITTED and self.session.alive:
            self.session.client.ack(self.mid, self.qos)
            self.repetitions.answered(self.frame, time_ns() // 1_000)


class _Unrepeatable:
    """A message that its broker will not send again."""

    __slots__ = ("fallback", "frame")

    def __init__(self, frame: Frame, fallback: Callable[[Frame], None]) -> None:
        self.frame = frame
        self.fallback = fallback

    def settle(self, outcome: Outcome) -> None:
        if outcome is not Outcome.COMMITTED:
            self.fallback(self.frame)
