"""What a protocol brings along, so that adding one is adding one file to ``ingest/adapters``.

Such a file ends with ``PLUGIN = Plugin(...)``. From that the hub takes the protocol's settings (``[[<setting>]]``), its
decoder, the MQTT topics that it reads, and the connections of its own that it opens. Nobody lists the protocols:
:func:`discover` finds them, also in folders: a protocol of several files is a folder with ``plugin.py``, and
``lorawan/`` holds a file for each network server.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from devices.metrics import Catalogue
from devices.vocabulary import Device, Frame, Identity
from ingest.ports import Adapter, Decoder, Intake


class SoleSection(BaseModel):
    """The settings of a protocol that has exactly one section. Every field has a default; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Section(SoleSection):
    """One connection of a protocol in the settings; names differ within a protocol."""

    name: str = Field(min_length=1, max_length=64, description="of the connection, as frames name it")


class Tools(msgspec.Struct, frozen=True):
    """What a decoder may work with.

    ``find`` knows the registered devices and their attributes; it answers from memory, and the hub decodes nothing
    before it has read the registry.
    """

    catalogue: Catalogue
    find: Callable[[Identity], Device | None] = lambda identity: None


class Wiring(msgspec.Struct, frozen=True):
    """What a connection is given.

    ``keep`` puts a frame into the spool, for peers that cannot send again; ``secret`` is the hub's own, drawn once and
    kept; ``data`` the hub's data folder.
    """

    intake: Intake
    keep: Callable[[Frame], None]
    secret: Callable[[], bytes]
    data: Path
    tools: Tools


class Subscription(msgspec.Struct, frozen=True):
    """MQTT topics whose messages belong to a protocol.

    ``source`` goes into the frames (the section's name); None for the name of the broker's connection. ``broker`` is
    the name of the ``[[mqtt]]`` connection to subscribe at; None for all of them.
    """

    filters: tuple[str, ...]
    source: str | None = None
    broker: str | None = None


class Plugin(msgspec.Struct, frozen=True):
    """A protocol.

    ``name`` stands in frames and in ``/api/v1/uplinks/<name>``; ``setting`` is the name of its sections in the
    settings: each a ``section``, or exactly one where that is a :class:`SoleSection` without a name. ``decoder`` makes
    the decoder of all its sections. ``connect`` opens a connection of its own, for protocols that have any;
    ``subscriptions`` says which MQTT topics a section reads. ``webhook`` is whether its frames may come as HTTP posts.
    """

    name: str
    title: str
    setting: str
    section: type[SoleSection]
    decoder: Callable[[Sequence[Any], Tools], Decoder]
    connect: Callable[[Any, Wiring], Adapter] | None = None
    subscriptions: Callable[[Any], Sequence[Subscription]] | None = None
    webhook: bool = False

    @property
    def sole(self) -> bool:
        """Whether there is exactly one section, written ``[<setting>]``."""
        return not issubclass(self.section, Section)


@cache
def discover() -> Mapping[str, Plugin]:
    """All protocols, in the order of their names."""
    package = import_module("ingest.adapters")
    modules = (import_module(found.name) for found in pkgutil.walk_packages(package.__path__, "ingest.adapters."))
    plugins = [module.PLUGIN for module in modules if hasattr(module, "PLUGIN")]
    return {plugin.name: plugin for plugin in sorted(plugins, key=_by_name)}


def _by_name(plugin: Plugin) -> str:
    return plugin.name
