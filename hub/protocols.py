"""The protocols of a hub: what :func:`ingest.plugin.discover` found, joined with the settings."""

from __future__ import annotations

from collections.abc import Iterator

from hub.settings.settings import Settings
from ingest.plugin import Plugin, Subscription, Tools, Wiring, discover
from ingest.ports import Adapter, Decoder
from ingest.transports.mqtt.subscriber import Route


def decoders(settings: Settings, tools: Tools) -> dict[str, Decoder]:
    """The decoder of each protocol, by the name that frames carry."""
    return {name: plugin.decoder(settings.sections(plugin), tools) for name, plugin in discover().items()}


def routes(settings: Settings, broker: str) -> list[Route]:
    """The topics that are read at one broker (by its connection's name), and whose they are."""
    return [
        Route(topic, plugin.name, subscription.source or broker)
        for plugin, subscription in _subscriptions(settings)
        if subscription.broker in (None, broker)
        for topic in subscription.filters
    ]


def connections(settings: Settings, wiring: Wiring) -> list[Adapter]:
    """The connections that protocols open themselves, in the order of the settings."""
    return [
        plugin.connect(section, wiring)
        for plugin in discover().values()
        if plugin.connect is not None
        for section in settings.sections(plugin)
    ]


def webhooks() -> list[str]:
    """The protocols whose frames may come as HTTP posts, by name."""
    return [name for name, plugin in discover().items() if plugin.webhook]


def _subscriptions(settings: Settings) -> Iterator[tuple[Plugin, Subscription]]:
    for plugin in discover().values():
        if plugin.subscriptions is not None:
            for section in settings.sections(plugin):
                for subscription in plugin.subscriptions(section):
                    yield plugin, subscription
