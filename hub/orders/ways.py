"""Ways to a vehicle: the display of its terminal, and the topic of its own. Adding one: a class, a line in ``ways``.

A way says which devices it reaches, by the protocol of their newest frame; it returns once the other side has
confirmed: the terminal its text, the broker the message.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol

import aiomqtt

from api.ports.commands import Commands, NoAnswerError, UnreachableError
from devices.errors import TransientError
from devices.read_models import DeviceEntry
from hub.notify.channels.mqtt import Session
from hub.orders.settings import OrdersSection
from hub.orders.wording import document_of, text_of
from ingest.transports.mqtt.broker import Broker, tls_context
from store.orders.steward import ToSend

TIMEOUT_S = 10.0


class UnsentError(TransientError):
    """The vehicle could not be told now."""


class Way(Protocol):
    """A way to vehicles."""

    name: str
    protocol: str  #: whoever speaks it can be told

    def reaches(self, device: DeviceEntry) -> bool:
        """Whether it leads to this one."""
        ...

    async def send(self, device: DeviceEntry, order: ToSend) -> None:
        """Tell it. Raises UnsentError."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class Display:
    """The text of a JT/T 808 terminal (0x8300), shown and spoken; confirmed by the terminal (0x0001)."""

    name = protocol = "jt808"

    def __init__(self, commands: Commands, section: OrdersSection) -> None:
        self._commands = commands
        self._section = section

    def reaches(self, device: DeviceEntry) -> bool:
        """A device that takes texts, or would while its terminal is connected."""
        return device.protocol == self.protocol or "text" in self._commands.available(device)

    async def send(self, device: DeviceEntry, order: ToSend) -> None:
        """Show it. The command is audited as any other."""
        text = text_of(order, self._section.language, self._section.timezone)
        arguments = {"text": text, "urgent": False, "speak": True}
        try:
            await self._commands.send(f"order:{order.id}", device, "text", arguments)
        except (UnreachableError, NoAnswerError, ValueError) as error:
            raise UnsentError(str(error)) from None

    async def close(self) -> None:
        """The connections are the terminals' own."""


class Topic:
    """``<prefix>/v1/<device>/orders``, QoS 1, not retained; the broker's acknowledgement is the confirmation."""

    name = "mqtt"
    protocol = "mqtt-json"

    def __init__(self, broker: Broker, section: OrdersSection) -> None:
        self._broker = broker
        self._tls: ssl.SSLContext | None = tls_context(broker.tls) if broker.tls else None
        self._prefix = section.prefix
        self._session: Session | None = None
        self._opening = asyncio.Lock()

    def reaches(self, device: DeviceEntry) -> bool:
        """A device that was heard over JSON and MQTT."""
        return device.protocol == self.protocol

    async def send(self, device: DeviceEntry, order: ToSend) -> None:
        """Publish."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                session = await self._open()
                topic = f"{self._prefix}/v1/{device.id}/orders"
                await session.publish(topic, document_of(order), TIMEOUT_S)
        except (aiomqtt.MqttError, OSError, TimeoutError, ValueError) as error:
            await self.close()
            raise UnsentError(f"mqtt {self._broker.host}:{self._broker.port}: {error or 'no answer'}") from None

    async def close(self) -> None:
        """Close the connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.end()

    async def _open(self) -> Session:
        async with self._opening:
            if self._session is not None and self._session.lost.done():
                await self.close()
            if self._session is None:
                self._session = await Session.begin(self._broker, self._tls, TIMEOUT_S / 2)
            return self._session


def ways(commands: Commands, brokers: dict[str, Broker], section: OrdersSection) -> tuple[Way, ...]:
    """The ways of an installation; of several that reach a device the first is taken."""
    found: list[Way] = [Display(commands, section)]
    broker = brokers.get(section.broker) if section.broker else next(iter(brokers.values()), None)
    if broker is not None:
        found.append(Topic(broker, section))
    return tuple(found)
