"""Who may do what: roles, keys and whom they stand for, and the entries of the audit.

A key is ``sanihub_<prefix>_<secret>``: the prefix is for people and for looking the key up, the secret has 256 random
bits. What is kept is the SHA-256 of the whole key. A slow hash with a salt is for passwords, which people choose and
which can therefore be guessed from a stolen table; 256 random bits cannot be, however fast the hash.
"""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from collections.abc import Mapping
from enum import Enum
from hashlib import pbkdf2_hmac, sha256
from typing import Any

import msgspec

_KEY = re.compile(r"sanihub_([a-z2-7]{10})_([A-Za-z0-9_-]{43})\Z")
_PREFIX_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PREFIX_CHARS = 10
_SECRET_BYTES = 32
_MOSQUITTO_ROUNDS = 101  #: as mosquitto_passwd has it; 256 random bits need no more


class Role(Enum):
    """What a key or a person may do.

    DEVICE posts telemetry of its own device and nothing else; INTEGRATION posts telemetry of many devices, and
    webhooks; neither reads. WORKER is a person of the crews, who sees and does what is their own, and posts as their
    own badge. Each of the others includes the one before: VIEWER reads, DISPATCHER sends commands and handles alerts,
    MANAGER enters rules and reads the audit, ADMIN does everything.
    """

    DEVICE = "device"
    INTEGRATION = "integration"
    WORKER = "worker"
    VIEWER = "viewer"
    DISPATCHER = "dispatcher"
    MANAGER = "manager"
    ADMIN = "admin"


class Principal(msgspec.Struct, frozen=True):
    """Somebody who was recognised, by a key or a session.

    ``actor`` is how the audit names them: ``key:<prefix>``, ``person:<name>``. ``device`` is the one that they post
    as: a device key's own one, a worker's badge. ``worker`` is the worker of the master data that a person is.
    ``areas`` are those of the master data outside of which nothing is shown to them; None: no limit. ``session`` is
    the number of the session of somebody who signed in.
    """

    actor: str
    name: str
    role: Role
    device: str | None = None
    worker: str | None = None
    areas: frozenset[str] | None = None
    session: int | None = None

    @property
    def only_own(self) -> bool:
        """Whether they see nothing but what is their own: WORKER."""
        return self.role is Role.WORKER

    @property
    def worker_id(self) -> str:
        """Whose own is theirs: the id of their worker, and of somebody who is none one that nobody has."""
        return self.worker or ""


class KeyEntry(msgspec.Struct, frozen=True):
    """A key as it is kept: everything but the key itself. Instants in µs; ``areas`` as a principal's."""

    id: int
    prefix: str
    hash: bytes
    name: str
    role: Role
    device: str | None
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None
    areas: tuple[str, ...] | None = None

    def usable(self, now: int) -> bool:
        """Whether it opens anything at ``now`` (µs)."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def principal(self) -> Principal:
        """Whom it stands for."""
        areas = None if self.areas is None else frozenset(self.areas)
        return Principal(f"key:{self.prefix}", self.name, self.role, self.device, areas=areas)


class AuditNote(msgspec.Struct, frozen=True):
    """What is written into the audit: who did what to whom, and how it ended (``asked`` while that is not known)."""

    actor: str
    action: str
    target: str
    outcome: str
    details: Mapping[str, Any] = {}


class AuditEntry(msgspec.Struct, frozen=True):
    """An entry of the audit."""

    id: int
    at: int
    actor: str
    action: str
    target: str
    outcome: str
    details: Mapping[str, Any]


def new_key() -> tuple[str, str]:
    """A fresh key and its prefix."""
    prefix = "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(_PREFIX_CHARS))
    return f"sanihub_{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}", prefix


def mosquitto_hash(key: str) -> str:
    """The key as a line of mosquitto's password file has it: ``$7$<rounds>$<salt>$<PBKDF2 of SHA-512>``."""
    salt = secrets.token_bytes(12)
    hashed = pbkdf2_hmac("sha512", key.encode(), salt, _MOSQUITTO_ROUNDS, 64)
    return f"$7${_MOSQUITTO_ROUNDS}${b64encode(salt).decode()}${b64encode(hashed).decode()}"


def prefix_of(key: str) -> str | None:
    """The prefix of a text that has the form of a key; None for any other text."""
    found = _KEY.match(key)
    return found[1] if found else None


def fingerprint(key: str) -> bytes:
    """What is kept of a key."""
    return sha256(key.encode("utf-8", "surrogatepass")).digest()
