"""The command line as people use it: processes, pipes, signals and a hub that runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import psycopg
import pytest

from store.embedded.vacancy import choose_port

SANIHUB = Path(sys.executable).with_name("sanihub")


def environment(**more: str) -> dict[str, str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("SANIHUB_")}
    return bare | {"COLUMNS": "200", **more}


def sanihub(*argv: object, **env: str) -> subprocess.CompletedProcess[str]:
    command = [str(SANIHUB), *(str(part) for part in argv)]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment(**env), timeout=120)


@contextlib.contextmanager
def started(log: Path, *argv: object, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command in the background, its output in a file; ended hard if it did not end by itself."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [SANIHUB, *(str(part) for part in argv)], stdout=output, stderr=output, env=environment(**env)
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def json_lines(result: subprocess.CompletedProcess[str]) -> list[Any]:
    assert (result.returncode, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


async def publish(port: int, topic: str, payload: str) -> None:
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V311) as client:
        await client.publish(topic, payload, qos=1)


def test_commands_beside_a_running_hub(open_folder: Path, eventually: Callable[..., None]) -> None:
    """A stranger speaks, its words are kept; a person registers it, replays, and brings in its history."""
    data = ("--data", open_folder / "data")
    web, mqtt = (choose_port("127.0.0.1", open_folder / name) for name in ("web", "mqtt"))
    settings = {
        "SANIHUB_INTAKE__UNKNOWN": "quarantine",
        "SANIHUB_API__PORT": str(web),
        "SANIHUB_BROKER__PORT": str(mqtt),
    }
    log = open_folder / "serve.log"
    with started(log, "serve", *data, **settings) as hub:
        eventually(lambda: b"mqtt_connected" in log.read_bytes() or hub.poll() is not None, "the hub is subscribed")
        asyncio.run(publish(mqtt, "sanihub/v1/bin-1/telemetry", '{"readings": {"fill_pct": 71}}'))
        listed: list[Any] = []

        def kept() -> bool:
            listed[:] = json_lines(sanihub("dead-letters", "list", "--json", *data, **settings))
            return bool(listed)

        eventually(kept, "the letter is kept")
        assert [letter["code"] for letter in listed] == ["unknown_device"]
        devices = open_folder / "devices.yaml"
        devices.write_text("- {id: bin-1, kind: bin, name: 人民路}\n", encoding="utf-8")
        history = open_folder / "october.csv"
        history.write_text("device,time,fill_pct\nbin-1,2026-10-01 08:00:00,10\n")
        imported = sanihub("import", history, devices, "--zone", "Asia/Shanghai", *data, **settings)
        assert (imported.returncode, imported.stderr) == (0, "")
        replayed = sanihub("dead-letters", "replay", *data, **settings)
        assert replayed.returncode == 0
        assert json_lines(sanihub("dead-letters", "list", "--json", *data, **settings)) == []
        checks = json.loads(sanihub("doctor", "--json", *data, **settings).stdout)["checks"]
        found = {check["check"]: check for check in checks}
        assert {check["state"] for check in checks} == {"ok"}, found
        assert "held by a hub" in found["API port"]["detail"]
        assert "connected" in found["MQTT embedded"]["detail"]
        hub.send_signal(signal.SIGINT)
        assert hub.wait(60) == 0
    # The same commands start the database alone once the hub is gone.
    closed = json_lines(sanihub("dead-letters", "list", "--all", "--json", *data, **settings))
    assert [letter["outcome"] for letter in closed] == ["filed 1 row"]


def test_a_pipe_that_is_closed_early(tmp_path: Path) -> None:
    capture = tmp_path / "capture.txt"
    capture.write_text('{"readings": {"fill_pct": 71}}\n' * 20_000)
    decode = subprocess.Popen(
        [SANIHUB, "decode", "mqtt-json", capture], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    assert decode.stdout is not None
    assert json.loads(decode.stdout.readline())["ok"] is True
    decode.stdout.close()
    _, errors = decode.communicate(timeout=60)
    assert (decode.returncode, errors) == (0, b"")


def test_decode_answers_while_its_source_goes_on() -> None:
    with subprocess.Popen(
        [SANIHUB, "decode", "mqtt-json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    ) as decode:
        assert decode.stdin is not None
        assert decode.stdout is not None
        for payload in (b'{"readings": {"fill_pct": 1}}\n', b"\xff\n"):
            decode.stdin.write(payload)
            decode.stdin.flush()
            assert "ok" in json.loads(decode.stdout.readline())
        decode.stdin.close()
        assert decode.wait(60) == 0


def test_ctrl_c_ends_a_simulation_with_its_summary(
    nats_broker: Any, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    host, port = nats_broker.address
    log = tmp_path / "simulate.log"
    with started(log, "simulate", "small", "--broker", f"mqtt://{host}:{port}") as city:
        eventually(lambda: b"live" in log.read_bytes() or city.poll() is not None, "the city lives")
        city.send_signal(signal.SIGINT)
        assert city.wait(60) == 0
    assert "acknowledged" in log.read_text()
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_import_that_ended_halfway_is_finished_by_the_next(
    postgres_dsn: str, tmp_path: Path, eventually: Callable[..., None], number: signal.Signals
) -> None:
    rows = 60_000
    file = tmp_path / "history.csv"
    with file.open("w") as lines:
        lines.write("device,time,fill_pct,battery_v\n")
        lines.writelines(f"bin-{n % 50},{1_780_000_000 + n},{n % 100},3.6\n" for n in range(rows))
    settings = {"SANIHUB_STORE__DSN": postgres_dsn}

    def stored() -> int:
        with psycopg.connect(postgres_dsn) as connection:
            if connection.execute("SELECT to_regclass('readings')").fetchone() == (None,):
                return 0
            row = connection.execute("SELECT count(*) FROM readings").fetchone()
            return int(row[0]) if row else 0

    with started(tmp_path / "import.log", "import", file, **settings) as first:
        eventually(stored, "the first rows are stored")
        first.send_signal(number)
        first.wait(60)
    assert 0 < stored() < 2 * rows
    if number is signal.SIGINT:
        assert first.returncode == 1
        assert "interrupted" in (tmp_path / "import.log").read_text()
    assert sanihub("import", file, **settings).returncode == 0
    assert stored() == 2 * rows


@pytest.mark.parametrize(
    "argv",
    [
        ("decode", "morse"),
        ("simulate", "atlantis"),
        ("import", "/nowhere.csv"),
        ("dead-letters", "list", "--data", "/nowhere/sanihub"),
        ("dead-letters", "replay", "--config", "/nowhere.toml"),
    ],
)
def test_a_mistake_is_one_clear_line(argv: tuple[str, ...]) -> None:
    result = sanihub(*argv)
    assert result.returncode == 2
    assert result.stderr.startswith("sanihub: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("argv", [("simulate",), ("decode",), ("import",), ("dead-letters", "replay"), ("doctor",)])
def test_help_has_examples(argv: tuple[str, ...]) -> None:
    result = sanihub(*argv, "--help")
    assert result.returncode == 0
    assert f"sanihub {' '.join(argv)}" in result.stdout
    assert "Examples" in result.stdout
