"""People who sign in, and their sessions: what is kept of them, and the rules that hold wherever they are made.

A session is an opaque random token of 256 bits, of which only the SHA-256 is kept (as with keys, ``devices/access``).
It ends 30 minutes after its last use, 12 hours after the sign-in whatever is done, when its person signs out, changes
the password or is disabled. A worker's is not ended by resting: the phone is in a pocket for most of the shift.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection

import msgspec

from devices.access import Principal, Role
from devices.errors import SanihubError

IDLE_US = 30 * 60 * 1_000_000  #: a session that is not used for so long is over
WORKERS_IDLE_US = 12 * 60 * 60 * 1_000_000  #: that of a worker lasts a shift: the phone is in a pocket
LONGEST_US = 12 * 60 * 60 * 1_000_000  #: and so is one of this age
LEAST_PASSWORD = 12  #: characters
MOST_PASSWORD = 200
MOST_AREAS = 100  #: that one person or key may be limited to

LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
ROLES = (Role.WORKER, Role.VIEWER, Role.DISPATCHER, Role.MANAGER, Role.ADMIN)
"""What a person may be; devices and servers have keys."""

_TOKEN = re.compile(r"sanihubs_[A-Za-z0-9_-]{43}\Z")
_TOKEN_BYTES = 32
_PASSWORD_BYTES = 12  # 96 random bits: 16 characters


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may sign in. Instants in µs.

    ``name`` is what they sign in as. ``areas`` are those outside of which nothing is shown to them; None: no limit.
    ``worker`` is the worker of the master data that they are. ``language`` is ``zh``, ``en``, or None for the page's.
    """

    id: int
    name: str
    display_name: str
    role: Role
    areas: tuple[str, ...] | None = None
    worker: str | None = None
    language: str | None = None
    active: bool = True
    created_at: int
    changed_at: int
    signed_in_at: int | None = None

    @property
    def actor(self) -> str:
        """How the audit names them."""
        return f"person:{self.name}"


class Known(msgspec.Struct, frozen=True):
    """A person with the hash of the password (PHC form)."""

    person: Person
    hash: str


class LastAdminError(SanihubError):
    """Nobody would be left who may enter people."""


class PersonSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A person as somebody describes them."""

    name: str
    display_name: str
    role: Role
    areas: tuple[str, ...] | None = None
    worker: str | None = None
    language: str | None = None
    active: bool = True


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's sign-in. Instants in µs; ``device`` is the badge of the worker that the person is."""

    id: int
    person: Person
    device: str | None
    created_at: int
    seen_at: int
    ended_at: int | None = None

    @property
    def expires_at(self) -> int:
        """When it is over if it is not used again."""
        idle = WORKERS_IDLE_US if self.person.role is Role.WORKER else IDLE_US
        return min(self.seen_at + idle, self.created_at + LONGEST_US)

    def usable(self, now: int) -> bool:
        """Whether it stands for anybody at ``now`` (µs)."""
        return self.ended_at is None and self.person.active and now < self.expires_at

    def principal(self) -> Principal:
        """Whom it stands for."""
        one = self.person
        areas = None if one.areas is None else frozenset(one.areas)
        return Principal(one.actor, one.name, one.role, self.device, one.worker, areas, self.id)


def check_person(spec: PersonSpec) -> None:
    """Raises ValueError, ``<field>: expected ...``, for a description that cannot be."""
    if not LOGIN.match(spec.name):
        raise ValueError("name: expected 1 to 64 lower-case letters, digits, '.', '_' or '-', not beginning with those")
    if not 1 <= len(spec.display_name) <= 64 or not spec.display_name.isprintable():
        raise ValueError("display_name: expected 1 to 64 printable characters")
    if spec.role not in ROLES:
        raise ValueError(f"role: expected one of {', '.join(role.value for role in ROLES)}; others have keys")
    if spec.role is Role.WORKER and spec.worker is None:
        raise ValueError("worker: expected the worker that a person of the role worker is")
    if spec.worker is not None and not 1 <= len(spec.worker) <= 64:
        raise ValueError("worker: expected an id of up to 64 characters")
    if spec.language not in (None, "zh", "en"):
        raise ValueError("language: expected zh, en, or none")
    check_areas(spec.role, spec.areas)


def check_areas(role: Role, areas: Collection[str] | None) -> None:
    """Raises ValueError for a limit that cannot be."""
    if areas is None:
        return
    if role not in (Role.VIEWER, Role.DISPATCHER, Role.MANAGER):
        raise ValueError("areas: only the roles viewer, dispatcher and manager can be limited to areas")
    if not 1 <= len(areas) <= MOST_AREAS or not all(1 <= len(area) <= 64 and area.isprintable() for area in areas):
        raise ValueError(f"areas: expected 1 to {MOST_AREAS} ids of areas, or none for no limit")


def check_password(password: str, name: str) -> None:
    """Raises ValueError for a password that cannot be chosen: too short, too long, or the name itself.

    No classes of characters are asked for, and none ever expires (NIST SP 800-63B, 3.1.1.2).
    """
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise ValueError(f"password: expected {LEAST_PASSWORD} to {MOST_PASSWORD} characters")
    if len(set(password)) < 4 or (name and password.lower() in (name, name * 2, name * 3)):
        raise ValueError("password: expected something that is harder to guess")


def new_password() -> str:
    """A random password, to be told once and changed."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def new_token() -> str:
    """A fresh token of a session."""
    return f"sanihubs_{secrets.token_urlsafe(_TOKEN_BYTES)}"


def is_token(text: str) -> bool:
    """Whether a text has the form of a session's token."""
    return _TOKEN.match(text) is not None
