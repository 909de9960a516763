"""What the API needs for people, their sessions, keys and the registry, as protocols.

All raise ``TransientError`` while the store is away. Every change stands in the audit under ``actor``, by the same
transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from devices.access import KeyEntry, Role
from devices.people import Known, Person, PersonSpec, Session
from devices.read_models import Page
from devices.registering import DeviceForm


class PeopleKeeper(Protocol):
    """People. None: there is no such person."""

    async def find(self, name: str) -> Known | None:
        """The person of this name, active or not."""

    async def people(self, *, cursor: str | None, limit: int) -> Page[Person]:
        """People by name."""

    async def create(self, spec: PersonSpec, password_hash: str, *, actor: str) -> Person:
        """Enter a person. Raises TakenError."""

    async def change(self, spec: PersonSpec, *, actor: str) -> Person | None:
        """Let a person be as described; what is taken from them ends their sessions. Raises LastAdminError."""

    async def set_password(
        self, name: str, password_hash: str, *, actor: str, keep: int | None = None
    ) -> Person | None:
        """Another password; ends all sessions of the person but ``keep``."""

    async def renew_hash(self, name: str, old: str, new: str) -> None:
        """The same password under newer parameters; nothing where it was changed meanwhile."""


class SessionKeeper(Protocol):
    """Sessions of people. None: there is no such session."""

    async def open_session(self, person: Person, digest: bytes, at: int) -> Session | None:
        """Begin a session at ``at`` (µs), known by the SHA-256 of its token; None for one disabled meanwhile."""

    async def session(self, digest: bytes) -> Session | None:
        """The session with this hash, usable or not."""

    async def seen(self, session: int, at: int) -> None:
        """Note that a session was used."""

    async def end_session(self, session: int, *, actor: str) -> bool:
        """End one; whether it was open."""


class AreaDirectory(Protocol):
    """Which devices lie in which areas of the master data."""

    async def devices_in(self, areas: Collection[str]) -> frozenset[str]:
        """The ids of the devices in any of these areas, at most half a minute old.

        A device belongs to the area that its attribute ``area`` names; one without it to those in whose polygons its
        place or its newest position lies.
        """

    def forget(self) -> None:
        """Look anew at the next question: the registry was changed."""


class KeyKeeper(Protocol):
    """API keys, and their making and ending."""

    async def keys(self, *, ended: bool = False, cursor: str | None = None, limit: int = 100) -> Page[KeyEntry]:
        """Keys in the order of their making; with ``ended`` those too that are over."""

    async def create(
        self,
        name: str,
        role: Role,
        *,
        device: str | None,
        expires_at: int | None,
        actor: str,
        areas: Collection[str] | None = None,
    ) -> tuple[str, KeyEntry]:
        """Make a key: the key itself, which nobody can tell again, and its entry. Raises ValueError."""

    async def revoke(self, prefix: str, *, actor: str) -> KeyEntry | None:
        """End a key for ever; None when there is no such key, or it is revoked already."""


class DeviceKeeper(Protocol):
    """The registry, changed by people."""

    async def create(self, form: DeviceForm, identities: Sequence[str], *, actor: str) -> None:
        """Register a device, with identities ``scheme:value``. Raises TakenError for its id or one of them."""

    async def change(self, form: DeviceForm, *, actor: str) -> bool:
        """Change a device; False where there is none."""

    async def add_identity(self, device: str, identity: str, *, actor: str) -> bool:
        """Let a device go by another name; False where there is no such device. Raises TakenError."""

    async def remove_identity(self, device: str, identity: str, *, actor: str) -> bool:
        """Let it go by a name no more; False where it does not."""
