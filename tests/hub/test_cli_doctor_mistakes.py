"""The ten mistakes of docs/doctor.md, each made for real: the doctor's line, its advice, and its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from devices.metrics import Catalogue
from store.embedded.postgres import PostgresCluster
from store.telemetry.writer import PostgresStore
from tests.certificates import self_signed
from tests.hub.cli_runner import invoke
from tests.hub.test_cli_doctor import broker_section, look, settings_file

PAGE = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text("utf-8")


class _Shaker(threading.Thread):
    """Shakes hands once, as a TLS server does."""

    def __init__(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(daemon=True)
        self._listener, self._context = listener, context
        self.start()

    def run(self) -> None:
        peer, _ = self._listener.accept()
        with contextlib.suppress(OSError), peer:
            self._context.wrap_socket(peer, server_side=True).close()


@pytest.fixture(scope="module")
def dsn(postgres_module_dsn: str) -> str:
    async def migrate() -> None:
        store = PostgresStore(postgres_module_dsn, catalogue=Catalogue())
        await store.open()
        await store.close()

    asyncio.run(migrate())
    return postgres_module_dsn


@pytest.fixture
def stranger(dsn: str) -> Iterator[str]:
    """The DSN of somebody whom the server lets in and who owns nothing, with the password ``right``."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE stranger LOGIN PASSWORD 'right'")
        address = psycopg.conninfo.conninfo_to_dict(dsn)
        yield f"postgresql://stranger:right@{address['host']}:{address['port']}/{address['dbname']}"
        connection.execute("DROP OWNED BY stranger; DROP ROLE stranger")


def test_1_a_setting_is_misspelt(open_folder: Path) -> None:
    file = settings_file(open_folder, "[api]\nprot = 8080\n[stor]\ndsn = 'x'\n[intake]\nspool_mib = 'much'\n")
    found = look("--config", file, code=1)["settings"]
    assert f"{file}: api.prot: no such setting; did you mean port?" in found["detail"]
    assert f"{file}: stor: no such setting; did you mean store?" in found["detail"]
    assert f"{file}: intake.spool_mib: expected a whole number" in found["detail"]
    unquoted = settings_file(open_folder, "[store]\ndsn = postgresql://x\n")
    assert (
        "not TOML: Invalid value (at line 2, column 7); text stands in quotes"
        in look("--config", unquoted, code=1)["settings"]["detail"]
    )
    missing = look("--config", open_folder / "nowhere.toml", code=1)["settings"]
    assert "no such file; deploy/sanihub.example.toml of the project is one to copy" in missing["detail"]
    assert (
        "SANIHUB_STOR__DSN names no setting"
        in look("--data", open_folder / "d", code=0, SANIHUB_STOR__DSN="x")["environment"]["detail"]
    )


@pytest.mark.parametrize(
    ("part", "value", "advice"),
    [
        ("user", "nobody", "nobody"),  # whom a server with passwords does not tell from a wrong password
        ("dbname", "other", "on the server, as postgres: createdb --owner sanihub other"),
        ("host", "nowhere.invalid", "no such host: check the host in store.dsn"),
    ],
)
def test_2_the_database_is_not_there(dsn: str, open_folder: Path, part: str, value: str, advice: str) -> None:
    address = psycopg.conninfo.make_conninfo(dsn, **{part: value})
    found = look("--data", open_folder, dsn=address, code=1)["store"]
    assert (found["state"], advice in found["advice"]) == ("fail", True), found


def test_2_its_password_is_wrong_or_nothing_listens(stranger: str, open_folder: Path) -> None:
    wrong = look("--data", open_folder, dsn=stranger.replace(":right@", ":wrong@"), code=1)["store"]
    assert wrong["advice"] == "the password of stranger in store.dsn is another one than the server's"
    away = look("--data", open_folder, dsn="postgresql://u:p@127.0.0.1:1/x", code=1)["store"]
    assert "nothing listens there" in away["advice"]
    assert "write it as postgresql://" in look("--data", open_folder, dsn="localhost:5432", code=1)["store"]["advice"]


