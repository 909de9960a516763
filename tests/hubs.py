"""The hub as its own process, over servers of the tests: to be stopped, killed and started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.access_keys import make_key
from tests.servers import DEADLINE_S, wait_until

_OPEN = re.compile(r"open\s+(https?://\S+?)/\s")


class HubProcess:
    """`sanihub serve` with settings of its own.

    Without a ``dsn`` it brings its own database. ``program`` is what Python runs as the command line.
    """

    def __init__(
        self,
        folder: Path,
        dsn: str,
        settings: str,
        port: int = 0,
        program: Sequence[str] = ("-m", "hub.cli"),
    ) -> None:
        self.log = folder / "hub.log"
        self._folder = folder
        self._port = port
        self._program = program
        self._config = folder / "sanihub.toml"
        self.data = folder / "data"
        store = f'[store]\ndsn = "{dsn}"\nmode = "plain"\n' if dsn else ""
        self._config.write_text(f'data = "{self.data}"\n{settings}\n{store}')
        self._process: subprocess.Popen[bytes] | None = None
        self._subscribes = "[[mqtt]]" in settings
        self.url = ""
        self.dsn = dsn
        self._headers: dict[str, str] = {}

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def settings(self) -> str:
        """The text of its settings file."""
        return self._config.read_text()

    def launch(self) -> None:
        """Start without waiting until it answers."""
        self._started_at = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *self._program, "serve", "--config", str(self._config), "--port", str(self._port)],
                cwd=self._folder,
                env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start; returns when it serves and is subscribed: what is published from now on reaches it."""
        self.launch()
        process = self._process
        assert process is not None

        def serving() -> bool:
            text = self.text()
            found = _OPEN.search(text)
            self.url = found[1] if found else ""
            subscribed = "mqtt_connected" in text or not self._subscribes
            return (bool(found) and subscribed) or process.poll() is not None

        wait_until(serving, f"the hub serves; log {self.log}")
        if not self.url:
            pytest.fail(f"the hub ended with {process.returncode}: {self.text()[-3000:]}")

    def text(self) -> str:
        """What it wrote since its last start."""
        return self.log.read_bytes()[self._started_at :].decode(errors="replace")

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            pytest.fail(f"the hub did not end within {DEADLINE_S:g} s: {self.text()[-3000:]}")

    def cli(self, *argv: str) -> str:
        """Run a command with its settings; what it printed."""
        command = [sys.executable, "-m", "hub.cli", *argv, "--config", str(self._config)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=DEADLINE_S).stdout

    def get(self, path: str, **params: object) -> httpx.Response:
        """GET from its API."""
        return httpx.get(self.url + path, params=params, timeout=30, headers=self.headers())  # type: ignore[arg-type]

    def headers(self) -> dict[str, str]:
        """A viewer's key; none before there are tables for it."""
        if not self._headers:
            with suppress(psycopg.Error):
                self._headers = {"X-API-Key": make_key(self.dsn, "viewer")}
        return self._headers

    def status(self) -> dict[str, object]:
        """`/api/v1/status`; a hub that is young may have no tables of keys yet."""
        wait_until(self.headers, "its tables are made")
        answer = self.get("/api/v1/status")
        answer.raise_for_status()
        found: dict[str, object] = answer.json()
        return found


def mqtt_section(address: tuple[str, int], **fields: object) -> str:
    """A `[[mqtt]]` section for a broker of the tests."""
    host, port = address
    lines = ["[[mqtt]]", 'name = "test"', f'host = "{host}"', f"port = {port}"]
    lines += [
        f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}" for name, value in fields.items()
    ]
    return "\n".join(lines)
