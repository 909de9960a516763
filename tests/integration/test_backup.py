"""Back-ups: taken while a hub takes posts, restored into a fresh folder, and refused where they cannot be trusted."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from devices.errors import ConfigError
from store.embedded.postgres import DATABASE, ROLE
from store.embedded.vacancy import choose_port
from tests.access_keys import make_key
from tests.hub.cli_runner import invoke
from tests.hubs import HubProcess
from tests.mqtt_clients import empty_session, open_session, publish
from tests.servers import DEADLINE_S, NatsServer, running, temporary_folder, wait_until

BASE_MS = time.time_ns() // 1_000_000 - 3_600_000  # within the last hour: the clock of devices is believed


def command(*argv: object) -> subprocess.CompletedProcess[str]:
    """Run `sanihub`; its end is the caller's to judge."""
    return subprocess.run(
        [sys.executable, "-m", "hub.cli", *map(str, argv)],
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "SANIHUB_API__PORT": "0"},
        capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip


def embedded_dsn(data: Path) -> str:
    port = (data / "postgres" / "port").read_text().strip()
    password = (data / "postgres" / "password").read_text().strip()
    return f"postgresql://{ROLE}:{password}@127.0.0.1:{port}/{DATABASE}"


class Poster:
    """Devices that post without a pause; what was acknowledged is remembered by number."""

    def __init__(self, url: str, key: str) -> None:
        self.acknowledged: list[int] = []
        self.fault = ""
        self._url, self._key, self._ended = url, key, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        with httpx.Client(headers={"Authorization": f"Bearer {self._key}"}, timeout=30) as client:
            while not self._ended.is_set():
                answer = client.post(f"{self._url}/api/v1/telemetry", json=message(number))
                if answer.status_code != 200:
                    self.fault = answer.text
                    return
                self.acknowledged.append(number)
                number += 1

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        assert not self.fault


def message(number: int) -> dict[str, Any]:
    """A message whose reading tells its number."""
    return {"device": f"bin-{number % 7:04}", "ts": BASE_MS + number, "readings": {"battery_v": number / 10_000}}


def stored(dsn: str) -> list[int]:
    """The numbers of all readings, each as often as it is there."""
    query = (
        "SELECT round(r.value * 10000)::int FROM readings r JOIN metrics m ON m.key = r.metric_key WHERE m.name = %s"
    )
    with psycopg.connect(dsn) as connection:
        return sorted(row[0] for row in connection.execute(query, ("battery_v",)))


