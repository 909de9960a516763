"""Devices that publish the hub's own JSON over MQTT, and say at their start that they are online."""

from __future__ import annotations

from types import TracebackType

from simulators.message import Message
from simulators.speakers.mqtt_json import MqttSpeaker
from simulators.speakers.native_json import Encoder
from simulators.speakers.speaker import Tally

WINDOW = 1_000


class JsonSpeaker:
    """See :class:`simulators.speakers.speaker.Speaker`. The caller runs ``link``.

    Only what the broker has acknowledged is acknowledged. Being ``offline`` is silence and nothing else.
    """

    def __init__(self, link: MqttSpeaker, window: int = WINDOW) -> None:
        self.tally = Tally(window)
        self._link = link
        self._encoder = Encoder()

    async def __aenter__(self) -> JsonSpeaker:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing: the link is the caller's."""

    async def greet(self, device_id: str) -> None:
        """Say that the device is online."""
        await self._send(*self._encoder.status(device_id, online=True))

    async def publish(self, message: Message) -> None:
        """Publish a message."""
        if not message.offline:
            await self._send(*self._encoder.telemetry(message))

    async def drain(self) -> None:
        """Wait until the broker has acknowledged everything."""
        await self.tally.drained()

    async def _send(self, topic: str, payload: bytes) -> None:
        await self.tally.take()
        await self._link.publish(topic, payload, self.tally.acknowledge)
