"""`sanihub demo` as a process: a hub with a city, for tests of what people see."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from tests.servers import wait_until

_OPEN = re.compile(r"open\s+(http://\S+?)/\s")


PEOPLE = {"admin", "manager", "dispatcher", "viewer", "worker"}
_LOG_IN = re.compile(r"sign in\s+(\w+)\s+(\S+)\s")


class Demo:
    """`sanihub demo` as a person starts it, in a data folder."""

    def __init__(self, data: Path, *options: str) -> None:
        self.log = data.parent / "demo.log"
        self._output = self.log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hub.cli", "demo", "--port", "0", "--data", str(data), *options],
            env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,
        )
        self.family: list[psutil.Process] = []
        self.url = ""
        self._headers: dict[str, str] = {}

    def serving(self) -> bool:
        found = _OPEN.search(self.log.read_text(errors="replace"))
        self.url = found[1] if found else ""
        if self.process.poll() is not None:
            pytest.fail(
                f"the demo ended with {self.process.returncode}: {self.log.read_text(errors='replace')[-3000:]}"
            )
        return bool(found)

    def people(self) -> dict[str, str]:
        """The passwords that it printed, by name."""
        return dict(_LOG_IN.findall(self.log.read_text(errors="replace")))

    def sign_in(self, name: str) -> dict[str, str]:
        """The headers of somebody who has signed in."""
        form = {"name": name, "password": self.people()[name]}
        answer = httpx.post(f"{self.url}/api/v1/session", json=form, timeout=30).raise_for_status().json()
        assert answer["role"] == {"admin": "admin"}.get(name, name)
        return {"Authorization": f"Bearer {answer['token']}"}

    def get(self, path: str, **params: object) -> httpx.Response:
        """GET of the API as the viewer, once the hub has entered people."""
        if not self._headers:
            wait_until(lambda: set(self.people()) == PEOPLE, "the people of the demo are told", 120)
            self._headers = self.sign_in("viewer")
        path = f"{self.url}/api/v1{path}"
        return httpx.get(path, params=params, headers=self._headers, timeout=30)  # type: ignore[arg-type]

    def reporting(self) -> int:
        devices = self.get("/status").json().get("devices")
        return devices["reporting"] if devices else 0  # there is no such count before the first tables are made

    def heard(self) -> set[str]:
        """The protocols that devices were heard through."""
        found = self.get("/status").json()["devices"]["by_protocol"]
        return {entry["protocol"] for entry in found if entry["reporting"]}

    def interrupt(self) -> None:
        """What ctrl-C does: SIGINT. Afterwards nothing of it may be alive."""
        family = [*psutil.Process(self.process.pid).children(recursive=True)]
        assert {"postgres", "nats-server"} <= {child.name() for child in family}
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0, self.log.read_text(errors="replace")[-3000:]
        assert not [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._output.close()
