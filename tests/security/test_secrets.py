"""No secret of the settings, no key and no password is in logs, status, metrics, answers or what commands print."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from devices.errors import ConfigError
from hub.settings import settings
from ingest.plugin import discover
from store.embedded.vacancy import choose_port
from tests.access_keys import make_key
from tests.hubs import HubProcess
from tests.mqtt_clients import publish
from tests.servers import MqttServer, PostgresServer, temporary_folder, wait_until

SECRETS = {
    name: f"hush-{name}-0f3a9c"
    for name in ("mqtt", "shared", "jt808", "influx", "header", "robot", "grafana", "boards", "wrong", "person")
}
SIGNING = "whsec_" + "aHVzaC1zaWduaW5nLTBmM2E5Yy1odXNoLXNpZ25pbmc="
SETTINGS = """
[log]
level = "debug"
[broker]
enabled = true
port = {port}
devices = "keys"
username = "fleet"
password = "{shared}"
[[mqtt]]
name = "away"
host = "127.0.0.1"
port = {closed}
username = "hub"
password = "{mqtt}"
[[jt808]]
name = "vehicles"
port = 0
secret = "{jt808}"
[influx]
enabled = true
url = "http://127.0.0.1:{closed}"
org = "city"
bucket = "telemetry"
token = "{influx}"
[[notify.channels]]
name = "room"
kind = "webhook"
url = "http://127.0.0.1:{closed}/x"
allow_http = true
secrets = ["{signing}"]
headers = {{ Authorization = "Bearer {header}" }}
[[notify.channels]]
name = "robot"
kind = "apprise"
url = "wecombot://{robot}"
[[notify.routes]]
channels = ["room", "robot"]
[grafana]
url = "http://127.0.0.1:{closed}"
token = "{grafana}"
[grafana.database]
password = "{boards}"
"""


class Noisy:
    """A hub of which nearly everything fails, with all that it says."""

    def __init__(self, hub: HubProcess, dsn: str, folder: Path, port: int) -> None:
        self.hub, self.dsn, self.folder = hub, dsn, folder
        self.broker = MqttServer()
        self.broker.port = port
        self.keys = [make_key(dsn, role) for role in ("viewer", "admin")]
        self.keys.append(make_key(dsn, "device", device="bin-1"))
        self.secrets = [*SECRETS.values(), SIGNING, *self.keys]
        self.secrets.append(str(psycopg.conninfo.conninfo_to_dict(dsn)["password"]))

    def told(self, text: str) -> list[str]:
        """The secrets in a text."""
        return [secret for secret in self.secrets if secret in text]


@pytest.fixture(scope="module")
def noisy(postgres_server: PostgresServer) -> Iterator[Noisy]:
    with postgres_server.database() as dsn, temporary_folder() as folder:
        ports = {name: choose_port("127.0.0.1", folder / name) for name in ("port", "closed")}
        hub = HubProcess(folder, dsn, "")
        text = SETTINGS.format(**ports, **SECRETS, signing=SIGNING)
        hub._config.write_text(f'data = "{folder / "data"}"\n{text}\n[store]\ndsn = "{dsn}"\nmode = "plain"\n')
        hub.start()
        try:
            wait_until(lambda: "peer_away" in hub.text() and "mqtt_connected" in hub.text(), "it works, and half fails")
            wait_until(lambda: httpx.get(f"{hub.url}/api/v1/status").status_code == 401, "it answers")
            wait_until(lambda: hub.get("/readyz").json(), "its tables are made")
            wait_until(lambda: tables(dsn), "its tables are made")
            yield Noisy(hub, dsn, folder, ports["port"])
        finally:
            hub.stop()


def tables(dsn: str) -> bool:
    try:
        make_key(dsn, "viewer")
    except psycopg.Error:
        return False
    return True


def test_what_the_hub_says_and_answers_holds_no_secret(noisy: Noisy) -> None:
    hub, (viewer, admin, device) = noisy.hub, noisy.keys
    answers = []
    for key in (admin, SECRETS["wrong"], "sanihub_" + SECRETS["wrong"]):
        headers = {"Authorization": f"Bearer {key}"}
        for path in ("/api/v1/status", "/api/v1/keys", "/api/v1/audit", "/metrics", "/readyz", "/api/v1/nothing"):
            answers.append(httpx.get(hub.url + path, headers=headers, timeout=30).text)
    answers.append(httpx.get(f"{hub.url}/api/v1/devices?limit={viewer}", headers={"X-API-Key": viewer}).text)
    post = {"Authorization": f"Bearer {device}"}
    answers.append(httpx.post(f"{hub.url}/api/v1/telemetry", headers=post, content=b"{").text)
    sign_in = {"name": "wang", "password": SECRETS["person"]}
    answers.append(httpx.post(f"{hub.url}/api/v1/session", json=sign_in).text)
    answers.append(httpx.post(f"{hub.url}/api/v1/session", json={**sign_in, "password": [SECRETS["person"]]}).text)
    for user, password in (("bin-1", device), ("bin-2", device), ("bin-1", SECRETS["wrong"]), ("fleet", "no")):
        publish(noisy.broker, "sanihub/v1/bin-1/telemetry", ['{"readings": {"fill_pct": 1}}'], (user, password))
    # A query string of the user's own is shown to that user where it was wrong; nothing else is.
    assert [noisy.told(text) for text in answers if noisy.told(text) and viewer not in text] == []
    wait_until(lambda: "broker_client_refused" in hub.text(), "the refusals are told")
    assert noisy.told(hub.text()) == []
    logs = list((noisy.folder / "data" / "logs").iterdir())
    assert logs
    for log in logs:
        assert noisy.told(log.read_text(errors="replace")) == [], log.name


@pytest.mark.parametrize(
    "argv", [["doctor"], ["doctor", "--json"], ["keys", "list", "--json"], ["broker", "users", "emqx"]]
)
def test_what_commands_print_holds_no_secret(noisy: Noisy, argv: list[str]) -> None:
    config = ["--config", str(noisy.folder / "sanihub.toml")]
    wide = {**os.environ, "COLUMNS": "300"}
    told = subprocess.run(
        [sys.executable, "-m", "hub.cli", *argv, *config],
        capture_output=True, text=True, check=False, cwd=noisy.folder, env=wide, timeout=120,
    )  # fmt: skip
    assert told.stdout
    assert noisy.told(told.stdout + told.stderr) == []


def test_a_fault_of_the_settings_shows_no_secret(noisy: Noisy, tmp_path: Path) -> None:
    good = noisy.hub._config.read_text()
    for number, (old, new) in enumerate(
        [
            ('kind = "webhook"', 'kind = "telepathy"'),
            (f'password = "{SECRETS["shared"]}"', f'password = ["{SECRETS["shared"]}"]'),
            (f'token = "{SECRETS["influx"]}"', f'token = {{ value = "{SECRETS["influx"]}" }}'),
            ('secret = "', 'secrets = "'),
            (SIGNING, "whsec_hush-signing-0f3a9c"),
            ("[grafana.database]", f'[grafana.database]\nunknown = "{SECRETS["boards"]}"'),
        ]
    ):
        assert old in good
        file = tmp_path / f"{number}.toml"
        file.write_text(good.replace(old, new, 1))
        with pytest.raises(ConfigError) as caught:
            settings.load(file)
        assert noisy.told(str(caught.value)) == [], new
        assert "hush-signing" not in str(caught.value)


def test_representations_hold_no_secret(noisy: Noisy) -> None:
    chosen = settings.load(noisy.hub._config)
    assert noisy.told(repr(chosen)) == []
    assert noisy.told(repr(chosen.model_dump())) == []
    for section in chosen.sections(discover()["jt808"]):
        assert noisy.told(repr(section.listener(lambda: b"x"))) == []