def test_3_the_user_of_the_database_has_no_rights(stranger: str, dsn: str, open_folder: Path) -> None:
    found = look("--data", open_folder, dsn=stranger, code=1)["store"]
    assert "permission denied for table schema_migrations" in found["detail"]
    assert "the tables are another user's" in found["advice"]
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"{name}_bare")))
        try:
            found = look("--data", open_folder, dsn=f"{stranger}_bare", code=1)["rights"]
            assert (found["state"], found["detail"]) == ("fail", "stranger may not make tables in schema public")
            advice = found["advice"].partition(": ")[2]
            assert advice == f"ALTER DATABASE {name}_bare OWNER TO stranger"
            connection.execute(advice.encode())
            assert look("--data", open_folder, dsn=f"{stranger}_bare")["rights"]["state"] == "ok"
        finally:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(f"{name}_bare")))


def test_4_passwords_lie_open(open_folder: Path) -> None:
    cluster = PostgresCluster(open_folder / "data")
    (open_folder / "data").mkdir(mode=0o755)
    cluster.prepare()
    password = open_folder / "data/postgres/password"
    password.chmod(0o644)
    found = look("--data", open_folder / "data", code=1)["data folder"]
    assert (found["state"], found["advice"].partition(";")[0]) == ("fail", f"chmod 600 {password}")
    file = settings_file(open_folder, '[[mqtt]]\nname = "a"\nport = 1\nusername = "u"\npassword = "opensesame"\n')
    file.chmod(0o644)
    found = look("--config", file, "--data", open_folder / "other", code=1)["settings"]
    assert (found["state"], "chmod 640" in found["advice"]) == ("warn", True)
    file.chmod(0o640)
    assert look("--config", file, "--data", open_folder / "other", code=1)["settings"]["state"] == "ok"


def test_4_the_disk_of_the_data_folder_is_full(open_folder: Path) -> None:
    found = look("--data", open_folder / "data", SANIHUB_INTAKE__SPOOL_MIB=str(2**30))["data folder"]
    assert (found["state"], "make room" in found["advice"]) == ("warn", True)


