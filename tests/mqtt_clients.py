"""mosquitto's own clients: messages in, and a lasting session that is emptied later."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from tests.servers import MqttServer

User = tuple[str, str] | None


def publish(broker: MqttServer, topic: str, payloads: Sequence[str], user: User = None) -> bool:
    """Publish at QoS 1, a message each; whether the broker let us in. It acknowledges what it forbids, too."""
    lines = "".join(f"{payload}\n" for payload in payloads)
    return _run("mosquitto_pub", broker, user, ["-q", "1", "-t", topic, "-l"], lines).returncode == 0


def open_session(broker: MqttServer, client_id: str, topic: str, user: User = None) -> None:
    """Make a session that the broker keeps messages of a topic for, and leave it."""
    told = _run("mosquitto_sub", broker, user, ["-c", "-i", client_id, "-q", "1", "-t", topic, "-E"])
    assert told.returncode == 0, told.stderr


def empty_session(broker: MqttServer, client_id: str, topic: str, count: int, user: User = None) -> list[str]:
    """The first so many messages that the broker kept for a session."""
    options = ["-c", "-i", client_id, "-q", "1", "-t", topic, "-C", str(count), "-W", "60"]
    told = _run("mosquitto_sub", broker, user, options)
    assert told.returncode == 0, told.stderr
    return told.stdout.splitlines()


def _run(
    program: str, broker: MqttServer, user: User, options: Sequence[str], given: str = ""
) -> subprocess.CompletedProcess[str]:
    host, port = broker.address
    name = [] if user is None else ["-u", user[0], "-P", user[1]]
    argv = [program, "-h", host, "-p", str(port), *name, *options]
    return subprocess.run(argv, input=given, capture_output=True, text=True, check=False, timeout=90)
