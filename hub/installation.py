"""An installation: a hub, and the servers that its settings ask it to bring along."""

from __future__ import annotations

from pydantic import SecretStr

from devices.errors import ConfigError
from hub.bootstrap import Hub
from hub.embedded.servers import EmbeddedServers, default_data_folder
from hub.settings.mqtt import MqttSection, TlsSection
from hub.settings.settings import Settings
from hub.web import WebServer


class Installation:
    """A hub with the servers that its settings ask it to bring along. An async context manager."""

    def __init__(self, settings: Settings, *, port: int | None = None) -> None:
        self.settings = settings
        self.data = (settings.data or default_data_folder()).expanduser().resolve()
        chosen = settings.api
        tls = chosen.tls.tls() if chosen.tls else None
        self.web = WebServer(
            chosen.host,
            chosen.port if port is None else port,
            chosen.trusted_proxies,
            tls,
            chosen.max_connections_per_address,
        )
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
                mqtt_anonymous=broker.anonymous(),
                mqtt_tls=broker.tls.tls() if broker.tls else None,
                mqtt_connections=broker.max_connections,
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
        embedded = self.servers.broker if self.servers is not None else None
        if embedded is not None:
            brokers.append(self.embedded_connection())
        return Hub(self.settings, dsn=self.dsn(), brokers=brokers, data=self.data, web=self.web, embedded=embedded)

    async def stop(self) -> None:
        """Stop the embedded servers; a web server that never served lets its port go."""
        self.web.stop()
        if self.servers is not None:
            await self.servers.stop()

    def dsn(self) -> str:
        """Where the store is."""
        if self.servers is not None and self.settings.embedded_database:
            return self.servers.dsn
        return self.settings.store.dsn.get_secret_value()

    def embedded_connection(self) -> MqttSection:
        """The hub's connection to the embedded broker. It stays on this machine, and the broker was probed."""
        assert self.servers is not None and self.servers.broker is not None
        host, port = self.servers.mqtt_address
        username, password = self.servers.broker.hub
        tls = TlsSection(verify=False) if self.settings.broker.tls else None
        return MqttSection(
            name="embedded", host=host, port=port, username=username, password=SecretStr(password), tls=tls
        )
