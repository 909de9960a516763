"""Codecs: what the bytes of a device family mean, a file for each family.

Such a file ``<vendor>_<family>.py`` holds ``CODECS = (Codec(...), ...)``; nobody lists them. A codec knows nothing of
networks: it gets the port and the bytes of an uplink (LoRaWAN's FPort and FRMPayload) and gives the object that the
vendor's own published decoder gives, with the same names, so that a device looks the same whichever side decoded it.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import msgspec

from devices.mapping.claims import Claims, claims_of
from devices.mapping.rules import Mapped
from devices.metrics import Catalogue

_CATALOGUE = Catalogue()


class DecodedPayload(msgspec.Struct, frozen=True):
    """What was understood of a payload, and what was not: a problem is one line that names the place."""

    object: dict[str, Any]
    problems: tuple[str, ...] = ()


class Codec(msgspec.Struct, frozen=True):
    """One model of device.

    ``kind`` is the kind of device it usually is. ``read`` takes port and payload and gives what it understood; it
    raises DecodeError only where it understood nothing, and nothing else on any bytes. ``mapping`` leads from the
    object's names to our metrics.
    """

    model: str
    title: str
    kind: str
    read: Callable[[int, bytes], DecodedPayload]
    mapping: Mapped

    def decode(self, f_port: int, payload: bytes) -> dict[str, Any]:
        """The object alone, without what is said against the rest of the payload. Raises DecodeError like ``read``."""
        return self.read(f_port, payload).object

    def claims(self, decoded: Mapping[str, Any] | DecodedPayload, catalogue: Catalogue = _CATALOGUE) -> Claims:
        """What the object claims in our terms. Given a :class:`DecodedPayload`, its problems come first."""
        if not isinstance(decoded, DecodedPayload):
            return claims_of(decoded, self.mapping, catalogue)
        claims = claims_of(decoded.object, self.mapping, catalogue)
        claims.problems = [*decoded.problems, *claims.problems]
        return claims


@cache
def models() -> tuple[Codec, ...]:
    """All codecs, in the order of their names."""
    package = import_module(__name__)
    modules = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__))
    return tuple(sorted((codec for module in modules for codec in getattr(module, "CODECS", ())), key=_by_model))


def find(model: str) -> Codec | None:
    """The codec of a model as people and network servers write it, or None.

    Case and separators do not matter, the vendor may be left out, and more words may stand around (the region of a
    device profile): ``EM310-UDL``, ``milesight/em310-udl``, ``Milesight EM310_UDL 868M``.
    """
    words = _words(model)
    joined = "".join(words)
    best: Codec | None = None
    length = 0
    for codec in models():
        own = _words(codec.model)
        if joined in ("".join(own), "".join(own[1:])):
            return codec
        if len(own) > length and _within(own[1:], words):
            best, length = codec, len(own)
    return best


def _by_model(codec: Codec) -> str:
    return codec.model


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text[:200].lower())


def _within(own: list[str], words: list[str]) -> bool:
    """Whether the words of a model stand side by side among others."""
    return any(words[start : start + len(own)] == own for start in range(len(words) - len(own) + 1))
