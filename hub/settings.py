"""Settings of the hub: ``sanihub.toml``, overridden by environment variables ``SANIHUB_<SECTION>__<FIELD>``.

A variable ``SANIHUB_<SECTION>__<FIELD>_FILE`` names the file that holds the value (:mod:`hub.secret_files`).
Everything is checked before any network is touched; a fault names the field and what was expected.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from api.live.limits import LiveLimits
from api.policy import AccessPolicy
from devices.clock import SECOND, ClockPolicy
from devices.errors import ConfigError
from devices.instants import from_datetime
from devices.registry import UnknownPolicy
from hub.alerting.settings import AlertsSection
from hub.bins.settings import BinsSection
from hub.board_settings import BoardSection
from hub.grafana.settings import GrafanaSection
from hub.incidents.settings import IncidentsSection
from hub.influx.settings import InfluxSection
from hub.notify_settings import NotifySection
from hub.orders.settings import OrdersSection
from hub.secret_files import is_file_of_setting, with_files
from ingest.assembly import IntakeRules
from ingest.pipeline import Bounds
from ingest.plugin import Plugin, discover
from ingest.spool import SpoolSettings
from ingest.transports.mqtt.session import Broker, Tls
from store import rollup_zone
from store.columnstore import Columnstore
from store.forgetting import Keeping

Origin = Annotated[str, Field(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")]
"""A page's origin, as browsers name it: scheme, host, and the port where it is not the usual one."""
DEFAULT_FILE = Path("sanihub.toml")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSection(_Section):
    """Where telemetry is kept. An empty ``dsn`` asks for the embedded PostgreSQL."""

    dsn: SecretStr = Field(
        SecretStr(""),
        description=(
            "address of the server, PostgreSQL 15 or newer: postgresql://user:password@host:5432/database; "
            "empty for the embedded one"
        ),
    )
    mode: Literal["auto", "plain", "timescale"] = Field(
        "auto",
        description=(
            "auto takes TimescaleDB where the server has it, the others insist; decided when the tables are made"
        ),
    )
    partition_days: int = Field(7, ge=1, le=366, description="width of a partition or chunk, days")
    retention_days: int | None = Field(
        None, ge=1, description="telemetry older than this is dropped, days; without it everything is kept"
    )
    columnstore_after_days: int = Field(
        30, ge=0, le=36_500, description="chunks older than this go to TimescaleDB's columnstore, days; 0 converts none"
    )
    hourly_rollups_days: int | None = Field(
        None, ge=1, description="sums of hours older than this are dropped, days; without it they are kept for ever"
    )
    daily_rollups_days: int | None = Field(
        None, ge=1, description="sums of days older than this are dropped, days; without it they are kept for ever"
    )
    zone: str = Field(rollup_zone.DEFAULT, description="time zone whose days are summed up")
    dead_letters_days: int = Field(90, ge=1, description="so long dead letters are kept, days")
    dead_letters: int = Field(1_000_000, ge=1_000, description="so many of them are kept, the newest")
    embedded_port: int | None = Field(
        None, ge=1, le=65_535, description="of the embedded PostgreSQL, on 127.0.0.1; without it a free one"
    )

    def columnstore(self) -> Columnstore:
        """The store's view of when chunks are converted."""
        return Columnstore(self.columnstore_after_days or None)

    def keeping(self) -> Keeping:
        """The store's view of what to keep."""
        return Keeping(
            self.retention_days,
            dead_letters_days=self.dead_letters_days,
            dead_letters=self.dead_letters,
            hourly_days=self.hourly_rollups_days,
            daily_days=self.daily_rollups_days,
        )

    @field_validator("zone")
    @classmethod
    def _days_are_whole_hours(cls, name: str) -> str:
        if (fault := rollup_zone.check_zone(name)) is not None:
            raise ValueError(fault)
        return name

    @model_validator(mode="after")
    def _sums_outlive_what_they_are_made_of(self) -> StoreSection:
        steps = (
            ("retention_days", self.retention_days, "hourly_rollups_days", self.hourly_rollups_days),
            ("hourly_rollups_days", self.hourly_rollups_days, "daily_rollups_days", self.daily_rollups_days),
        )
        for finer, days, name, kept in steps:
            if kept is not None and (days is None or kept < days):
                raise ValueError(f"{name}: {kept} is shorter than {finer}; expected {days or 'no'} days or more")
        return self


