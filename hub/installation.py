"""An installation: a hub, and the servers that its settings ask it to bring along."""

from __future__ import annotations

from devices.errors import ConfigError
from hub.bootstrap import Hub
from hub.embedded import EmbeddedServers, default_data_folder
from hub.mqtt_settings import MqttSection
from hub.settings import Settings
from hub.web import WebServer


class Installation:
    """A hub with the servers that its settings ask it to bring along. An async context manager."""

    def __init__(self, settings: Settings, *, port: int | None = None) -> None:
        self.settings = settings
        self.data = (settings.data or default_data_folder()).expanduser().resolve()
        chosen = settings.api
        self.web = WebServer(chosen.host, chosen.port if port is None else port, chosen.trusted_proxies)
        self.servers: EmbeddedServers | None = None
        if settings.embedded_database or settings.embedded_broker:
            broker = settings.broker
            self.servers = EmbeddedServers(
                self.data,
                database=settings.embedded_database,
                broker=settings.embedded_broker,
                postgres_port=settings.store.embedded_port,
                mqtt_host=broker.host,
                mqtt_port=broker.port,
                mqtt_username=broker.username,
                mqtt_password=broker.password.get_secret_value() if broker.password else None,
                mqtt_sync=broker.sync,
            )

    async def start(self) -> Hub:
        """Start the embedded servers and make the hub. Raises ConfigError, ChildError."""
        try:
            if self.servers is not None:
                await self.servers.start()
            else:
                self.data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"data folder {self.data}: {error.strerror or error}") from None
        brokers = list(self.settings.mqtt)
        if self.servers is not None and self.settings.embedded_broker:
            brokers.append(self.embedded_connection())
        return Hub(self.settings, dsn=self.dsn(), brokers=brokers, data=self.data, web=self.web)

    async def stop(self) -> None:
        """Stop the embedded servers."""
        if self.servers is not None:
            await self.servers.stop()

    def dsn(self) -> str:
        """Where the store is."""
        if self.servers is not None and self.settings.embedded_database:
            return self.servers.dsn
        return self.settings.store.dsn.get_secret_value()

    def embedded_connection(self) -> MqttSection:
        """The connection to the embedded broker."""
        assert self.servers is not None
        host, port = self.servers.mqtt_address
        broker = self.settings.broker
        return MqttSection(name="embedded", host=host, port=port, username=broker.username, password=broker.password)
