"""Settings of the hub: ``sanihub.toml``, overridden by environment variables ``SANIHUB_<SECTION>__<FIELD>``.

Everything is checked before any network is touched; a fault names the field and what was expected.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from devices.clock import SECOND, ClockPolicy
from devices.errors import ConfigError
from devices.instants import from_datetime
from devices.metrics import Catalogue
from devices.registry import UnknownPolicy
from hub.nmea_settings import NmeaSection
from ingest.adapters.jt808 import Jt808Listener
from ingest.assembly import IntakeRules
from ingest.pipeline import Bounds
from ingest.spool import SpoolSettings
from ingest.transports.mqtt import Broker, Tls
from ingest.transports.tcp_server import TcpLimits
from ingest.wire.jt808_alarms import Input
from ingest.wire.jt808_session import Gate

DEFAULT_FILE = Path("sanihub.toml")

_INPUT_BITS = {"25": 32, "2a": 16}  #: items of JT/T 808 that carry switches, with their widths


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSection(_Section):
    """Where telemetry is kept. An empty ``dsn`` asks for the embedded PostgreSQL."""

    dsn: SecretStr = SecretStr("")
    mode: Literal["auto", "plain", "timescale"] = "auto"
    partition_days: int = Field(7, ge=1, le=366)
    retention_days: int | None = Field(None, ge=1, description="None keeps everything")
    embedded_port: int | None = Field(None, ge=1, le=65_535)


class BrokerSection(_Section):
    """The embedded broker: started when no ``[[mqtt]]`` connection is configured, or when ``enabled`` says so."""

    enabled: bool | None = None
    host: str = "127.0.0.1"
    port: int | None = Field(None, ge=1, le=65_535)
    username: str | None = None
    password: SecretStr | None = None
    sync: str = "1s"


class TlsSection(_Section):
    """Transport security of one MQTT connection; paths of PEM files."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    verify: bool = True


class MqttSection(_Section):
    """One broker to subscribe at (``[[mqtt]]``; several may stand)."""

    name: str = Field(min_length=1, max_length=64)
    host: str = "127.0.0.1"
    port: int = Field(1883, ge=1, le=65_535)
    version: Literal["3.1.1", "5"] = "3.1.1"
    client_id: str = Field("sanihub", min_length=1, max_length=64)
    username: str | None = None
    password: SecretStr | None = None
    tls: TlsSection | None = None
    keepalive_s: int = Field(30, ge=5, le=65_535)
    share: str | None = Field(None, pattern=r"^[^/+#]+$")
    in_flight: int = Field(10_000, ge=1, le=65_535)
    session_expiry_s: int = Field(7 * 86_400, ge=0, le=2**32 - 1)

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


class JsonSection(_Section):
    """sanihub's own JSON over MQTT: topics are ``<prefix>/v1/<device>/telemetry`` and ``.../status``."""

    prefix: str = Field("sanihub", pattern=r"^[^+#\s]+$")


class Jt808Section(_Section):
    """A listener for JT/T 808 terminals (``[[jt808]]``; several may stand).

    ``secret`` makes the terminals' authentication codes; without it the hub draws one and keeps it in its data folder.
    ``inputs`` names the switches of the vehicles: item and bit (``25.14``, ``2a.0``) to a metric of 0 and 1.
    """

    name: str = Field(min_length=1, max_length=64)
    host: str = "127.0.0.1"
    port: int = Field(6808, ge=0, le=65_535)
    authentication: bool = True
    secret: SecretStr | None = Field(None, min_length=16)
    inputs: dict[str, str] = {}
    max_connections: int = Field(10_000, ge=1)
    max_connections_per_address: int = Field(1_000, ge=1)
    max_in_flight: int = Field(500, ge=1)
    idle_s: int = Field(300, ge=10)
    unauthenticated_s: int = Field(30, ge=1)

    @model_validator(mode="after")
    def _inputs_are_known(self) -> Jt808Section:
        metrics = Catalogue().by_name
        for place, metric in self.inputs.items():
            item, _, bit = place.partition(".")
            if item not in _INPUT_BITS or not bit.isdecimal() or int(bit) >= _INPUT_BITS[item]:
                raise ValueError(f"inputs: {place!r} is no bit of an item; expected 25.0 to 25.31 or 2a.0 to 2a.15")
            if metric not in metrics or (metrics[metric].low, metrics[metric].high) != (0, 1):
                raise ValueError(f"inputs: {metric!r} is no metric of 0 and 1")
        return self

    def switches(self) -> tuple[Input, ...]:
        """The decoder's view of ``inputs``."""
        parts = ((place.split("."), metric) for place, metric in self.inputs.items())
        return tuple(Input(int(item, 16), int(bit), metric) for (item, bit), metric in parts)

    def listener(self, secret: bytes) -> Jt808Listener:
        """The adapter's view of this section; ``secret`` is the hub's own, for a section without one."""
        limits = TcpLimits(
            connections=self.max_connections,
            per_address=self.max_connections_per_address,
            idle_s=self.idle_s,
            newcomer_s=self.unauthenticated_s,
        )
        chosen = self.secret.get_secret_value().encode() if self.secret else secret
        gate = Gate(chosen, required=self.authentication)
        return Jt808Listener(self.name, gate, self.host, self.port, limits, self.max_in_flight)


