"""Which terminal a phone belongs to: that which registered it first, or the one that its device names.

JT/T 808 has no secret to begin with: whoever registers a phone is given the code that it is authenticated by. So the
first terminal (its id in 0x0100) keeps the phone, and another gets no code. What an operator enters counts before that:
the attribute ``jt808_terminal`` of the device.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import structlog

from devices.vocabulary import Device, Identity

log = structlog.get_logger("ingest.jt808")

ATTRIBUTE = "jt808_terminal"
SCHEME = "jt808_phone"
MOST = 200_000  #: phones that are remembered; beyond it no other phone is registered
_MARK_DIGITS = 32


class Owners:
    """The terminals of one listener's phones, remembered in a file: a line each, the phone and a digest of the id.

    ``find`` tells the device of an identity. A line that is taken out of the file frees its phone at the next start.
    """

    def __init__(self, file: Path, secret: bytes, find: Callable[[Identity], Device | None]) -> None:
        self._file = file
        self._secret = secret
        self._find = find
        self._marks: dict[str, str] | None = None
        self._torn = False  #: whether the file ends in the middle of a line

    def claim(self, phone: str, terminal: str) -> bool:
        """Whether this terminal may have the phone's code; a phone that is nobody's becomes its own."""
        device = self._find(Identity(SCHEME, phone))
        named = None if device is None else device.attributes.get(ATTRIBUTE)
        if isinstance(named, str):
            owner = hmac.compare_digest(named.encode(), terminal.encode())
        else:
            owner = self._keep(phone, self._mark(phone, terminal))
        if not owner:
            log.warning("jt808_another_terminal", phone=phone, see=f"attribute {ATTRIBUTE} of the device")
        return owner

    def _keep(self, phone: str, mark: str) -> bool:
        marks = self._read()
        known = marks.get(phone)
        if known is not None:
            return hmac.compare_digest(known, mark)
        if len(marks) >= MOST:
            return False
        with os.fdopen(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            file.write(("\n" if self._torn else "") + f"{phone} {mark}\n")
        self._torn = False
        marks[phone] = mark
        return True

    def _read(self) -> dict[str, str]:
        """What is remembered; a last line that a crash cut off counts for nothing."""
        if self._marks is None:
            self._marks = {}
            lines = self._file.read_text("ascii", "replace").split("\n") if self._file.exists() else [""]
            self._torn = lines[-1] != ""
            for phone, _, mark in (line.partition(" ") for line in lines):
                if len(mark) == _MARK_DIGITS:
                    self._marks.setdefault(phone, mark)
        return self._marks

    def _mark(self, phone: str, terminal: str) -> str:
        told = b"sanihub jt808 terminal\0" + f"{phone}\0{terminal}".encode()
        return hmac.new(self._secret, told, sha256).hexdigest()[:_MARK_DIGITS]
