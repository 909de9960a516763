"""Settings that listeners share: the encryption of what the hub listens at."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ingest.transports.tls import ServerTls


class ServerTlsSection(BaseModel):
    """Encryption of what the hub listens at; paths of PEM files. Renewed files are taken up while it runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: Path = Field(description="PEM; what leads to its authority follows behind it")
    key: Path = Field(description="of that certificate, PEM without a password")

    def tls(self) -> ServerTls:
        """The transport's view of this section."""
        return ServerTls(self.certificate, self.key)


class ListenerTlsSection(ServerTlsSection):
    """Encryption of a listener whose peers may have to bring certificates too; paths of PEM files."""

    clients_ca: Path | None = Field(
        None, description="authorities, PEM: who connects has to bring a certificate of theirs"
    )

    def tls(self) -> ServerTls:
        """The transport's view of this section."""
        return ServerTls(self.certificate, self.key, self.clients_ca)