class IntakeSection(_Section):
    """What the hub lets in."""

    unknown: Literal["register", "quarantine", "reject"] = "register"
    max_pending_devices: int = Field(10_000, ge=0)
    max_payload_bytes: int = Field(256 * 1024, ge=1_024, le=16 * 1024 * 1024)
    clock_future_s: int = Field(60, ge=0)
    clock_oldest: int = Field(2000, ge=1970, le=2100, description="the earliest year that is believed")
    max_batch: int = Field(4_000, ge=1, le=50_000)
    max_in_flight: int = Field(20_000, ge=1)
    max_in_flight_mib: int = Field(48, ge=1)
    spool_mib: int = Field(512, ge=16)

    def rules(self) -> IntakeRules:
        """The assembler's view of this section."""
        oldest = from_datetime(datetime(self.clock_oldest, 1, 1, tzinfo=UTC))
        clock = ClockPolicy(future=self.clock_future_s * SECOND, oldest=oldest)
        return IntakeRules(
            max_payload_bytes=self.max_payload_bytes,
            unknown=UnknownPolicy(self.unknown),
            max_pending_devices=self.max_pending_devices,
            clock=clock,
        )

    def bounds(self) -> Bounds:
        """The pipeline's view of this section."""
        return Bounds(
            max_batch=self.max_batch,
            max_in_flight=self.max_in_flight,
            max_in_flight_bytes=self.max_in_flight_mib * 1024 * 1024,
        )

    def spool(self) -> SpoolSettings:
        """The spool's view of this section."""
        return SpoolSettings(max_bytes=self.spool_mib * 1024 * 1024)


class ApiSection(_Section):
    """Where the API and the pages are served. Port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65_535)


class LogSection(_Section):
    """Structured log lines on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Settings(BaseSettings):
    """All settings. ``data`` is the folder of the embedded servers and the spool; None for the default of the user."""

    model_config = SettingsConfigDict(
        env_prefix="SANIHUB_", env_nested_delimiter="__", extra="forbid", frozen=True, toml_file=None
    )

    data: Path | None = None
    store: StoreSection = StoreSection()
    broker: BrokerSection = BrokerSection()
    mqtt: tuple[MqttSection, ...] = ()
    json_messages: JsonSection = JsonSection()
    jt808: tuple[Jt808Section, ...] = ()
    nmea: tuple[NmeaSection, ...] = ()
    intake: IntakeSection = IntakeSection()
    api: ApiSection = ApiSection()
    log: LogSection = LogSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @model_validator(mode="after")
    def _names_differ(self) -> Settings:
        sections: dict[str, Sequence[MqttSection | Jt808Section | NmeaSection]] = {
            "mqtt": self.mqtt,
            "jt808": self.jt808,
            "nmea": self.nmea,
        }
        for section, several in sections.items():
            names = [connection.name for connection in several]
            if len(set(names)) < len(names):
                raise ValueError(f"{section}: two connections have the same name")
        return self

    @property
    def embedded_database(self) -> bool:
        """Whether the hub brings its own PostgreSQL."""
        return not self.store.dsn.get_secret_value()

    @property
    def embedded_broker(self) -> bool:
        """Whether the hub brings its own broker."""
        return not self.mqtt if self.broker.enabled is None else self.broker.enabled


def load(file: Path | None = None, **overrides: object) -> Settings:
    """Read the settings. ``file`` None means ``sanihub.toml`` in this folder, if it is there.

    Raises ConfigError with one line for each fault.
    """
    if file is not None and not file.is_file():
        raise ConfigError(f"{file}: no such file")
    chosen = file or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)

    class _FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=chosen)

    where = chosen or "settings"
    try:
        return _FromFile(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [
            f"{where}: {'.'.join(str(part) for part in fault['loc']) or 'settings'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
        raise ConfigError("\n".join(lines)) from None
    except (ValueError, OSError) as error:  # a file that is not TOML, an environment value that is not JSON
        raise ConfigError(f"{where}: {error}") from None


def environment_fault() -> str | None:
    """A variable that looks like one of ours and names no setting, for ``doctor``; None when there is none."""
    known = {f"SANIHUB_{name.upper()}" for name in Settings.model_fields}
    for variable in sorted(os.environ):
        if not variable.startswith("SANIHUB_") or variable.startswith("SANIHUB_TEST_"):
            continue
        if variable.partition("__")[0] not in known:
            return variable
    return None
