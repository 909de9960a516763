"""deploy/sanihub.example.toml names every setting: uncommented lines are the defaults, commented ones are accepted."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from hub.incidents.settings import Department
from hub.notify.channel import ChannelSection, kinds
from hub.notify.settings import RouteSection
from hub.settings.mqtt import MqttSection, TlsSection
from hub.settings.settings import Settings, load
from ingest.plugin import discover

FILE = Path(__file__).parents[2] / "deploy" / "sanihub.example.toml"
PROTOCOLS = {plugin.setting: plugin.section for plugin in discover().values() if not plugin.sole}
_COMMENTED_SETTING = re.compile(r"^#(?=\[|[a-z_]+ = )", re.M)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("SANIHUB_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)  # no sanihub.toml here


def everything() -> str:
    return _COMMENTED_SETTING.sub("", FILE.read_text("utf-8"))


def named(model: type[BaseModel], section: dict[str, Any], where: str = "") -> set[str]:
    """The settings of a model that a section does not name."""
    return {f"{where}{name}" for name in model.model_fields if name not in section}


def test_as_it_stands_it_is_the_defaults() -> None:
    assert load(FILE).model_dump() == load().model_dump()


def test_it_is_accepted_with_every_line_in_use(tmp_path: Path) -> None:
    file = tmp_path / "all.toml"
    file.write_text(everything(), "utf-8")
    chosen = load(file)
    assert chosen.mqtt[0].tls is not None
    assert chosen.embedded_broker


def test_it_names_every_setting() -> None:
    document = tomllib.loads(everything())
    missing = named(Settings, document)
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            missing |= named(field.annotation, document[name], f"{name}.")
    connection = document["mqtt"][0]
    missing |= named(MqttSection, connection, "mqtt.") | named(TlsSection, connection["tls"], "mqtt.tls.")
    for setting, model in PROTOCOLS.items():
        missing |= named(model, document[setting][0], f"{setting}.")
    missing |= named(Department, document["incidents"]["departments"][0], "incidents.departments.")
    missing |= named(RouteSection, document["notify"]["routes"][0], "notify.routes.")
    shared: set[str] = set(ChannelSection.model_fields)
    for channel in document["notify"]["channels"]:
        own = named(kinds()[channel["kind"]].section, channel, f"notify.channels.{channel['kind']}.")
        missing |= {name for name in own if name.rpartition(".")[2] not in ChannelSection.model_fields}
        shared -= set(channel)
    assert not missing | shared
    assert {channel["kind"] for channel in document["notify"]["channels"]} == set(kinds())


def test_commented_lines_of_a_connection_show_its_defaults() -> None:
    document = tomllib.loads(everything())
    for section, model in {"mqtt": MqttSection, **PROTOCOLS}.items():
        for name, field in model.model_fields.items():
            if not field.is_required() and field.default not in (None, {}, ""):
                assert document[section][0][name] == field.default, name
    for channel in document["notify"]["channels"]:
        for name, field in kinds()[channel["kind"]].section.model_fields.items():
            if name in channel and not field.is_required() and field.default not in (None, {}, (), ""):
                assert channel[name] == field.default, name


def test_what_stands_uncommented_is_all_that_has_a_default() -> None:
    document = tomllib.loads(FILE.read_text("utf-8"))
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            with_default = {key for key, part in field.annotation.model_fields.items() if part.default is not None}
            with_default -= {"channels", "routes", "departments"}  # lists of sections, which stand below as examples
            assert set(document[name]) == with_default, name