def test_5_a_port_is_taken(open_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        file = settings_file(open_folder, f'[[jt808]]\nname = "trucks"\nport = {port}\n')
        found = look("--config", file, "--data", open_folder / "data", code=1)
        assert found["jt808 trucks"]["detail"] == f"127.0.0.1:{port} is taken by another program"
        assert "choose another jt808.port" in found["jt808 trucks"]["advice"]
    assert look("--config", file, "--data", open_folder / "data", code=0)["jt808 trucks"]["state"] == "ok"


def test_6_the_broker_does_not_let_the_hub_in(mosquitto, open_folder: Path) -> None:
    guarded, secure = mosquitto(username="fleet", password="right"), mosquitto(tls=True)
    more = broker_section(guarded, "locked") + broker_section(secure, "unknown", "[mqtt.tls]")
    more += broker_section(guarded, "plain", "[mqtt.tls]")
    more += '[[mqtt]]\nname = "nowhere"\nhost = "nowhere.invalid"\n[[mqtt]]\nname = "nobody"\nport = 1\n'
    file = settings_file(open_folder, more)
    found = look("--config", file, "--data", open_folder / "data", code=1)
    advice = {name: found[f"MQTT {name}"]["advice"] for name in ("locked", "unknown", "plain", "nowhere", "nobody")}
    assert "check username and password of the connection locked" in advice["locked"]
    assert "name the authority that signed the broker's certificate in tls.ca of unknown" in advice["unknown"]
    assert "where it speaks no TLS at this port (1883), take [mqtt.tls] out" in advice["plain"]
    assert "no such host: check host of nowhere" in advice["nowhere"]
    assert "nothing listens there" in advice["nobody"]


def test_6_its_certificate_is_over(open_folder: Path) -> None:
    now = datetime.now(UTC)
    old = self_signed(open_folder, now - timedelta(days=100), now - timedelta(days=1))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(old.certificate, old.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        shaker = _Shaker(listener, context)
        section = f'[[mqtt]]\nname = "old"\nhost = "localhost"\nport = {listener.getsockname()[1]}\n'
        file = settings_file(open_folder, f'{section}[mqtt.tls]\nca = "{old.certificate}"\n')
        found = look("--config", file, "--data", open_folder / "data", code=1)["MQTT old"]
        shaker.join(10)
    assert "the broker's certificate is over: renew it there" in found["advice"], found


def test_7_mosquitto_has_its_defaults(mosquitto, open_folder: Path) -> None:
    broker = mosquitto()  # twenty in flight, no persistence
    file = settings_file(open_folder, broker_section(broker))
    found = look("--config", file, "--data", open_folder / "data", code=0)["MQTT main"]
    assert found["state"] == "warn"
    assert "max_inflight_messages 1000, persistence true" in found["advice"]
    assert "is forgotten when mosquitto restarts" in found["detail"]
    good = mosquitto(max_inflight_messages=1000, persistence=True)
    file = settings_file(open_folder, broker_section(good))
    assert look("--config", file, "--data", open_folder / "data", code=0)["MQTT main"]["state"] == "ok"


def heard(dsn: str, ahead: timedelta) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM devices")
        row = connection.execute(
            "INSERT INTO devices (id, kind, status) VALUES ('bin-1', 'bin', 'active') RETURNING key"
        ).fetchone()
        assert row
        connection.execute(
            "INSERT INTO device_state (device_key, received_at) VALUES (%s, %s)", (row[0], datetime.now(UTC) + ahead)
        )


def test_8_the_clock_was_put_back(dsn: str, open_folder: Path) -> None:
    heard(dsn, timedelta(hours=3))
    found = look("--data", open_folder, dsn=dsn, code=1)
    result = invoke("doctor", "--data", open_folder, dsn=dsn, SANIHUB_API__PORT="0")
    assert result.exit_code == 1
    assert found["clock"] == {
        "check": "clock",
        "state": "fail",
        "detail": "the newest message in the store came 3 h after now",
        "advice": found["clock"]["advice"],
    }
    assert "chrony" in found["clock"]["advice"]


def test_9_nothing_is_heard_or_all_is_refused(dsn: str, open_folder: Path) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM devices")
    found = look("--data", open_folder, dsn=dsn)
    assert (found["devices"]["state"], found["dead letters"]["state"]) == ("warn", "ok")
    assert "devices publish to sanihub/v1/<device>/telemetry" in found["devices"]["advice"]
    heard(dsn, timedelta(hours=-5))
    assert "1 of 1 were heard, the last one 5 h ago" in look("--data", open_folder, dsn=dsn)["devices"]["detail"]
    heard(dsn, timedelta())
    with psycopg.connect(dsn, autocommit=True) as connection:
        letter = (
            "INSERT INTO dead_letters (received_at, adapter, source, channel, code, reason, device_id, size, digest,"
            " replayable) SELECT now(), 'mqtt-json', 'city', 'c', %s, %s, 'bin-2', 9, 'x', true"
            " FROM generate_series(1, %s)"
        )
        connection.execute(letter, ("malformed", "payload: not JSON: expecting a value (character 0)", 3))
        connection.execute(letter, ("invalid", "readings.fill: unknown metric", 40))
    found = look("--data", open_folder, dsn=dsn)
    assert found["devices"]["state"] == "ok"
    assert found["dead letters"]["state"] == "warn"
    detail = "43 of the last day, 40 alike, the newest from bin-2: readings.fill: unknown metric"
    assert found["dead letters"]["detail"] == detail
    assert "sanihub dead-letters list" in found["dead letters"]["advice"]


def test_10_others_can_reach_the_hub(open_folder: Path) -> None:
    found = look("--data", open_folder / "data", code=0, SANIHUB_API__HOST="0.0.0.0")
    assert (found["exposure"]["state"], "a reverse proxy with TLS" in found["exposure"]["advice"]) == ("warn", True)


def test_also_a_chinese_map_whose_datum_is_not_named(open_folder: Path) -> None:
    tiles = "[api.board]\ntiles_url = 'https://webrd01.is.autonavi.com/appmaptile?x={x}&y={y}&z={z}'\n"
    file = settings_file(open_folder, tiles)
    found = look("--config", file, "--data", open_folder / "data", code=0)["map tiles"]
    assert (found["state"], 'tiles_datum = "gcj02"' in found["advice"]) == ("warn", True)
    file = settings_file(open_folder, tiles + "tiles_datum = 'gcj02'\n")
    assert look("--config", file, "--data", open_folder / "data", code=0)["map tiles"]["state"] == "ok"


def test_the_page_names_ten_with_their_checks() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 11))
