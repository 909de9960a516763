"""The manifest of a back-up: what is in it, of what, when, and how its files are told from damaged ones."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from devices.errors import ConfigError

FORMAT = 1
FILE = "manifest.json"
DATABASE = "database.dump"
PREFIX = "sanihub-"
_NAME = f"{PREFIX}%Y%m%dT%H%M%SZ"


class Part(msgspec.Struct, frozen=True):
    """A file of the back-up."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a back-up holds.

    ``taken_at`` is the instant of the database's snapshot by the server's clock (ISO 8601, UTC): what was acknowledged
    before is in it. ``rows`` are those of each table in that snapshot. ``programs`` is the major version of the
    ``pg_dump`` that wrote it. ``broker`` tells what the embedded broker held: ``saved``, ``left out`` (it was running),
    or ``none``.
    """

    format: int
    sanihub: str
    taken_at: str
    server: str
    programs: int
    mode: str
    timescaledb: str | None
    migrations: tuple[str, ...]
    rows: dict[str, int]
    broker: str
    files: dict[str, Part]


def folder_name(at: datetime) -> str:
    """The name of a back-up of that instant; names sort by time."""
    return at.astimezone(UTC).strftime(_NAME)


def instant_of(folder: Path) -> datetime | None:
    """The instant in the name of a back-up; None for a folder of another kind."""
    try:
        return datetime.strptime(folder.name, _NAME).replace(tzinfo=UTC)
    except ValueError:
        return None


def describe(file: Path) -> Part:
    """Size and checksum of a file, read to its end."""
    with file.open("rb") as content:
        return Part(file.stat().st_size, hashlib.file_digest(content, "sha256").hexdigest())


def write(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, for its owner alone, and bring it to the disk."""
    write_private(folder / FILE, msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")


def write_private(file: Path, content: bytes) -> None:
    """Make a new file of mode 0600, on the disk when this returns."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())


def read(folder: Path) -> Manifest:
    """The manifest of a back-up. Raises ConfigError: none, damaged, of a newer format."""
    file = folder / FILE
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{folder} is no back-up: it has no {FILE}") from None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    try:
        if (found := msgspec.json.decode(content, type=dict).get("format")) != FORMAT:
            raise ConfigError(f"{file}: format {found!r}, expected {FORMAT}: it was made by another version of sanihub")
        return msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{file} is damaged: {error}") from None


def faults(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What is missing or damaged, file by file; nothing when all is whole."""
    for name, part in manifest.files.items():
        file = folder / name
        if Path(name).name != name:
            yield f"{name!r} is no name of a file"
        elif not file.is_file():
            yield f"{name} is missing"
        elif file.stat().st_size != part.bytes:
            yield f"{name} has {file.stat().st_size} bytes, expected {part.bytes}"
        elif describe(file) != part:
            yield f"{name} is damaged: its checksum is not the one in the manifest"
