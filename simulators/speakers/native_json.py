"""The hub's own JSON: topics and payloads over MQTT, bodies over HTTP, as bytes.

``sanihub/v1/<device_id>/telemetry`` carries one object or, for what was held back, an array of objects;
``sanihub/v1/<device_id>/status`` carries ``{"status": "online"}`` or ``offline``. What is posted is the same with the
device's id in each object.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from simulators.city.observation import SECOND, Observation
from simulators.message import Message

PREFIX = "sanihub/v1"


class Encoder:
    """Makes payloads. Keeps the text of the latest second, for most messages share it with the one before."""

    def __init__(self, prefix: str = PREFIX) -> None:
        self._prefix = prefix
        self._encode = msgspec.json.Encoder().encode
        self._second = -1
        self._text = ""

    def telemetry(self, message: Message) -> tuple[str, bytes]:
        """(topic, payload) of a message: an object for a single observation, else an array; raw bytes as they are."""
        topic = f"{self._prefix}/{message.device_id}/telemetry"
        if message.raw is not None:
            return topic, message.raw
        items = [self._item(observation) for observation in message.observations]
        return topic, self._encode(items[0] if len(items) == 1 else items)

    def posted(self, message: Message) -> bytes:
        """The body of a post."""
        if message.raw is not None:
            return message.raw
        items = [{"device": message.device_id, **self._item(observation)} for observation in message.observations]
        return self._encode(items[0] if len(items) == 1 else items)

    def status(self, device_id: str, online: bool) -> tuple[str, bytes]:
        """(topic, payload) of a connection status."""
        payload = self._encode({"status": "online" if online else "offline"})
        return f"{self._prefix}/{device_id}/status", payload

    def _item(self, observation: Observation) -> dict[str, Any]:
        item: dict[str, Any] = {
            "ts": self._timestamp(observation.observed_at),
            "kind": observation.kind,
            "seq": observation.seq,
            "readings": observation.readings,
        }
        if observation.fix is not None:
            item["fix"] = observation.fix
        if observation.events:
            item["events"] = observation.events
        return item

    def _timestamp(self, at: int) -> str:
        """RFC 3339 in UTC with milliseconds."""
        second, rest = divmod(at, SECOND)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._text}.{rest // 1_000:03d}Z"
