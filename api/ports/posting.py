"""The way of what is posted into the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from devices.access import Principal
from devices.errors import SanihubError, TransientError


class NotTakenError(TransientError):
    """The hub could not store what was posted in time; send it again."""


class AnotherDeviceError(SanihubError):
    """A device's key was used to speak for another device; nothing of it was filed. ``device`` is the other one."""

    def __init__(self, device: str) -> None:
        super().__init__(f"the message names {device}")
        self.device = device


class Submitted(msgspec.Struct, frozen=True):
    """What became of a posted frame, after the commit: how many of its messages are filed, and what was refused.

    What was filed before counts as accepted. Each problem is a line that names its field. A frame with problems is
    kept in dead letters.
    """

    accepted: int
    problems: tuple[str, ...] = ()


class Uplinks(Protocol):
    """The way into the pipeline for what is posted.

    Both methods return once everything is committed, and raise ``NotTakenError`` when that takes too long: then it may
    still be committed later, and what knows itself again (by time, id or ``again``) may be posted again.
    """

    @property
    def webhooks(self) -> Sequence[str]:
        """The protocols whose frames may be posted."""

    async def telemetry(self, payload: bytes, poster: Principal, again: str | None = None) -> Submitted:
        """File a payload of sanihub's own JSON.

        A poster that speaks for one device may name no other: raises ``AnotherDeviceError``. ``again`` is the poster's
        name for the request, by which its repetition is known.
        """

    async def webhook(self, protocol: str, query: str, payload: bytes, poster: Principal) -> Submitted:
        """File what a server of ``protocol`` has posted; ``query`` is the query string of its address.

        Raises KeyError for a protocol that is none of :attr:`webhooks`.
        """


class PostLimits(msgspec.Struct, frozen=True):
    """Bounds of what is posted.

    ``body_bytes`` is of a body, as it comes and unpacked; it has to be there within ``body_within_s``. Of all requests
    at most ``waiting`` are read or await their commit, and of one key ``waiting_per_key``; of one key there are
    ``posts_per_s`` in the long run, 0: any number.
    """

    body_bytes: int = 256 * 1024
    body_within_s: float = 30.0
    waiting: int = 200
    waiting_per_key: int = 50
    posts_per_s: float = 0.0
