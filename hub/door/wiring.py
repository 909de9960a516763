"""The door of the embedded broker, from the settings."""

from __future__ import annotations

from devices.registry import Registry
from devices.vocabulary import Identity
from hub.broker import NatsBroker
from hub.door.doorman import Doorman
from hub.door.grants import Topics
from hub.notify.channels.mqtt import MqttChannelSection
from hub.settings import Settings
from ingest.adapters import mqtt_json
from store.api_keys import ApiKeys
from store.readers_session import Pool
from store.writers_session import WriteSession


def doors(settings: Settings, broker: NatsBroker | None, pool: Pool, registry: Registry) -> list[Doorman]:
    """The one door of an embedded broker; none without one."""
    if broker is None:
        return []

    def is_device(name: str) -> bool:
        return registry.find(Identity("id", name)) is not None

    keys = ApiKeys(WriteSession(pool))
    return [Doorman(broker.door, broker.signer, keys, topics_of(settings), is_device)]


def topics_of(settings: Settings) -> Topics:
    """The topics of these settings."""
    alerts = tuple(channel.prefix for channel in settings.notify.channels if isinstance(channel, MqttChannelSection))
    return Topics(
        prefix=settings.sections(mqtt_json.PLUGIN)[0].prefix,
        orders=settings.orders.prefix,
        alerts=alerts,
        servers=settings.broker.integration_topics,
    )
