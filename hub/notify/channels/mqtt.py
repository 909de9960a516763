"""MQTT: each notice to a topic of its own, for machines that switch lights and sirens."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import Literal

import aiomqtt
from pydantic import Field, field_validator

from alerts.notices.document import document
from alerts.notices.notice import Message
from devices.errors import ConfigError
from hub.notify.channel import ChannelSection, Kind, Surroundings, UndeliveredError
from ingest.transports.mqtt.broker import Broker, tls_context

_LEVEL = str.maketrans(dict.fromkeys("/+#\x00", "_"))


class MqttChannelSection(ChannelSection):
    """A broker of the settings to publish at: the name of an ``[[mqtt]]`` connection, or ``embedded``."""

    kind: Literal["mqtt"] = Field("mqtt", description="to <prefix>/v1/alerts/<severity>/<device>")
    broker: str = Field("embedded", description="name of an [[mqtt]] connection, or embedded")
    prefix: str = Field("sanihub", pattern=r"^[^+#\x00/][^+#\x00]{0,99}$", description="of the topics")

    @field_validator("digest_minutes")
    @classmethod
    def _goes_alone(cls, value: int) -> int:
        if value:
            raise ValueError("each notification is published by itself, so there is no digest")
        return value


class MqttTopics:
    """Publishes with QoS 1, not retained; the broker's acknowledgement is the confirmation.

    One connection, opened when it is needed and again after a fault. MQTT 3.1.1, whatever version the hub's subscriber
    speaks there: a broker that forbids the topic acknowledges there all the same, and drops the message.
    """

    def __init__(self, section: MqttChannelSection, around: Surroundings) -> None:
        broker = around.brokers.get(section.broker)
        if broker is None:
            there = ", ".join(sorted(around.brokers)) or "none"
            name = f"notify.channels {section.name}: broker"
            raise ConfigError(f"{name}: no connection named {section.broker!r} (there: {there})")
        self._broker: Broker = broker
        self._tls = tls_context(broker.tls) if broker.tls else None
        self._prefix = section.prefix
        self._timeout_s = section.timeout_s
        self._session: Session | None = None
        self._opening = asyncio.Lock()

    async def send(self, message: Message) -> str:
        """Publish; the message holds one notice."""
        where = f"mqtt {self._broker.host}:{self._broker.port}"
        session: Session | None = None
        try:
            session = await self._open()
            await session.publish(topic_of(self._prefix, message), document(message), self._timeout_s)
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            await self._drop(session)
            raise UndeliveredError(f"{where}: {error}") from None
        except asyncio.CancelledError:  # no acknowledgement in time: this connection is not to be trusted any more
            await self._drop(session)
            raise
        return f"acknowledged by {where}"

    async def close(self) -> None:
        """Close the connection."""
        await self._drop(self._session)

    async def _open(self) -> Session:
        async with self._opening:
            if self._session is not None and self._session.lost.done():
                await self._drop(self._session)
            if self._session is None:
                self._session = await Session.begin(self._broker, self._tls, self._timeout_s / 2)
            return self._session

    async def _drop(self, session: Session | None) -> None:
        if session is not None and session is self._session:
            self._session = None
            await session.end()


class Session:
    """One connection, and a watch over it: ``lost`` is done when the broker is gone."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.lost = asyncio.create_task(self._watch())

    @classmethod
    async def begin(cls, broker: Broker, tls: ssl.SSLContext | None, timeout_s: float) -> Session:
        """Connect. Raises MqttError."""
        client = aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password,
            tls_context=tls,
            keepalive=broker.keepalive_s,
            timeout=timeout_s,
            clean_session=True,
        )
        await client.__aenter__()
        return cls(client)

    async def publish(self, topic: str, payload: bytes, timeout_s: float) -> None:
        """Publish, and wait for the acknowledgement. Raises MqttError, at once when the broker is gone."""
        publishing = asyncio.create_task(self._client.publish(topic, payload, qos=1, retain=False, timeout=timeout_s))
        try:
            await asyncio.wait({publishing, self.lost}, return_when=asyncio.FIRST_COMPLETED)
            if not publishing.done():
                raise aiomqtt.MqttError("the connection was lost")
            publishing.result()
        finally:
            publishing.cancel()

    async def end(self) -> None:
        """Disconnect, in good order where the broker is still there."""
        self.lost.cancel()
        with suppress(aiomqtt.MqttError):
            await self._client.__aexit__(None, None, None)

    async def _watch(self) -> None:
        with suppress(aiomqtt.MqttError):
            async for _ in self._client.messages:  # it subscribes to nothing; this ends with the connection
                pass


def topic_of(prefix: str, message: Message) -> str:
    """``<prefix>/v1/alerts/<severity>/<device>``."""
    device = message.notices[0].content.device.id.translate(_LEVEL)[:200] or "_"
    return f"{prefix}/v1/alerts/{message.severity}/{device}"


KIND = Kind("mqtt", MqttChannelSection, MqttTopics, bundles=False)