class Backed:
    """A hub that ran, and the back-up that was taken of it meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        hub = HubProcess(folder, "", f"[broker]\nport = {choose_port('127.0.0.1', folder / 'mqtt')}")
        self.data = folder / "data"
        hub.start()
        try:
            wait_until(lambda: hub.text().count("The first administrator"), "the hub has all of its tables")
            self.key = make_key(embedded_dsn(self.data), "admin")
            (self.data / "secret").write_bytes(b"s" * 32)
            poster = Poster(hub.url, self.key)
            try:
                wait_until(lambda: len(poster.acknowledged) >= 300 or poster.fault, "300 posts are acknowledged")
                self.before = list(poster.acknowledged)
                told = command("store", "backup", folder / "backups", "--json", "--data", self.data)
                assert told.returncode == 0, told.stderr
                self.told = json.loads(told.stdout)
                after = len(poster.acknowledged)
                wait_until(lambda: len(poster.acknowledged) > after or poster.fault, "the hub goes on taking posts")
            finally:
                poster.end()
            self.all = list(poster.acknowledged)
        finally:
            assert hub.stop() == 0
        self.backup = Path(self.told["backup"])

    def restored(self, name: str) -> Path:
        """A new data folder with the back-up in it."""
        told = command("store", "restore", self.backup, "--data", self.folder / name)
        assert told.returncode == 0, told.stderr
        return self.folder / name


@pytest.fixture(scope="module")
def backed() -> Iterator[Backed]:
    with temporary_folder() as folder:
        yield Backed(folder)


def test_what_was_acknowledged_before_is_there_once_and_the_hub_goes_on(backed: Backed) -> None:
    assert len(backed.all) > len(backed.before)  # it was taken in the middle
    data = backed.restored("fresh")
    examined = command("doctor", "--data", data, "--json")
    assert examined.returncode == 0, examined.stdout
    again = backed.folder / "again"
    again.mkdir(mode=0o755)
    hub = HubProcess(again, "", f"[broker]\nport = {choose_port('127.0.0.1', again / 'mqtt')}")
    data.rename(again / "data")
    hub.start()
    try:
        wait_until(lambda: httpx.get(f"{hub.url}/readyz", timeout=30).status_code == 200, "the restored hub is ready")
        dsn = embedded_dsn(again / "data")
        found = stored(dsn)
        assert len(found) == len(set(found)) == backed.told["manifest"]["rows"]["readings"]
        assert set(backed.before) <= set(found) <= set(backed.all)
        headers = {"Authorization": f"Bearer {backed.key}"}
        for start in range(0, len(backed.all), 500):  # they are sent again: what is there is told from what is not
            body = [message(number) for number in backed.all[start : start + 500]]
            answer = httpx.post(f"{hub.url}/api/v1/telemetry", json=body, headers=headers, timeout=30)
            assert answer.status_code == 200
        assert stored(dsn) == backed.all
    finally:
        assert hub.stop() == 0


def test_it_is_for_its_owner_alone_and_says_what_it_holds(backed: Backed) -> None:
    held = {path.name for path in backed.backup.iterdir()}
    assert held == {"database.dump", "manifest.json", "secret", *({"spool.tar"} & held)}
    assert {stat.S_IMODE(path.stat().st_mode) for path in backed.backup.iterdir()} == {0o600}
    assert stat.S_IMODE(backed.backup.stat().st_mode) == 0o700
    manifest = json.loads((backed.backup / "manifest.json").read_text())
    assert manifest == backed.told["manifest"]
    assert (manifest["mode"], manifest["broker"]) == ("plain", "left out")
    assert not list(backed.backup.parent.glob(".*"))  # no draft is left
    checked = invoke("store", "restore", backed.backup, "--check")
    assert (checked.exit_code, "is whole" in checked.stdout) == (0, True)


def test_a_damaged_or_foreign_one_is_refused(backed: Backed) -> None:
    broken = backed.folder / "broken"
    shutil.copytree(backed.backup, broken)

    def refused() -> str:
        told = invoke("store", "restore", broken, "--data", backed.folder / "never")
        assert isinstance(told.exception, ConfigError)
        assert not (backed.folder / "never").exists()
        return str(told.exception)

    dump = broken / "database.dump"
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.write_bytes(content)
    assert "database.dump is damaged" in refused()
    dump.write_bytes(content[:-1])
    assert "database.dump has" in refused()
    dump.unlink()
    assert "database.dump is missing" in refused()
    manifest = json.loads((broken / "manifest.json").read_text())
    shutil.copy(backed.backup / "database.dump", dump)
    (broken / "manifest.json").write_text(json.dumps(manifest | {"migrations": [*manifest["migrations"], "9999_new"]}))
    assert "which is newer: its schema has 9999_new" in refused()
    (broken / "manifest.json").write_text(json.dumps(manifest | {"format": 7}))
    assert "format 7, expected 1" in refused()
    (broken / "manifest.json").write_text("{")
    assert "is damaged" in refused()
    (broken / "manifest.json").unlink()
    assert "is no back-up" in refused()


def test_only_what_is_empty_is_restored_into(backed: Backed, postgres_dsn: str) -> None:
    assert "is not empty: it has secret" in str(
        invoke("store", "restore", backed.backup, "--data", backed.data).exception
    )
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE somebodys (x int)")
    toml = backed.folder / "own.toml"
    toml.write_text(f'data = "{backed.folder / "own"}"\n[store]\ndsn = "{postgres_dsn}"\n')
    told = invoke("store", "restore", backed.backup, "--config", toml)
    assert "the database is not empty (it has somebodys ...)" in str(told.exception)


def test_a_server_of_ones_own_and_old_ones_that_go(backed: Backed, postgres_dsn: str) -> None:
    toml = backed.folder / "server.toml"
    toml.write_text(
        f'data = "{backed.folder / "server"}"\n[broker]\nenabled = false\n[store]\ndsn = "{postgres_dsn}"\n'
    )
    told = invoke("store", "restore", backed.backup, "--config", toml)
    assert told.exit_code == 0, told.exception
    assert set(backed.before) <= set(stored(postgres_dsn))
    assert (backed.folder / "server" / "secret").read_bytes() == b"s" * 32
    backups = backed.folder / "several"
    for day in (1, 2, 3):
        shutil.copytree(backed.backup, backups / f"sanihub-2026010{day}T000000Z")
    (backups / "sanihub-20260104T000000Z").mkdir()  # no manifest: not a whole one, and not ours to remove
    told = invoke("store", "backup", backups, "--keep", 2, "--config", toml)
    assert told.exit_code == 0, told.exception
    assert postgres_dsn not in told.output
    left = sorted(path.name for path in backups.iterdir())
    assert left[:2] == ["sanihub-20260103T000000Z", "sanihub-20260104T000000Z"]
    assert len(left) == 3


def test_a_back_up_has_a_place_of_its_own(backed: Backed) -> None:
    told = invoke("store", "backup", backed.folder / "x", "--data", backed.folder / "nothing")
    assert "holds no data yet" in str(told.exception)
    told = invoke("store", "backup", backed.data / "backups", "--data", backed.data)
    assert "lies in the data folder itself" in str(told.exception)


def test_what_waits_in_a_broker_that_stands_still_comes_along(backed: Backed) -> None:
    """100 messages that the broker acknowledged and nobody has taken yet: the queue of a hub that is stopped."""
    messages = [str(number) for number in range(100)]
    with running(NatsServer(backed.data)) as broker:
        open_session(broker, "absent", "waiting/#")
        assert publish(broker, "waiting/x", messages)
    told = command("store", "backup", backed.folder / "still", "--json", "--data", backed.data)
    assert told.returncode == 0, told.stderr
    made = json.loads(told.stdout)
    assert made["manifest"]["broker"] == "saved"
    data = backed.folder / "with-broker"
    put = command("store", "restore", made["backup"], "--data", data)
    assert put.returncode == 0, put.stderr
    with running(NatsServer(data)) as broker:
        assert sorted(empty_session(broker, "absent", "waiting/#", 100)) == sorted(messages)
