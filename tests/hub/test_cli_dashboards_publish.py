"""``sanihub dashboards publish``: a real database, the real boards, and a stand-in of Grafana."""

from __future__ import annotations

import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from psycopg import sql

from devices.errors import ConfigError, SanihubError, TransientError
from hub.grafana.bringing import wanted_boards
from hub.grafana.settings import GrafanaSection
from hub.settings.settings import load
from tests.grafana_server import TOKEN, Grafana, grafana_server
from tests.hub.cli_runner import invoke
from tests.servers import PostgresServer


@pytest.fixture(scope="module")
def store(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.database() as dsn:
        assert invoke("people", "list", dsn=dsn).exception is None  # migrates it
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA IF NOT EXISTS boards")
        yield dsn


@pytest.fixture
def role(store: str) -> Iterator[str]:
    name = f"boards_{secrets.token_hex(4)}"
    yield name
    with psycopg.connect(store, autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is not None:
            connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with grafana_server() as server:
        yield server


class Publisher:
    """The command with its settings in the environment."""

    def __init__(self, grafana: Grafana, store: str, role: str, data: Path) -> None:
        self.grafana, self.store, self.data = grafana, store, data
        self.environment = {
            "SANIHUB_GRAFANA__URL": grafana.url,
            "SANIHUB_GRAFANA__TOKEN": TOKEN,
            "SANIHUB_GRAFANA__DATABASE__USER": role,
        }

    def __call__(self, *options: object, **more: str) -> Result:
        environment = {name: value for name, value in (self.environment | more).items() if value}
        return invoke("dashboards", "publish", "--data", self.data, *options, dsn=self.store, **environment)

    def writes(self) -> list[str]:
        """What wrote since the last time that it was asked."""
        lines = self.grafana.lines(writes=True)
        self.grafana.requests.clear()
        return lines


@pytest.fixture
def publisher(grafana: Grafana, store: str, role: str, tmp_path: Path) -> Publisher:
    return Publisher(grafana, store, role, tmp_path / "data")


def test_a_dry_run_then_a_run_then_nothing_to_do(publisher: Publisher, role: str) -> None:
    boards = len(wanted_boards(GrafanaSection()))
    assert boards >= 2
    dry = publisher("--dry-run")
    assert dry.exit_code == 0, dry.exception
    assert f"{boards + 3} changes would be made, none was" in dry.stdout
    assert f"role {role}: would be brought to what it should be (the role is not there; its password)" in dry.stdout
    assert publisher.writes() == []
    assert not publisher.data.exists()

    first = publisher()
    assert first.exit_code == 0, (first.exception, first.stderr)
    assert f"{boards + 3} changes made, 0 left" in first.stdout
    expected = ["POST /api/datasources", *["POST /api/folders"] * 2, *["POST /api/dashboards/db"] * boards]
    assert publisher.writes() == expected

    second = publisher()
    assert second.exit_code == 0, second.exception
    assert f"0 changes made, {boards + 3} left" in second.stdout
    assert f"role {role}: as it should be" in second.stdout
    assert publisher.writes() == []
    again = publisher("--dry-run")
    assert "0 changes would be made" in again.stdout


def test_grafana_logs_in_with_a_password_that_is_nowhere_else(publisher: Publisher, role: str, store: str) -> None:
    done = publisher("--lang", "zh")
    assert done.exit_code == 0, done.exception  # the stand-in's health check has logged in
    password = publisher.grafana.org.secrets["sanihub"]["password"]
    file = publisher.data / "grafana.password"
    assert file.read_text().strip() == password
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    source = publisher.grafana.org.sources["sanihub"]
    assert password not in done.output + repr(source)
    assert TOKEN not in done.output
    parts = psycopg.conninfo.conninfo_to_dict(store)
    assert source["url"] == f"{parts['host']}:{parts['port']}"
    assert (source["user"], source["jsonData"]["database"]) == (role, parts["dbname"])
    assert source["jsonData"]["timescaledb"] is False
    assert source["jsonData"]["maxOpenConns"] == 19
    assert list(publisher.grafana.org.folders) == ["sanihub-zh"]


def test_a_password_that_no_longer_fits_is_set_again(publisher: Publisher, role: str, store: str) -> None:
    publisher()
    with psycopg.connect(store, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD 'other'").format(sql.Identifier(role)))
    publisher.writes()
    mended = publisher()
    assert "was brought to what it should be (its password)" in mended.stdout
    assert mended.exit_code == 0
    assert publisher.writes() == []  # Grafana's is the right one already
    (publisher.data / "grafana.password").unlink()
    assert publisher().exit_code == 0
    assert publisher.writes() == ["PUT /api/datasources/uid/sanihub"]


def test_a_password_of_the_settings_and_a_role_of_somebody_else(publisher: Publisher, role: str, store: str) -> None:
    with psycopg.connect(store, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'theirs'").format(sql.Identifier(role)))
    refused = publisher()
    assert isinstance(refused.exception, ConfigError)
    assert "set grafana.database.make_role = false" in str(refused.exception)
    theirs = {"SANIHUB_GRAFANA__DATABASE__MAKE_ROLE": "false"}
    wrong = publisher(**theirs, SANIHUB_GRAFANA__DATABASE__PASSWORD="wrong")
    assert "cannot log in with grafana.database.password" in str(wrong.exception)
    assert publisher.grafana.lines(writes=True) == []
    done = publisher(**theirs, SANIHUB_GRAFANA__DATABASE__PASSWORD="theirs")
    assert done.exit_code == 0, done.exception
    assert publisher.grafana.org.secrets["sanihub"] == {"password": "theirs"}
    assert not (publisher.data / "grafana.password").exists()


def test_a_database_that_grafana_does_not_reach_is_told_after_all_is_there(publisher: Publisher) -> None:
    done = publisher("--database-host", "127.0.0.1", "--database-port", "1")
    assert done.exit_code == 1
    assert "Grafana does not reach the database: connection" in done.stderr
    assert "grafana.database.host" in done.stderr
    assert len(publisher.grafana.org.boards) == len(wanted_boards(GrafanaSection()))


def test_links_lead_to_the_live_board_that_is_named(publisher: Publisher) -> None:
    publisher("--board-address", "https://hub.example")
    assert "https://hub.example" in repr(publisher.grafana.org.boards)
    publisher.writes()
    publisher("--board-address", "https://other.example")
    assert set(publisher.writes()) == {"POST /api/dashboards/db"}
    assert "https://hub.example" not in repr(publisher.grafana.org.boards)


def test_a_failure_in_the_middle_is_completed_by_a_second_run(publisher: Publisher) -> None:
    publisher.grafana.faults["POST /api/folders"] = [(500, {"message": "disk full"})]
    failed = publisher()
    assert isinstance(failed.exception, TransientError)
    assert "500 (disk full)" in str(failed.exception)
    assert publisher().exit_code == 0
    assert len(publisher.grafana.org.boards) == len(wanted_boards(GrafanaSection()))


def test_a_wrong_token_is_told_before_anything_is_done(publisher: Publisher, store: str, role: str) -> None:
    publisher.grafana.token = "other"
    refused = publisher()
    assert isinstance(refused.exception, SanihubError)
    assert "401" in str(refused.exception)
    assert TOKEN not in str(refused.exception)
    with psycopg.connect(store) as connection:
        assert connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None


def test_the_token_from_a_file_and_an_organisation(publisher: Publisher, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    done = publisher("--token-file", file, "--org", 2, SANIHUB_GRAFANA__TOKEN="wrong")
    assert done.exit_code == 0, done.exception
    assert publisher.grafana.organisations[2].boards
    assert not publisher.grafana.org.boards


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        ((), {"SANIHUB_GRAFANA__URL": ""}, "grafana.url: expected the address of Grafana"),
        ((), {"SANIHUB_GRAFANA__TOKEN": ""}, "grafana.token: expected the token of a service account"),
        (("--lang", "fr"), {}, "grafana.language: Input should be 'zh', 'en' or 'both'"),
        (("--url", "grafana:3000"), {}, "grafana.url"),
        (("--token-file", "/nowhere"), {}, "grafana.token_file: /nowhere: No such file"),
        (("--ca", "/nowhere"), {}, "grafana.ca: /nowhere: no such file"),
        (("--ca", "/nowhere", "--insecure"), {}, "grafana: Value error, ca: it says whom to trust"),
        ((), {"SANIHUB_GRAFANA__TOKEN": "two words"}, "expected one word"),
        ((), {"SANIHUB_GRAFANA__DATABASE__MAKE_ROLE": "false"}, "the password of the role must be given"),
        ((), {"SANIHUB_GRAFANA__SOURCE_UID": "a b"}, "grafana.source_uid"),
    ],
)
def test_settings_that_are_wrong_are_named(
    publisher: Publisher, options: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    refused = publisher(*options, **environment)
    assert isinstance(refused.exception, ConfigError), refused.exception
    assert said in str(refused.exception)
    assert publisher.grafana.requests == []


def test_nobody_there(publisher: Publisher) -> None:
    away = publisher("--url", "http://127.0.0.1:1")
    assert isinstance(away.exception, TransientError)
    assert "cannot be reached" in str(away.exception)


def test_a_grafana_that_is_old_is_warned_of(publisher: Publisher) -> None:
    publisher.grafana.version = "10.4.2"
    assert "older than what the boards are made for (11)" in publisher("--dry-run").stderr


def test_secrets_do_not_show_in_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANIHUB_GRAFANA__TOKEN", TOKEN)
    monkeypatch.setenv("SANIHUB_GRAFANA__DATABASE__PASSWORD", "hidden-word")
    shown = repr(load())
    assert TOKEN not in shown
    assert "hidden-word" not in shown
