"""What the data folder holds beside the database: the hub's secrets, the spool, and what the embedded broker keeps."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

from devices.errors import ConfigError
from hub.backup.manifest import write_private
from store.embedded.service_account import Account

SECRETS = ("secret", "grafana.password")
_TERMINALS = "jt808-*.terminals"  #: which terminal a phone belongs to (ingest.adapters.jt808.owners)
SPOOL = "spool.tar"
BROKER = "broker.tar"
_STREAMS = Path("broker/streams")
_SPOOL = Path("spool")


def save_secrets(data: Path, into: Path) -> None:
    """Copy what the hub has drawn and remembers.

    That is its own secret, the password of the role that Grafana reads as, and which terminal a phone belongs to.
    """
    for name in _kept(data):
        try:
            content = (data / name).read_bytes()
        except FileNotFoundError:
            continue
        write_private(into / name, content)


def save_spool(data: Path, into: Path) -> None:
    """Copy the spool; a hub may be writing it.

    To be called before the database's snapshot: what is committed and gone from here by then is in that, and what is in
    both is filed once. A record that is just being written is a torn one, which the spool skips.
    """
    _archive(data / _SPOOL, into / SPOOL)


def save_broker(data: Path, into: Path) -> bool:
    """Copy what the embedded broker keeps; whether there is any. Only while the broker does not run."""
    return _archive(data / _STREAMS, into / BROKER)


def _kept(folder: Path) -> list[str]:
    return [*SECRETS, *sorted(file.name for file in folder.glob(_TERMINALS))]


def in_the_way(data: Path) -> list[str]:
    """What a data folder holds that a restoration would overwrite."""
    found = [name for name in _kept(data) if (data / name).exists()]
    return found + [str(folder) for folder in (_SPOOL, _STREAMS) if (data / folder).is_dir() and _files(data / folder)]


def put_back(backup: Path, data: Path, account: Account | None) -> None:
    """Put secrets, spool and the broker's streams of a back-up into a data folder that has none.

    The streams belong to ``account`` afterwards, for the broker runs as it. Raises ConfigError for a damaged archive.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _kept(backup):
        if (backup / name).exists():
            write_private(data / name, (backup / name).read_bytes())
    if (backup / SPOOL).exists():
        _extract(backup / SPOOL, data / _SPOOL)
    if (backup / BROKER).exists():
        (data / _STREAMS).parent.mkdir(mode=0o755 if account else 0o700, exist_ok=True)
        _extract(backup / BROKER, data / _STREAMS)
        if account is not None:
            for path in (data / _STREAMS, *(data / _STREAMS).rglob("*")):
                os.chown(path, account.uid, account.gid, follow_symlinks=False)


def size_of(data: Path) -> int:
    """Bytes of all that is copied from the data folder."""
    return sum(file.stat().st_size for part in (_SPOOL, _STREAMS) for file in _files(data / part))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _archive(folder: Path, archive: Path) -> bool:
    """Write the files of a folder to an archive of mode 0600; nothing, and False, where it has none."""
    files = _files(folder)
    if not files:
        return False
    descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        with tarfile.open(fileobj=target, mode="w") as tar:
            for file in files:
                try:
                    content = file.read_bytes()  # at once: it may grow, or be gone, under our hands
                except FileNotFoundError:
                    continue
                entry = tarfile.TarInfo(str(file.relative_to(folder)))
                entry.size, entry.mode = len(content), 0o600
                tar.addfile(entry, io.BytesIO(content))
        target.flush()
        os.fsync(target.fileno())
    return True


def _extract(archive: Path, folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except tarfile.TarError as error:
        raise ConfigError(f"{archive} is damaged: {error}") from None
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
