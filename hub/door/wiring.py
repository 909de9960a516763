"""The door of the embedded broker, from the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from devices.rates import Rate
from devices.registry import Registry
from devices.vocabulary import Identity
from hub.door.doorman import Doorman
from hub.door.grants import Topics
from hub.embedded.broker import NatsBroker
from hub.notify.channels.mqtt import MqttChannelSection
from hub.settings.settings import Settings
from ingest.adapters import mqtt_json
from store.access.api_keys import ApiKeys
from store.reading import Pool
from store.writing import WriteSession

BURST_S = 300.0  #: of the rate at once: what a device has gathered while it had no connection


def doors(settings: Settings, broker: NatsBroker | None, pool: Pool, registry: Registry) -> list[Doorman]:
    """The one door of an embedded broker; none without one."""
    if broker is None:
        return []

    def is_device(name: str) -> bool:
        return registry.find(Identity("id", name)) is not None

    keys = ApiKeys(WriteSession(pool))
    return [Doorman(broker.door, broker.signer, keys, topics_of(settings), is_device)]


def flooding(settings: Settings, doors: Sequence[Doorman]) -> Callable[[str], None]:
    """What becomes of a device whose topic of our own JSON is flooded; other topics are a server's."""
    head = f"{topics_of(settings).prefix}/v1/"

    def send_away(topic: str) -> None:
        device, _, channel = topic.removeprefix(head).partition("/")
        for door in doors if topic.startswith(head) and channel else ():
            door.send_away(device, settings.broker.flood_pause_s)

    return send_away


def rate(settings: Settings) -> Rate:
    """What one topic may carry."""
    per_s = settings.broker.max_messages_per_s
    return Rate(per_s, BURST_S * per_s)


def topics_of(settings: Settings) -> Topics:
    """The topics of these settings."""
    alerts = tuple(channel.prefix for channel in settings.notify.channels if isinstance(channel, MqttChannelSection))
    return Topics(
        prefix=settings.sections(mqtt_json.PLUGIN)[0].prefix,
        orders=settings.orders.prefix,
        alerts=alerts,
        servers=settings.broker.integration_topics,
    )
