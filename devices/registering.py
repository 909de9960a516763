"""Devices as people enter and change them one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from devices.errors import SanihubError


class TakenError(SanihubError):
    """A name belongs to somebody or something else already."""


class DeviceForm(msgspec.Struct, frozen=True, kw_only=True):
    """A device as it is to be; None leaves what is there. Attributes of None are taken away."""

    id: str
    kind: str | None = None
    name: str | None = None
    status: str | None = None
    attributes: Mapping[str, Any] = {}
