"""LORIOT (``docs/protocols/lorawan.md``): its application output by webhook, or by MQTT on topics of one's own."""

from __future__ import annotations

from ingest.adapters.lorawan.server import LoraSection, server_plugin
from ingest.wire.lorawan import loriot

NAME = "loriot"


class LoriotSection(LoraSection):
    """An application output of LORIOT (``[[loriot]]``). Its MQTT topics are chosen there: ``topics`` repeats them."""


PLUGIN = server_plugin(NAME, "LoRaWAN by LORIOT", loriot.read, LoriotSection)
