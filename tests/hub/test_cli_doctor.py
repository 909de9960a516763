from __future__ import annotations

import asyncio
import http.server
import json
import socket
import threading
from typing import Any

import psycopg
import pytest

from devices.metrics import Catalogue
from store.telemetry.writer import PostgresStore
from tests.hub.cli_runner import invoke, write


def look(*argv: object, code: int | None = None, dsn: str | None = None, **env: str) -> dict[str, dict[str, Any]]:
    """The findings by check."""
    env.setdefault("SANIHUB_API__PORT", "0")
    result = invoke("doctor", "--json", *argv, dsn=dsn, **env)
    told = json.loads(result.stdout)
    failed = any(finding["state"] == "fail" for finding in told["checks"])
    assert (result.exit_code, told["ok"]) == (int(failed), not failed)
    if code is not None:
        assert result.exit_code == code, told
    return {finding["check"]: finding for finding in told["checks"]}


def settings_file(folder, text: str):
    return write(folder / "sanihub.toml", text)


def broker_section(broker, name: str = "main", more: str = "") -> str:
    host, port = broker.address
    return f'[[mqtt]]\nname = "{name}"\nhost = "{host}"\nport = {port}\n{more}\n'


@pytest.fixture
def migrated(postgres_dsn):
    async def migrate() -> None:
        store = PostgresStore(postgres_dsn, catalogue=Catalogue())
        await store.open()
        await store.close()

    asyncio.run(migrate())
    return postgres_dsn


def test_a_machine_without_data_yet(open_folder):
    found = look("--data", open_folder / "data", code=0)
    assert {finding["state"] for finding in found.values()} == {"ok"}
    assert "made at the first start" in found["data folder"]["detail"]
    assert "PostgreSQL" in found["embedded PostgreSQL"]["detail"]
    assert "nats-server" in found["embedded MQTT broker"]["detail"]
    assert not (open_folder / "data").exists()


def test_a_server_of_ones_own(migrated, nats_broker, open_folder):
    file = settings_file(open_folder, broker_section(nats_broker))
    found = look("--config", file, "--data", open_folder, dsn=migrated)
    assert found["store"]["state"] == "ok"
    assert "PostgreSQL 1" in found["store"]["detail"]
    assert migrated.rpartition(":")[0].rpartition(":")[2].partition("@")[0] not in json.dumps(found)  # the password
    assert (found["mode"]["state"], found["mode"]["detail"]) == ("ok", "plain")
    assert "up to date, partitions for" in found["schema"]["detail"]
    assert found["clock"]["state"] == "ok"
    assert found["MQTT main"]["state"] == "ok"
    # The servers of the tests run without fsync, as no server of a hub should.
    assert (found["durability"]["state"], found["durability"]["detail"]) == ("fail", "fsync, full_page_writes off")
    assert "ALTER SYSTEM" in found["durability"]["advice"]


def test_looking_changes_nothing(postgres_dsn, open_folder):
    found = look("--data", open_folder, dsn=postgres_dsn)
    assert found["schema"]["state"] == "warn"
    assert "migrations to come: 0001_devices" in found["schema"]["detail"]
    with psycopg.connect(postgres_dsn) as connection:
        assert connection.execute("SELECT to_regclass('schema_migrations')").fetchone() == (None,)


def test_a_store_that_is_away_or_read_only(postgres_dsn, open_folder):
    found = look("--data", open_folder, dsn="postgresql://u:secret@127.0.0.1:1/x", code=1)
    assert found["store"]["state"] == "fail"
    assert "secret" not in json.dumps(found)
    found = look("--data", open_folder, dsn=postgres_dsn + "?options=-c%20default_transaction_read_only%3Don", code=1)
    assert "read-only" in found["store"]["detail"]


def test_a_mode_that_cannot_be(migrated, open_folder):
    found = look("--data", open_folder, dsn=migrated, code=1, SANIHUB_STORE__MODE="timescale")
    assert "made in plain mode" in found["mode"]["detail"]


