"""The account that the hub's servers run as, and the folders that it can and cannot reach.

PostgreSQL refuses to run as root, so a hub that is root hands its servers to an unprivileged account. What the hub
itself writes (passwords, ports, settings) stays in folders that root owns, so that such an account cannot plant a
symbolic link under root's hand; only the folders with the servers' own data belong to the account.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from devices.errors import ConfigError

LOCK_NAME = "hub.lock"  #: marks a data folder as the hub's own and is what :mod:`hub.embedded.servers` locks
_BARE = {"LC_ALL": "C", "TZ": "UTC"}  #: no PG* variable of the caller may reach the server


class Account(msgspec.Struct, frozen=True):
    """The unprivileged system user that servers run as when the hub is root."""

    name: str
    uid: int
    gid: int

    def may_enter(self, folder: Path) -> bool:
        """Whether the mode of `folder` lets this account pass through it."""
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def service_account(kept: Path | None = None) -> Account | None:
    """Return the account for servers: None for a normal user (they run as the hub), else an existing unprivileged one.

    `kept` is a folder of an earlier run: its owner stays its owner, whichever users were added to the system since.
    No user is ever created.
    """
    if os.geteuid() != 0:
        return None
    if kept is not None and kept.exists() and (owner := kept.stat()).st_uid != 0:
        try:
            name = pwd.getpwuid(owner.st_uid).pw_name
        except KeyError:
            name = str(owner.st_uid)
        return Account(name, owner.st_uid, owner.st_gid)
    for name in ("sanihub", "postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, found.pw_uid, found.pw_gid)
    return Account("nobody", 65534, 65534)


def run_as(account: Account | None, argv: Sequence[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a short command to its end as `account` with a bare environment; OSError when it cannot be started."""
    identity: dict[str, object] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    return subprocess.run(  # type: ignore[call-overload,no-any-return]  # noqa: S603
        [str(part) for part in argv],
        cwd=cwd, env=_BARE, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120,
        start_new_session=True,  # ctrl-C at the terminal is for the hub alone
        **identity,
    )  # fmt: skip


def open_data_folder(data: Path, account: Account | None) -> None:
    """Make the data folder and let `account` through it.

    Folders that the hub did not make are never changed: ConfigError names the one that is closed to the account.
    """
    missing = [folder for folder in (data, *data.parents) if not folder.exists()]
    if account is not None:
        for parent in reversed(data.parents):
            if parent.exists() and not account.may_enter(parent):
                raise ConfigError(
                    f"the data folder {data} lies beneath {parent}, which user {account.name} may not enter, and "
                    "PostgreSQL does not run as root; choose a folder such as /var/lib/sanihub, or be a normal user"
                )
    try:
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755 if account else 0o700)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(
            f"the data folder {data} cannot be made ({reason}); choose another one with --data"
        ) from error
    if account is not None and not account.may_enter(data):
        if any(data.iterdir()) and not (data / LOCK_NAME).exists():
            raise ConfigError(
                f"{data} holds other things and user {account.name} may not enter it; choose a new folder for the data"
            )
        data.chmod(stat.S_IMODE(data.stat().st_mode) | stat.S_IXOTH)


def passable_folder(folder: Path, account: Account | None) -> None:
    """Make `folder` (its parent exists) for what the hub itself writes; the account may pass through it, no more."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if account is not None and not account.may_enter(folder):  # whatever the umask
        folder.chmod(0o755)


def own_folder(folder: Path, account: Account | None) -> None:
    """Make `folder` (its parent exists) readable by nobody but the account; ConfigError when it is someone else's."""
    folder.mkdir(mode=0o700, exist_ok=True)
    wanted = account.uid if account else os.geteuid()
    if account and folder.stat().st_uid == 0:
        os.chown(folder, account.uid, account.gid)
    if folder.stat().st_uid != wanted:
        raise ConfigError(f"{folder} belongs to user id {folder.stat().st_uid}; start the hub as that user, or as root")


def write_private(path: Path, text: str, account: Account | None) -> None:
    """Replace `path` in one step by a file of mode 0600 that only the account (and root) can read."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if account:
            os.fchown(file.fileno(), account.uid, account.gid)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
