"""Settings out of files that the environment names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devices.errors import ConfigError
from hub.settings.settings import environment_fault, load


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_setting_and_a_list_of_sections(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text("postgresql://sanihub:a b@db/sanihub\n")
    (tmp_path / "mqtt").write_text(json.dumps([{"name": "city", "username": "sanihub", "password": "hidden"}]))
    monkeypatch.setenv("SANIHUB_STORE__DSN_FILE", str(tmp_path / "dsn"))
    monkeypatch.setenv("SANIHUB_MQTT_FILE", str(tmp_path / "mqtt"))
    chosen = load()
    assert chosen.store.dsn.get_secret_value() == "postgresql://sanihub:a b@db/sanihub"
    assert chosen.mqtt[0].broker().password == "hidden"
    assert environment_fault() is None
    monkeypatch.setenv("SANIHUB_STORE_DSN_FILE", "x")
    assert environment_fault() == "SANIHUB_STORE_DSN_FILE"


def test_faults_name_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SANIHUB_STORE__DSN_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"SANIHUB_STORE__DSN_FILE: .*none: No such file"):
        load()
    (tmp_path / "none").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="no text in UTF-8"):
        load()
    monkeypatch.setenv("SANIHUB_STORE__DSN", "x")
    with pytest.raises(ConfigError, match="SANIHUB_STORE__DSN is given as well"):
        load()
