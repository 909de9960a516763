"""Commands to devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from devices.errors import SanihubError
from devices.read_models import DeviceEntry


class UnreachableError(SanihubError):
    """Nothing that the hub is connected to can carry this command to the device now."""


class NoAnswerError(SanihubError):
    """The device did not answer; whether it has done as it was told is not known."""


class Commands(Protocol):
    """Telling devices what to do."""

    def available(self, device: DeviceEntry) -> Sequence[str]:
        """The commands that can reach the device now, by name."""

    async def send(self, actor: str, device: DeviceEntry, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out a command, with an entry in the audit before and after; what the device answered.

        Raises ``UnreachableError``, ``NoAnswerError``, ValueError for arguments that do not fit, and
        ``TransientError`` when the audit cannot be written: then nothing was sent.
        """
