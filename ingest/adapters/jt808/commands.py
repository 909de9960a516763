"""What can be said to a JT/T 808 terminal, as commands of :class:`ingest.ports.Commandable`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from devices.vocabulary import Identity
from ingest.ports import CommandError, NoAnswerError
from ingest.wire.jt808.messages import SCHEME
from ingest.wire.jt808.replies import Result

TEXT = "text"
ANSWERS: Mapping[int, str] = {
    Result.FAILED: "failed",
    Result.BAD: "message is wrong",
    Result.UNSUPPORTED: "not supported",
}


class DownlinkError(CommandError):
    """The terminal could not be told."""


class SilentError(DownlinkError, NoAnswerError):
    """The terminal was told and did not answer."""


class TextCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of ``text``: what to show on the display; whether it is urgent; whether to read it aloud."""

    text: str
    urgent: bool = False
    speak: bool = True


def text_command(name: str, arguments: Mapping[str, Any]) -> TextCommand:
    """The arguments of a command. Raises ValueError that names the field."""
    if name != TEXT:
        raise ValueError(f"command: expected {TEXT} for a JT/T 808 terminal, got {name!r}")
    try:
        return msgspec.convert(dict(arguments), TextCommand)
    except msgspec.ValidationError as error:
        raise ValueError(f"{TEXT}: {error}") from None


def connected_phone(identities: Sequence[Identity], connected: Mapping[str, object]) -> str | None:
    """The phone among a device's identities whose terminal is connected."""
    return next((one.value for one in identities if one.scheme == SCHEME and one.value in connected), None)
