"""Settings of MQTT: ``[[mqtt]]``, and ``[broker]`` for the embedded one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from ingest.listening import ServerTlsSection
from ingest.transports.mqtt.broker import Broker, Tls


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BrokerSection(_Section):
    """The embedded broker: started when no ``[[mqtt]]`` connection is configured, or when ``enabled`` says so."""

    enabled: bool | None = Field(
        None, description="whether the broker is started; without it: when there is no [[mqtt]]"
    )
    host: str = Field("127.0.0.1", description="where it listens; beyond this machine devices need their keys")
    port: int | None = Field(None, ge=1, le=65_535, description="without it 1883, or another one where that is taken")
    devices: Literal["auto", "keys", "anyone"] = Field(
        "auto",
        description=(
            "keys: who connects brings a key (sanihub keys create) and may speak for itself alone; anyone: programs of"
            " this machine may connect without, and speak for every device; auto: anyone on this machine, while the"
            " broker listens nowhere else and has no username"
        ),
    )
    username: str | None = Field(
        None, description="one name that may do everything, beside the keys; for fleets whose devices share it"
    )
    password: SecretStr | None = Field(None, description="of that name")
    integration_topics: tuple[str, ...] = Field(
        ("application/#", "v3/#", "gateway/#", "+/gateway/#"),
        max_length=100,
        description=(
            "topic filters that keys of the role integration may publish and subscribe to, beside posting telemetry:"
            " those of LoRaWAN network servers"
        ),
    )
    tls: ServerTlsSection | None = Field(None, description="of the MQTT port; without it MQTT is not encrypted")
    max_messages_per_s: float = Field(
        20.0,
        ge=0,
        le=100_000,
        description=(
            "of one topic in the long run, and five minutes of it at once; a device that sends more is logged, and sent"
            " away from the embedded broker for flood_pause_s; 0: no limit. Counted at every broker"
        ),
    )
    flood_pause_s: float = Field(
        30.0, ge=1, le=3600, description="so long a device that floods is not let in at the embedded broker, seconds"
    )
    max_connections: int = Field(64_000, ge=10, le=1_000_000, description="at a time")
    sync: str = Field(
        "1s",
        description=(
            "how often what it acknowledged is flushed to the disk; always: before each acknowledgement, and slower"
        ),
    )

    def anonymous(self) -> bool | None:
        """The broker's view of ``devices``."""
        return {"auto": None, "keys": False, "anyone": True}[self.devices]


class TlsSection(_Section):
    """Transport security of one MQTT connection; paths of PEM files."""

    ca: Path | None = Field(None, description="authorities that are trusted, PEM; without it those of the system")
    certificate: Path | None = Field(None, description="of the hub, PEM")
    key: Path | None = Field(None, description="of that certificate, PEM")
    verify: bool = Field(True, description="whether the broker's certificate is checked")


class MqttSection(_Section):
    """One broker to subscribe at (``[[mqtt]]``; several may stand)."""

    name: str = Field(
        min_length=1, max_length=64, description="of the connection, as other settings and frames name it"
    )
    host: str = Field("127.0.0.1", description="of the broker")
    port: int = Field(1883, ge=1, le=65_535, description="of the broker")
    version: Literal["3.1.1", "5"] = Field("3.1.1", description="of the protocol")
    client_id: str = Field(
        "sanihub", min_length=1, max_length=64, description="a broker lets a client id in once: each hub needs its own"
    )
    username: str | None = Field(None, description="at the broker")
    password: SecretStr | None = Field(None, description="of that name")
    tls: TlsSection | None = None
    keepalive_s: int = Field(
        30, ge=5, le=65_535, description="seconds without traffic after which a sign of life is sent"
    )
    share: str | None = Field(
        None, pattern=r"^[^/+#]+$", description="group of a shared subscription ($share/<group>/...)"
    )
    in_flight: int = Field(
        10_000,
        ge=1,
        le=65_535,
        description="most messages without acknowledgement; MQTT 5 only, in 3.1.1 the broker's own setting counts",
    )
    session_expiry_s: int = Field(
        7 * 86_400,
        ge=0,
        le=2**32 - 1,
        description="so long the broker keeps messages for an absent hub, seconds; MQTT 5 only",
    )

    @model_validator(mode="after")
    def _password_needs_a_name(self) -> MqttSection:
        if self.password is not None and self.username is None:
            raise ValueError("password: needs a username beside it")
        return self

    def broker(self) -> Broker:
        """The transport's view of this section."""
        tls = Tls(**self.tls.model_dump()) if self.tls else None
        password = self.password.get_secret_value() if self.password else None
        fields = self.model_dump(exclude={"tls", "password"})
        return Broker(**fields, tls=tls, password=password)
