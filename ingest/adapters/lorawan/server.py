"""What the adapters of LoRaWAN network servers share: their settings, and the decoder over an envelope's reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import reduce

from pydantic import Field

from devices.vocabulary import Decoded, Frame
from ingest.adapters.lorawan.codecs import CodecSection, choice_of
from ingest.plugin import Plugin, Section, Subscription, Tools
from ingest.ports import Figure
from ingest.wire.lorawan.choice import Choice
from ingest.wire.lorawan.messages import LoraUplink, Message, Notice, Passed, claims

Reader = Callable[[bytes, str], Message]
"""Reads an envelope: payload and channel to a message. Raises DecodeError."""

_COUNTED_KINDS = 64  #: kinds are words from the wire: beyond so many they count as "other"


class LoraSection(Section):
    """One network server, or one application of it.

    ``broker`` names the ``[[mqtt]]`` connection where its messages are read; without it, and without ``topics``, they
    come by webhook only. ``models`` leads from a device profile's name, or the first digits of DevEUIs, to a model;
    ``codecs`` are decoders that the hub does not bring along.
    """

    broker: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description=(
            "connection at which its messages are read: the name of an [[mqtt]], or embedded; without it, "
            "and without topics, they come by webhook only"
        ),
    )
    topics: tuple[str, ...] | None = Field(None, description="other topics than the server's own")
    models: dict[str, str] = Field(
        {},
        description=(
            "which model a device is, where nothing else says it: by its profile's name, or by the first "
            "digits of its DevEUI"
        ),
    )
    codecs: dict[str, CodecSection] = Field({})

    @property
    def takes_simulated(self) -> bool:
        """Whether uplinks that no device sent are filed."""
        return False

    def default_topics(self) -> tuple[str, ...]:
        """What is read at the broker where ``topics`` says nothing."""
        return ()

    def filters(self) -> tuple[str, ...]:
        """The topic filters to subscribe to; none where the messages come by webhook only."""
        if self.topics is not None or self.broker is None:
            return self.topics or ()
        return self.default_topics()


class LoraDecoder:
    """The decoder of one network server's protocol. ``counts`` are messages by kind since the start."""

    def __init__(self, name: str, read: Reader, sections: Sequence[LoraSection], tools: Tools) -> None:
        self.counts: Counter[str] = Counter()
        self._name = name
        self._read = read
        self._tools = tools
        self._choices = {section.name: choice_of(section.models, section.codecs) for section in sections}
        self._simulated = {section.name: section.takes_simulated for section in sections}
        # What comes by webhook belongs to no section: all of them are asked, the first one first.
        self._any = reduce(Choice.joined, self._choices.values(), Choice())

    def __call__(self, frame: Frame) -> Decoded:
        """Decode one frame. Raises DecodeError."""
        message = self._read(frame.payload, frame.channel)
        if isinstance(message, LoraUplink) and message.simulated and not self._takes_simulated(frame.source):
            message = Passed("simulated", message.dev_eui)
        self._count(message)
        return claims(message, self._choices.get(frame.source, self._any), self._tools.catalogue, self._tools.find)

    def figures(self) -> tuple[Figure, ...]:
        """The counters for ``/metrics``."""
        return tuple(
            Figure(
                "sanihub_lorawan_messages_total",
                "Messages of LoRaWAN network servers by kind",
                count,
                {"protocol": self._name, "kind": kind},
            )
            for kind, count in sorted(self.counts.items())
        )

    def _takes_simulated(self, source: str) -> bool:
        known = self._simulated.get(source)
        return any(self._simulated.values()) if known is None else known

    def _count(self, message: Message) -> None:
        kind = message.kind if isinstance(message, Notice | Passed) else "uplink"
        if kind not in self.counts and len(self.counts) >= _COUNTED_KINDS:
            kind = "other"
        self.counts[kind] += 1


def subscriptions(section: LoraSection) -> Sequence[Subscription]:
    """What to subscribe to for a section."""
    filters = section.filters()
    return (Subscription(filters, section.name, section.broker),) if filters else ()


def server_plugin(name: str, title: str, read: Reader, section: type[LoraSection]) -> Plugin:
    """The plug-in of a network server's protocol."""
    return Plugin(
        name,
        title,
        setting=name,
        section=section,
        decoder=lambda sections, tools: LoraDecoder(name, read, sections, tools),
        subscriptions=subscriptions,
        webhook=True,
    )
