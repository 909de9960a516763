"""Settings of the hub: ``sanihub.toml``, overridden by environment variables ``SANIHUB_<SECTION>__<FIELD>``.

A variable ``SANIHUB_<SECTION>__<FIELD>_FILE`` names the file that holds the value (:mod:`hub.settings.files`).
Everything is checked before any network is touched; a fault names the field and what was expected.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from devices.errors import ConfigError
from hub.alerting.settings import AlertsSection
from hub.bins.settings import BinsSection
from hub.grafana.settings import GrafanaSection
from hub.incidents.settings import IncidentsSection
from hub.influx.settings import InfluxSection
from hub.notify.settings import NotifySection
from hub.orders.settings import OrdersSection
from hub.settings.api import ApiSection
from hub.settings.faults import fault_line
from hub.settings.files import is_file_of_setting, with_files
from hub.settings.intake import IntakeSection
from hub.settings.mqtt import BrokerSection, MqttSection
from hub.settings.store import StoreSection
from ingest.plugin import Plugin, discover

DEFAULT_FILE = Path("sanihub.toml")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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
        raise ConfigError(f"{file}: no such file; deploy/sanihub.example.toml of the project is one to copy")
    chosen = file or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)

    class _FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=chosen)

    where = chosen or "settings"
    try:
        return _FromFile(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [fault_line(Settings, str(where), fault) for fault in error.errors(include_url=False)]
        raise ConfigError("\n".join(lines)) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: not TOML: {error}; text stands in quotes, and a section in [brackets]") from None
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
