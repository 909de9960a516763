"""Actility ThingPark (``docs/protocols/lorawan.md``): its reports by webhook, or by MQTT on topics of one's own."""

from __future__ import annotations

from ingest.adapters.lorawan.server import LoraSection, server_plugin
from ingest.wire.lorawan import thingpark

NAME = "thingpark"


class ThingparkSection(LoraSection):
    """A connection of ThingPark (``[[thingpark]]``). Its MQTT topics are chosen there: ``topics`` repeats them."""


PLUGIN = server_plugin(NAME, "LoRaWAN by ThingPark", thingpark.read, ThingparkSection)
