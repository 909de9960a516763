"""The section [notify]: what it refuses, naming the field; and the command that tries a channel."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import typer
from typer.testing import CliRunner

from alerts.notices.hours import parse_hours
from devices.errors import ConfigError
from hub.notify.trial import brokers_of, register, trial_message
from hub.notify.wiring import make_sender
from hub.settings.settings import load
from tests.notifying import LOOPBACK, SECRET, settings
from tests.receiver import Answer, receiver


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    """A command sends log lines to a stream that ends with it."""
    handlers, config = logging.getLogger().handlers[:], structlog.get_config()
    yield
    logging.getLogger().handlers[:] = handlers
    structlog.configure(**config)


MQTT = {"name": "siren", "kind": "mqtt"}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"timezone": "Mars/Olympus"}, "notify.timezone: .*'Mars/Olympus' is no time zone"),
        ({"timezone": "../etc"}, "notify.timezone"),
        ({"allowed_networks": ["10.0.0.1/8"]}, "notify.allowed_networks: .*has host bits set; expected such as"),
        ({"forbidden_networks": ["city"]}, "notify.forbidden_networks"),
        ({"channels": [{"name": "a", "kind": "pigeon"}]}, "notify.channels.0: .*'apprise', 'mqtt', 'webhook'"),
        ({"channels": [MQTT, MQTT]}, "notify: .*channels: two have the same name"),
        ({"channels": [MQTT | {"digest_minutes": 5}]}, "notify.channels.0.mqtt.digest_minutes: .*no digest"),
        ({"channels": [MQTT | {"prefix": "a/#"}]}, "notify.channels.0.mqtt.prefix"),
        ({"routes": [{"channels": ["x"]}]}, "routes.0.channels: no channel named 'x' .there: none."),
        ({"channels": [MQTT], "routes": [{"channels": []}]}, "notify.routes.0.channels"),
        ({"channels": [MQTT], "routes": [{"channels": ["siren"], "hours": "9-5"}]}, "routes.0.hours: .*'9-5' are no"),
        ({"channels": [MQTT], "routes": [{"channels": ["siren"], "weekdays": ["so"]}]}, "routes.0.weekdays: .*'so'"),
        ({"channels": [MQTT], "routes": [{"channels": ["siren"], "severities": ["x"]}]}, "routes.0.severities"),
        ({"channels": [MQTT], "routes": [{"channels": ["siren"], "severity": "x"}]}, "routes.0.severity"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(notify=fields)


def test_what_the_router_is_given() -> None:
    chosen = load(notify={"channels": [MQTT], "routes": [{"channels": ["siren"], "weekdays": ["sat"]}]}).notify
    route = chosen.routes[0].route()
    assert (route.channels, route.hours) == (("siren",), parse_hours("00:00-24:00", ("sat",)))


def test_a_broker_that_is_not_there_is_found_at_the_start() -> None:
    with pytest.raises(
        ConfigError, match=r"notify.channels siren: broker: no connection named 'embedded' \(there: none\)"
    ):
        make_sender(settings(MQTT), "postgresql://nowhere/x", {})


def test_the_brokers_of_the_settings(tmp_path: Path) -> None:
    assert brokers_of(load(data=tmp_path))["embedded"].port == 1883
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "port").write_text("4711")
    assert brokers_of(load(data=tmp_path))["embedded"].port == 4711
    own = brokers_of(load(mqtt=({"name": "city", "host": "mqtt.example"},)))
    assert {name: broker.host for name, broker in own.items()} == {"city": "mqtt.example"}


def test_the_message_says_that_it_is_a_test() -> None:
    assert trial_message("a", "critical").severity == "critical"
    with pytest.raises(ConfigError, match="'grave' is none; expected info, warning, critical"):
        trial_message("a", "grave")


@pytest.mark.parametrize(
    ("status", "code", "says"), [(204, 0, "a: taken: HTTP 204"), (404, 1, "a: not taken: HTTP 404")]
)
@pytest.mark.usefixtures("_logging_as_before")
async def test_trying_a_channel(tmp_path: Path, status: int, code: int, says: str) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    async with receiver(lambda request: Answer(status)) as there:
        config = tmp_path / "sanihub.toml"
        config.write_text(
            f'[notify]\nallowed_networks = {list(LOOPBACK)}\n[[notify.channels]]\nname = "a"\nkind = "webhook"\n'
            f'url = "{there.url}"\nsecrets = ["{SECRET}"]\nallow_http = true\n'
        )
        argv = ["notify-test", "a", "--config", str(config)]
        result = await asyncio.to_thread(CliRunner().invoke, app, argv)
        assert (result.exit_code, result.output.splitlines()[0]) == (code, says)
        assert there.requests[0].document["notifications"][0]["action"] == "test"
        unknown = await asyncio.to_thread(CliRunner().invoke, app, ["notify-test", "b", "--config", str(config)])
        assert isinstance(unknown.exception, ConfigError)