class BrokerSection(_Section):
    """The embedded broker: started when no ``[[mqtt]]`` connection is configured, or when ``enabled`` says so."""

    enabled: bool | None = Field(
        None, description="whether the broker is started; without it: when there is no [[mqtt]]"
    )
    host: str = Field(
        "127.0.0.1", description="where it listens; beyond this machine it needs a user name and a password"
    )
    port: int | None = Field(None, ge=1, le=65_535, description="without it 1883, or another one where that is taken")
    username: str | None = Field(None, description="one name for all devices and the hub")
    password: SecretStr | None = Field(None, description="of that name")
    sync: str = Field(
        "1s",
        description=(
            "how often what it acknowledged is flushed to the disk; always: before each acknowledgement, and slower"
        ),
    )


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


class IntakeSection(_Section):
    """What the hub lets in."""

    unknown: Literal["register", "quarantine", "reject"] = Field(
        "register",
        description=(
            "devices that nobody registered: register enters them as pending and keeps their telemetry, "
            "quarantine keeps their messages as dead letters, reject notes only that they came"
        ),
    )
    max_pending_devices: int = Field(
        10_000, ge=0, description="beyond so many pending devices register turns into quarantine"
    )
    max_payload_bytes: int = Field(
        256 * 1024, ge=1_024, le=16 * 1024 * 1024, description="larger payloads become dead letters"
    )
    clock_future_s: int = Field(
        60, ge=0, description="a device's time is not believed when it lies further in the future, seconds"
    )
    clock_oldest: int = Field(2000, ge=1970, le=2100, description="the earliest year that is believed")
    max_batch: int = Field(4_000, ge=1, le=50_000, description="messages in one transaction, at most")
    max_in_flight: int = Field(
        20_000, ge=1, description="messages taken and not yet committed, at most; beyond it the hub stops reading"
    )
    max_in_flight_mib: int = Field(48, ge=1, description="the same in MiB")
    spool_mib: int = Field(512, ge=16, description="bound of the spool on disk, MiB")

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
    """Where the API and the pages are served, and who may read. Port 0 takes a free one."""

    board: BoardSection = BoardSection()
    host: str = Field(
        "127.0.0.1", description="where the API and the pages listen; beyond this machine put a proxy with TLS in front"
    )
    port: int = Field(8080, ge=0, le=65_535, description="0 takes a free one")
    open_reading: bool = Field(False, description="anybody reads what a viewer reads, reports and evaluations apart")
    secure_cookies: bool = Field(False, description="where https ends at a proxy that does not say so")
    cors_origins: tuple[Origin, ...] = Field(
        (), max_length=100, description="pages of other origins that may call the API with a token of their own"
    )
    trusted_proxies: tuple[str, ...] = Field(
        ("127.0.0.1", "::1"),
        max_length=100,
        description="whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses or networks",
    )
    metrics: Literal["loopback", "open", "key"] = Field(
        "loopback", description="who scrapes /metrics without a key: this machine, everybody, nobody"
    )

    live_readers: int = Field(200, ge=1, le=400, description="live streams at once")
    live_readers_each: int = Field(10, ge=1, le=400, description="live streams of one key or person")
    live_patience_s: float = Field(
        20.0,
        gt=0,
        le=600,
        description="a reader of the live stream that takes nothing for so long is hung up on, seconds",
    )

    def policy(self) -> AccessPolicy:
        """The API's view of this section."""
        return AccessPolicy(self.open_reading, self.secure_cookies, frozenset(self.cors_origins), self.metrics)

    def live(self) -> LiveLimits:
        """The live stream's view of this section."""
        return LiveLimits(self.live_readers, self.live_readers_each, patience_s=self.live_patience_s)