def test_partitions_that_nobody_made(migrated, open_folder):
    with psycopg.connect(migrated, autocommit=True) as connection:
        query = "SELECT relname FROM pg_class WHERE relname LIKE 'fixes_p%' AND relkind = 'r'"
        for (name,) in connection.execute(query).fetchall():
            connection.execute(f"DROP TABLE {name}")
    found = look("--data", open_folder, dsn=migrated)
    assert (found["schema"]["state"], "no partitions ahead" in found["schema"]["detail"]) == ("warn", True)


def test_brokers(mosquitto, nats_broker, open_folder):
    guarded = mosquitto(username="fleet", password="right", persistence=True)
    closed = mosquitto()
    closed.stop()
    secure = mosquitto(tls=True)
    file = settings_file(
        open_folder,
        broker_section(guarded, "good", 'username = "fleet"\npassword = "right"')
        + broker_section(guarded, "five", 'version = "5"\nusername = "fleet"\npassword = "right"')
        + broker_section(guarded, "wrong", 'username = "fleet"\npassword = "no"')
        + broker_section(closed, "away")
        + broker_section(secure, "tls", f'[mqtt.tls]\nca = "{secure.ca_file}"')
        + broker_section(secure, "doubtful", "[mqtt.tls]"),
    )
    found = look("--config", file, "--data", open_folder / "data", code=1)
    states = {name: found[f"MQTT {name}"]["state"] for name in ("good", "five", "wrong", "away", "tls", "doubtful")}
    assert states == {"good": "warn", "five": "ok", "wrong": "fail", "away": "fail", "tls": "warn", "doubtful": "fail"}
    assert "max_inflight_messages" in found["MQTT good"]["advice"]
    assert "username and password" in found["MQTT wrong"]["advice"]
    assert "that the broker runs" in found["MQTT away"]["advice"]
    assert "tls.ca" in found["MQTT doubtful"]["advice"]


def test_the_port_of_the_api(open_folder):
    class Alive(http.server.BaseHTTPRequestHandler):
        body = b'{"status": "alive", "version": "1.2"}'

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Alive) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = str(server.server_port)
        found = look("--data", open_folder / "data", code=0, SANIHUB_API__PORT=port)
        assert "held by a hub, version 1.2" in found["API port"]["detail"]
        Alive.body = b"hello"
        found = look("--data", open_folder / "data", code=1, SANIHUB_API__PORT=port)
        assert "another program" in found["API port"]["detail"]
        server.shutdown()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    assert "is free" in look("--data", open_folder / "data", SANIHUB_API__PORT=port)["API port"]["detail"]


def test_what_others_can_reach(open_folder):
    found = look("--data", open_folder / "data", SANIHUB_API__HOST="0.0.0.0", SANIHUB_BROKER__HOST="0.0.0.0")
    assert found["exposure"]["state"] == "warn"
    assert "the API on 0.0.0.0 and the MQTT broker on 0.0.0.0" in found["exposure"]["detail"]


def test_settings_that_are_wrong_and_variables_that_are_none(open_folder):
    file = settings_file(open_folder, '[store]\npartition_days = "many"\n')
    found = look("--config", file, code=1, SANIHUB_STOR__DSN="x")
    assert "partition_days" in found["settings"]["detail"]
    assert found["environment"]["detail"] == "SANIHUB_STOR__DSN names no setting and is ignored"
    assert set(found) == {"settings", "environment", "time zones"}


def test_a_data_folder_that_is_a_file(open_folder):
    (open_folder / "data").write_text("")
    found = look("--data", open_folder / "data", code=1)
    assert "is no folder" in found["data folder"]["detail"]


def test_for_people(open_folder):
    result = invoke("doctor", "--data", open_folder / "data", SANIHUB_API__PORT="0")
    assert result.exit_code == 0
    assert "time zones" in result.stdout
