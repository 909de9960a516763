"""MQTT: each notice to a topic of its own, for machines that switch lights and sirens."""

from __future__ import annotations

import asyncio
from typing import Literal

import aiomqtt
from pydantic import Field, field_validator

from alerts.notices.document import document
from alerts.notices.notice import Message
from devices.errors import ConfigError
from hub.notify.channel import ChannelSection, Kind, Surroundings, UndeliveredError
from ingest.transports.mqtt_session import Broker, tls_context

_LEVEL = str.maketrans(dict.fromkeys("/+#\x00", "_"))


class MqttChannelSection(ChannelSection):
    """A broker of the settings to publish at: the name of an ``[[mqtt]]`` connection, or ``embedded``."""

    kind: Literal["mqtt"] = "mqtt"
    broker: str = "embedded"
    prefix: str = Field("sanihub", pattern=r"^[^+#\x00/][^+#\x00]{0,99}$")

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
        self._client: aiomqtt.Client | None = None
        self._opening = asyncio.Lock()

    async def send(self, message: Message) -> str:
        """Publish; the message holds one notice."""
        where = f"mqtt {self._broker.host}:{self._broker.port}"
        client: aiomqtt.Client | None = None
        try:
            client = await self._open()
            topic = topic_of(self._prefix, message)
            await client.publish(topic, document(message), qos=1, retain=False, timeout=self._timeout_s)
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            await self._drop(client)
            raise UndeliveredError(f"{where}: {error}") from None
        except asyncio.CancelledError:  # no acknowledgement in time: this connection is not to be trusted any more
            await self._drop(client)
            raise
        return f"acknowledged by {where}"

    async def close(self) -> None:
        """Close the connection."""
        await self._drop(self._client)

    async def _open(self) -> aiomqtt.Client:
        async with self._opening:
            if self._client is None:
                broker = self._broker
                client = aiomqtt.Client(
                    broker.host,
                    broker.port,
                    username=broker.username,
                    password=broker.password,
                    tls_context=self._tls,
                    keepalive=broker.keepalive_s,
                    timeout=self._timeout_s,
                    clean_session=True,
                )
                await client.__aenter__()
                self._client = client
            return self._client

    async def _drop(self, client: aiomqtt.Client | None) -> None:
        if client is None or client is not self._client:
            return
        self._client = None
        try:
            await client.__aexit__(None, None, None)
        except aiomqtt.MqttError:
            return


def topic_of(prefix: str, message: Message) -> str:
    """``<prefix>/v1/alerts/<severity>/<device>``."""
    device = message.notices[0].content.device.id.translate(_LEVEL)[:200] or "_"
    return f"{prefix}/v1/alerts/{message.severity}/{device}"


KIND = Kind("mqtt", MqttChannelSection, MqttTopics, bundles=False)
