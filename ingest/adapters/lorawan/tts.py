"""The Things Stack v3 (``docs/protocols/lorawan.md``): uplinks and joins by MQTT and by webhook."""

from __future__ import annotations

from pydantic import Field

from ingest.adapters.lorawan.server import LoraSection, server_plugin
from ingest.wire.lorawan import tts

NAME = "tts"


class TtsSection(LoraSection):
    """An application at The Things Stack (``[[tts]]``).

    ``application`` is its id and ``tenant`` that of the tenant (``ttn`` at The Things Network); an installation of
    one's own has none. Without an application all that the connection's user may read is subscribed to.
    ``simulated`` also files uplinks that were typed in at the console, marked as uncertain.
    """

    application: str | None = Field(
        None, pattern=r"^[^/+#@\s]+$", description="one application by its id; without it all of them"
    )
    tenant: str | None = Field(
        None, pattern=r"^[^/+#@\s]+$", description="ttn at The Things Network; an installation of your own has none"
    )
    simulated: bool = Field(
        False, description="whether uplinks that somebody typed in at the console are filed, marked as uncertain"
    )

    @property
    def takes_simulated(self) -> bool:
        """Whether uplinks that no device sent are filed."""
        return self.simulated

    def default_topics(self) -> tuple[str, ...]:
        """Uplinks and joins of all devices."""
        user = "+" if self.application is None else f"{self.application}{f'@{self.tenant}' if self.tenant else ''}"
        return tuple(f"v3/{user}/devices/+/{word}" for word in ("up", "join"))


PLUGIN = server_plugin(NAME, "LoRaWAN by The Things Stack", tts.read, TtsSection)
