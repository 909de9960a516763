"""The exceptions that every room shares. A docstring is the default message of its class."""

from __future__ import annotations


class SanihubError(Exception):
    """Something went wrong in the hub."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class ConfigError(SanihubError):
    """A setting is wrong; raised at start, before any network is touched."""


class DecodeError(SanihubError):
    """The input is not a message of its protocol; the frame goes to dead letters."""


class TransientError(SanihubError):
    """A peer is away for now; the same call may be tried again later."""


class RejectedError(SanihubError):
    """The store refuses a record for what it holds; trying again will not help."""
