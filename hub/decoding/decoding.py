"""What a file of this folder brings along: ``DECODINGS``, one :class:`Decoding` for each protocol that it can tell."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol

import msgspec

from hub.decoding.form import Answer


class Options(msgspec.Struct, frozen=True):
    """What the caller said beside the lines; a protocol takes what concerns it.

    ``device`` is whom lines without a sender are from; ``topic`` the MQTT topic of lines without one; ``prefix`` the
    first part of sanihub's own topics; ``model`` a codec or register map by name; ``codec`` a JavaScript file;
    ``mapping`` a file that maps its fields to metrics; ``port`` LoRaWAN's FPort of lines that do not say it.
    """

    device: str | None = None
    topic: str | None = None
    prefix: str = "sanihub"
    model: str | None = None
    codec: Path | None = None
    mapping: Path | None = None
    port: int | None = None


Teller = Callable[[bytes], Answer]
"""From a line to what is to be printed for it."""


class Gatherer(Protocol):
    """For protocols whose lines belong together: an answer may wait for lines to come; they keep their order."""

    def feed(self, line: bytes) -> list[Answer]:
        """What is to be printed now that this line has come."""
        ...

    def told(self, answer: Answer) -> list[Answer]:
        """Let an answer of somebody else's take its place among the lines."""
        ...

    def end(self) -> list[Answer]:
        """What is to be printed at the end of the input."""
        ...


class Decoding(msgspec.Struct, frozen=True):
    """A protocol of ``sanihub decode``. ``teller`` raises ConfigError for options that do not do."""

    name: str
    title: str
    teller: Callable[[Options], Teller | Gatherer]


@cache
def discover() -> Mapping[str, Decoding]:
    """All protocols by name."""
    package = import_module("hub.decoding")
    modules = (import_module(f"hub.decoding.{found.name}") for found in pkgutil.iter_modules(package.__path__))
    return {one.name: one for module in modules for one in getattr(module, "DECODINGS", ())}
