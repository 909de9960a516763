"""sanihub's JSON over MQTT (``docs/protocols/mqtt-json.md``): ``<prefix>/v1/<device>/telemetry`` and ``.../status``."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from devices.errors import DecodeError
from devices.kinds import DEVICE_ID
from devices.metrics import Catalogue
from devices.vocabulary import Decoded, Frame, Identity
from ingest.plugin import Plugin, SoleSection, Subscription, Tools
from ingest.wire.native import messages

NAME = "mqtt-json"
CHANNELS = ("telemetry", "status")
_CACHED_TOPICS = 200_000


class JsonSection(SoleSection):
    """sanihub's own JSON over MQTT: topics are ``<prefix>/v1/<device>/telemetry`` and ``.../status``."""

    prefix: str = Field(
        "sanihub", pattern=r"^[^+#\s]+$", description="topics are <prefix>/v1/<device>/telemetry and .../status"
    )


def topics(prefix: str) -> list[str]:
    """The topic filters to subscribe to."""
    return [f"{prefix}/v1/+/{channel}" for channel in CHANNELS]


class MqttJson:
    """The decoder of the adapter; remembers the topics that it has read."""

    def __init__(self, prefix: str, catalogue: Catalogue) -> None:
        self._prefix = f"{prefix}/v1/"
        self._catalogue = catalogue
        self._read: dict[str, tuple[Identity, str]] = {}

    def __call__(self, frame: Frame) -> Decoded:
        """Decode one frame. Raises DecodeError."""
        known = self._read.get(frame.channel)
        identity, channel = known if known is not None else self._topic(frame.channel)
        if channel == "telemetry":
            return messages.decode(frame.payload, identity, self._catalogue)
        return messages.decode_status(frame.payload, identity)

    def _topic(self, topic: str) -> tuple[Identity, str]:
        device, _, channel = topic.removeprefix(self._prefix).partition("/")
        if not topic.startswith(self._prefix) or channel not in CHANNELS:
            raise DecodeError(f"topic: expected {self._prefix}<device>/telemetry or .../status, got {topic[:120]!r}")
        if not DEVICE_ID.match(device):
            raise DecodeError(
                "topic: expected a device id of 1 to 64 letters, digits, '.', '_', ':' or '-', "
                f"starting with a letter or digit, got {device[:80]!r}"
            )
        if len(self._read) >= _CACHED_TOPICS:
            self._read.clear()
        entry = self._read[topic] = (Identity("id", device), channel)
        return entry


def decoder(sections: Sequence[JsonSection], tools: Tools) -> MqttJson:
    """The decoder of the messages."""
    return MqttJson(sections[0].prefix, tools.catalogue)


def subscriptions(section: JsonSection) -> Sequence[Subscription]:
    """What to subscribe to, at every broker."""
    return (Subscription(tuple(topics(section.prefix))),)


PLUGIN = Plugin(
    NAME,
    "JSON over MQTT",
    setting="json_messages",
    section=JsonSection,
    decoder=decoder,
    subscriptions=subscriptions,
)
