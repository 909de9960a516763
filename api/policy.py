"""What an installation allows: whether reading is open, and how browsers are dealt with."""

from __future__ import annotations

from typing import Literal

import msgspec


class AccessPolicy(msgspec.Struct, frozen=True):
    """Settings of access.

    ``open_reading`` lets anybody read what a viewer reads, evaluations and reports apart. ``secure_cookies`` marks
    cookies as Secure also where the hub itself is not asked by https. ``origins`` are those of pages elsewhere that may
    call the API with a token of their own. ``metrics`` says who may scrape ``/metrics`` without a key.
    """

    open_reading: bool = False
    secure_cookies: bool = False
    origins: frozenset[str] = frozenset()
    metrics: Literal["loopback", "open", "key"] = "loopback"