class LogSection(_Section):
    """Structured log lines on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least that is logged")
    format: Literal["text", "json"] = Field("text", description="json: an object a line, for collectors")


class _House(BaseSettings):
    """The settings of the house itself; each protocol adds its own (see :data:`Settings`)."""

    model_config = SettingsConfigDict(
        env_prefix="SANIHUB_", env_nested_delimiter="__", extra="forbid", frozen=True, toml_file=None
    )

    data: Path | None = Field(
        None,
        description=(
            "folder of the embedded servers and of the spool; without it ~/.local/share/sanihub, or "
            "/var/lib/sanihub for root"
        ),
    )
    store: StoreSection = StoreSection()
    broker: BrokerSection = BrokerSection()
    mqtt: tuple[MqttSection, ...] = ()
    intake: IntakeSection = IntakeSection()
    alerts: AlertsSection = AlertsSection()
    bins: BinsSection = BinsSection()
    notify: NotifySection = NotifySection()
    incidents: IncidentsSection = IncidentsSection()
    orders: OrdersSection = OrdersSection()
    influx: InfluxSection = InfluxSection()
    api: ApiSection = ApiSection()
    grafana: GrafanaSection = GrafanaSection()
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
        """Arguments first, then the environment and the files that it names, then the settings file."""
        if isinstance(env_settings, EnvSettingsSource):
            env_settings.env_vars = with_files(env_settings.env_vars, settings_cls)
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @model_validator(mode="after")
    def _names_differ(self) -> _House:
        several: dict[str, Sequence[Any]] = {"mqtt": self.mqtt}
        several |= {plugin.setting: self.sections(plugin) for plugin in discover().values() if not plugin.sole}
        for setting, sections in several.items():
            names = [section.name for section in sections]
            if len(set(names)) < len(names):
                raise ValueError(f"{setting}: two connections have the same name")
        return self

    @model_validator(mode="after")
    def _brokers_exist(self) -> _House:
        """A protocol that reads at one broker names one that is there; ``embedded`` is the hub's own."""
        known = {section.name for section in self.mqtt} | ({"embedded"} if self.embedded_broker else set())
        for plugin in discover().values():
            asked = plugin.subscriptions or (lambda _: ())
            for one in (one for section in self.sections(plugin) for one in asked(section)):
                if one.broker is not None and one.broker not in known:
                    there = ", ".join(sorted(known)) or "none"
                    raise ValueError(f"{plugin.setting}: broker: no connection named {one.broker!r} (there: {there})")
        return self

    def sections(self, plugin: Plugin) -> tuple[Any, ...]:
        """The sections of a protocol, in their order."""
        found = getattr(self, plugin.setting)
        return (found,) if plugin.sole else found

    @property
    def embedded_database(self) -> bool:
        """Whether the hub brings its own PostgreSQL."""
        return not self.store.dsn.get_secret_value()

    @property
    def embedded_broker(self) -> bool:
        """Whether the hub brings its own broker."""
        return not self.mqtt if self.broker.enabled is None else self.broker.enabled


def _protocols() -> dict[str, Any]:
    """The fields that the protocols add: a section, or any number of them."""
    return {
        plugin.setting: (plugin.section, plugin.section()) if plugin.sole else (tuple[plugin.section, ...], ())  # type: ignore[name-defined]
        for plugin in discover().values()
    }


if TYPE_CHECKING:

    class Settings(_House):
        """All settings. ``data`` is the folder of the embedded servers and the spool; None for that of the user."""
else:
    Settings = create_model("Settings", __base__=_House, __module__=__name__, **_protocols())


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
        if variable.partition("__")[0] not in known and not is_file_of_setting(variable.lower(), Settings):
            return variable
    return None
