"""deploy/compose.yaml: accepted by Compose, and what it describes works with real servers on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import typer
import yaml

from hub import cli
from hub.settings.settings import Settings
from store.embedded.vacancy import choose_port
from tests.mqtt_clients import empty_session, open_session, publish
from tests.servers import DEADLINE_S, MqttServer, PostgresServer, running, temporary_folder, wait_until

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BOTH = ("compose.yaml", "compose.emqx.yaml")
ONCE = {"broker-users", "reading-role", "boards", "backup"}  #: services that do their work and end


def compose_program() -> list[str]:
    """The Compose of this machine, of any version."""
    for program in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(program[0])
            and not subprocess.run([*program, "version"], capture_output=True, check=False).returncode
        ):
            return program
    pytest.fail("no docker-compose: `make test` installs it, or apt-get install docker-compose")


@pytest.fixture(scope="module")
def copy() -> Iterator[Path]:
    """The folder as an operator has it: with secrets drawn."""
    with temporary_folder() as folder:
        shutil.copytree(DEPLOY, folder / "deploy", ignore=shutil.ignore_patterns("secrets", "backups", ".env"))
        subprocess.run(["sh", "make-secrets.sh"], cwd=folder / "deploy", check=True, capture_output=True)
        yield folder / "deploy"


def configured(folder: Path, *options: str) -> dict[str, Any]:
    """The document as Compose understands it."""
    told = subprocess.run(
        [*compose_program(), *options, "config"], cwd=folder, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    return yaml.safe_load(told.stdout)


@pytest.fixture(scope="module")
def document(copy: Path) -> dict[str, Any]:
    return configured(copy, "--profile", "tls", "--profile", "backup")


def test_compose_accepts_it_in_every_form(copy: Path, document: dict[str, Any]) -> None:
    assert {"database", "broker", "hub", "grafana", "proxy", "backup"} <= set(document["services"])
    default = configured(copy)
    assert {"proxy", "backup"} & set(default["services"]) in (set(), {"proxy", "backup"})  # 1.29 prints all of them
    with_emqx = configured(copy, "-f", BOTH[0], "-f", BOTH[1])
    assert with_emqx["services"]["broker"]["image"].startswith("emqx/")
    shutil.copy(copy / ".env.example", copy / ".env")
    try:
        assert configured(copy)["services"] == default["services"]  # the example's lines are the defaults
    finally:
        (copy / ".env").unlink()


def test_every_variable_is_in_the_example() -> None:
    used = {name for file in BOTH for name in re.findall(r"\$\{([A-Z_]+)", (DEPLOY / file).read_text("utf-8"))}
    there = set(re.findall(r"^([A-Z_]+)=", (DEPLOY / ".env.example").read_text("utf-8"), re.M))
    assert used - {"SANIHUB_IMAGE", "EMQX_PORT"} == there - {"COMPOSE_PROJECT_NAME"}


def test_services_are_held_back_and_looked_after(document: dict[str, Any]) -> None:
    for name, service in document["services"].items():
        assert re.search(r":v?\d|:local$", service["image"]), f"{name}: an image without a version"
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"]["max-size"], name
        assert service.get("read_only") or name == "database", name
        assert (service.get("restart") == "unless-stopped") != (name in ONCE), name
        if name not in ONCE:
            assert service["deploy"]["resources"]["limits"]["memory"], name
            assert "healthcheck" in service or name in ("hub", "proxy"), name  # the hub's is in its image
        ports = [port["host_ip"] if isinstance(port, dict) else port.split(":")[0] for port in service.get("ports", [])
                 if name != "proxy"]  # fmt: skip
        assert set(ports) <= {"127.0.0.1"}, name


def test_what_the_hub_is_told_is_settings_and_commands_of_it(document: dict[str, Any]) -> None:
    for name in ("hub", "backup", "reading-role"):
        for variable in document["services"][name]["environment"]:
            path = variable.removeprefix("SANIHUB_").lower().removesuffix("_file").split("__")
            model: Any = Settings
            for part in path:
                assert part in model.model_fields, variable
                model = model.model_fields[part].annotation
    root = typer.main.get_command(cli.program())
    for name, service in document["services"].items():
        if service["image"] != "sanihub:local" or "command" not in service:
            continue
        group, command = service["command"][:2]
        assert command in root.commands[group].commands, name  # type: ignore[attr-defined]


class Mosquitto(MqttServer):
    """mosquitto with the configuration, ACL and users of deploy/, its port and its folders moved."""

    name = "mosquitto"

    def __init__(self, folder: Path, deploy: Path) -> None:
        self.log = folder / "mosquitto.log"
        self.port = choose_port(self.host, folder / "port")
        self.device_port = choose_port(self.host, folder / "device-port")
        (folder / "data").mkdir()
        subprocess.run(
            ["sh", deploy / "mosquitto/hash-users.sh", deploy / "secrets/mqtt_users", folder],
            check=True,
            capture_output=True,
        )
        config = (deploy / "mosquitto/mosquitto.conf").read_text()
        for old, new in (
            ("listener 1883", f"listener {self.port} {self.host}"),
            ("listener 1884", f"listener {self.device_port} {self.host}"),
            ("/mosquitto/users/passwords", str(folder / "passwords")),
            ("/mosquitto/config/acl", str(deploy / "mosquitto/acl")),
            ("/mosquitto/data/", f"{folder}/data/"),
        ):
            assert old in config
            config = config.replace(old, new)
        (folder / "mosquitto.conf").write_text(config + ("" if os.geteuid() else "user root\n"))
        self._config = folder / "mosquitto.conf"
        self.username, self.password = secret_user(deploy)

    def argv(self) -> list[str]:
        return [shutil.which("mosquitto", path="/usr/sbin:/usr/bin") or "mosquitto", "-c", str(self._config)]


def secret_user(deploy: Path) -> tuple[str, str]:
    first = (deploy / "secrets/mqtt_users").read_text().splitlines()[0]
    name, _, password = first.partition(":")
    return name, password


@pytest.fixture(scope="module")
def broker(copy: Path) -> Iterator[Mosquitto]:
    users = copy / "secrets/mqtt_users"
    users.write_text(users.read_text() + "# a device\nbin-0001:of-the-bin\n")
    with temporary_folder() as folder, running(Mosquitto(folder, copy)) as server:
        yield server


def test_the_hub_starts_as_it_is_described(
    copy: Path, document: dict[str, Any], broker: Mosquitto, postgres_server: PostgresServer, open_folder: Path
) -> None:
    """Exactly that environment, but for addresses; devices come in under their own names and no others."""
    secrets = copy / "secrets"
    with postgres_server.database() as dsn:
        (open_folder / "store_dsn").write_text(dsn + "\n")
        host, port = broker.address
        mqtt_of_hub = (secrets / "mqtt").read_text().replace('"host": "broker"', f'"host": "{host}", "port": {port}')
        (open_folder / "mqtt").write_text(mqtt_of_hub)
        environment = {
            name: str(value).replace("/run/secrets/", f"{open_folder}/")
            for name, value in document["services"]["hub"]["environment"].items()
        }
        environment |= {"SANIHUB_API__PORT": "0", "SANIHUB_DATA": str(open_folder / "data")}
        log = open_folder / "hub.log"
        with log.open("wb") as output:
            hub = subprocess.Popen(
                [sys.executable, "-m", "hub.cli", *document["services"]["hub"].get("command", ["serve"])],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment},
                cwd=open_folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        try:
            ready = re.compile(r"open\s+http://\S+?:(\d+)/\s")
            wait_until(lambda: ready.search(log.read_text()) or hub.poll() is not None, f"the hub serves; {log}")
            assert hub.poll() is None, log.read_text()[-3000:]
            found = ready.search(log.read_text())
            assert found is not None
            url = f"http://127.0.0.1:{found[1]}"
            wait_until(lambda: httpx.get(f"{url}/readyz", timeout=30).status_code == 200, "the hub is ready")
            assert readings(dsn) == []  # ready is: with all of its tables
            device = ("bin-0001", "of-the-bin")
            assert publish(broker, "sanihub/v1/bin-0002/telemetry", ['{"readings": {"fill_pct": 1}}'], device)
            assert publish(broker, "sanihub/v1/bin-0001/telemetry", ['{"readings": {"fill_pct": 2}}'], device)
            wait_until(lambda: readings(dsn), "a reading is stored")
            assert readings(dsn) == [("bin-0001", 2.0)]
            assert not publish(broker, "sanihub/v1/bin-0001/telemetry", ["{}"])
            assert not publish(broker, "sanihub/v1/bin-0001/telemetry", ["{}"], ("bin-0001", "wrong"))
            reading_role(copy, document["services"]["reading-role"], dsn, open_folder)
        finally:
            hub.terminate()
            assert hub.wait(DEADLINE_S) == 0, log.read_text()[-3000:]


def readings(dsn: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        query = "SELECT d.id, r.value FROM readings r JOIN devices d ON d.key = r.device_key"
        return connection.execute(query).fetchall()


def reading_role(copy: Path, service: dict[str, Any], dsn: str, folder: Path) -> None:
    """The one-shot makes a role that reads the schema boards, and nothing else; twice is as once."""
    (folder / "boards_password").write_text((copy / "secrets/boards_password").read_text())
    environment = {
        name: str(value).replace("/run/secrets/", f"{folder}/") for name, value in service["environment"].items()
    } | {"SANIHUB_DATA": str(folder / "of-the-role")}
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("CREATE VIEW boards.of_the_test AS SELECT count(*) FROM readings")
        try:
            assert not owner.execute("SELECT FROM pg_roles WHERE rolname = 'sanihub_boards'").fetchall()
            for said in ("was brought to what it should be", "as it should be"):
                told = subprocess.run(
                    [sys.executable, "-m", "hub.cli", *service["command"]],
                    env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment},
                    cwd=folder, capture_output=True, text=True, check=False,
                )  # fmt: skip
                assert told.returncode == 0, told.stderr
                assert f"role sanihub_boards: {said}" in told.stdout
            password = (copy / "secrets/boards_password").read_text().strip()
            assert password not in told.stdout + told.stderr
            as_reader = psycopg.conninfo.make_conninfo(dsn, user="sanihub_boards", password=password)
            with psycopg.connect(as_reader) as reader:
                assert reader.execute("SELECT * FROM of_the_test").fetchall() == [(1,)]
            with psycopg.connect(as_reader) as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute("SELECT * FROM public.readings")
        finally:
            if owner.execute("SELECT FROM pg_roles WHERE rolname = 'sanihub_boards'").fetchall():
                owner.execute("DROP OWNED BY sanihub_boards")
                owner.execute("DROP ROLE sanihub_boards")


def test_mosquitto_keeps_what_waits_over_a_kill(broker: Mosquitto) -> None:
    """Saved after every change: what it has written of what it acknowledged is there after a SIGKILL."""
    topic, hub = "sanihub/v1/bin-0001/telemetry", (str(broker.username), str(broker.password))
    open_session(broker, "waiting", topic, hub)
    assert publish(broker, topic, ["kept"], ("bin-0001", "of-the-bin"))
    saved = broker.log.parent / "data" / "mosquitto.db"
    wait_until(lambda: saved.exists() and b"kept" in saved.read_bytes(), "the message is written")
    broker.kill()
    broker.start()
    assert empty_session(broker, "waiting", topic, 1, hub) == ["kept"]
