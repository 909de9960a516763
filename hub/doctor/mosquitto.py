"""The doctor's look at a mosquitto of this machine: its defaults lose messages and slow the hub down.

A broker does not tell its limits over MQTT, but where it runs on this machine the file that it was started with does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil

from hub.doctor.examined import Finding
from hub.embedded.broker import is_loopback

INFLIGHT = 1_000
_LINES = {
    "max_inflight_messages": f"max_inflight_messages {INFLIGHT}",
    "max_queued_messages": "max_queued_messages 0",
    "persistence": "persistence true",
}
_WHY = {
    "max_inflight_messages": "it sends 20 messages and waits, and the hub acknowledges after its commit",
    "max_queued_messages": "what goes beyond 1,000 messages while the hub is away is dropped",
    "persistence": "what waits for the hub is forgotten when mosquitto restarts",
}
MOST_FILES, MOST_BYTES = 50, 1024 * 1024


def mosquitto_finding(check: str, detail: str, host: str, port: int, five: bool) -> Finding:
    """What is to be said of a mosquitto that let the hub in; ``five``: over MQTT 5, which has a window of its own."""
    found = _settings_of(port) if is_loopback(host) else None
    if found is None:
        advice = "its settings cannot be seen from here; they should have: " + ", ".join(_LINES.values())
        return Finding(check, "ok" if five else "warn", detail, advice)
    lacking = [
        name for name in _LINES if not _fits(name, found.get(name)) and not (five and name == next(iter(_LINES)))
    ]
    if not lacking:
        return Finding(check, "ok", detail)
    reasons = "; ".join(_WHY[name] for name in lacking)
    lines = ", ".join(_LINES[name] for name in lacking)
    return Finding(check, "warn", f"{detail}: {reasons}", f"put into mosquitto.conf, and restart it: {lines}")


def _fits(name: str, value: str | None) -> bool:
    if name == "persistence":
        return value == "true"
    if value is None or not value.isdecimal():
        return False
    number = int(value)  # 0: without end
    return number == 0 or (name == "max_inflight_messages" and number >= INFLIGHT // 10)


def _settings_of(port: int) -> dict[str, str] | None:
    """What the mosquitto that listens on a port was started with, the last word winning; None where it is not seen."""
    for process in psutil.process_iter(["name", "cmdline"]):
        line = process.info["cmdline"] or []
        if process.info["name"] != "mosquitto" or "-c" not in line[:-1]:
            continue
        try:
            settings = dict(_read(Path(line[line.index("-c") + 1])))
            ports = {one.laddr.port for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
        except (OSError, psutil.Error, UnicodeDecodeError):
            continue
        if port in ports:
            return settings
    return None


def _read(file: Path) -> Iterator[tuple[str, str]]:
    """The settings of a file and of the folders that it includes, in their order."""
    with file.open("rb") as opened:
        text = opened.read(MOST_BYTES).decode("utf-8")
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        if name == "include_dir":
            for included in sorted(Path(value.strip()).glob("*.conf"))[:MOST_FILES]:
                yield from _read(included)
        elif name and not name.startswith("#"):
            yield name, value.strip()
