"""ChirpStack (``docs/protocols/lorawan.md``): its events by MQTT and by webhook."""

from __future__ import annotations

from pydantic import Field

from ingest.adapters.lorawan.server import LoraSection, server_plugin
from ingest.wire.lorawan import chirpstack

NAME = "chirpstack"


class ChirpstackSection(LoraSection):
    """A ChirpStack, or one application of it (``[[chirpstack]]``): ``application`` is the application's id."""

    application: str | None = Field(
        None, pattern=r"^[^/+#\s]+$", description="one application by its id; without it all of them"
    )

    def default_topics(self) -> tuple[str, ...]:
        """All events of all devices of the application, or of all applications."""
        return (f"application/{self.application or '+'}/device/+/event/+",)


PLUGIN = server_plugin(NAME, "LoRaWAN by ChirpStack", chirpstack.read, ChirpstackSection)
