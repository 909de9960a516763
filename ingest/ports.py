"""What ingest needs of other rooms: a store to commit to. The store implements it without knowing this module."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from devices.errors import SanihubError
from devices.vocabulary import (
    Batch,
    Consignment,
    Decoded,
    Delivery,
    Device,
    Echo,
    EchoWanted,
    Fix,
    Frame,
    Identity,
    Reading,
    ReceiptKey,
    Written,
)


class TelemetryStore(Protocol):
    """The one place that makes telemetry durable."""

    async def write(self, batch: Batch) -> Written:
        """Commit a batch in one transaction.

        Raises TransientError when the store is away (nothing was committed, or the commit's fate is unknown: the same
        batch may be written again, for writing is idempotent), RejectedError when it refuses a record.
        """
        ...

    async def find_devices(self, identities: Iterable[Identity]) -> list[tuple[Identity, Device]]:
        """The registered devices among ``identities``. Raises TransientError."""
        ...

    async def register(self, newcomers: Sequence[tuple[Identity, str]], limit: int) -> list[tuple[Identity, Device]]:
        """Register devices as pending, given their identity and kind; at most so many that ``limit`` are pending.

        A readable id is taken from the identity. Returns those that are registered now, whoever did it.
        """
        ...

    async def find_receipts(self, wanted: Iterable[ReceiptKey]) -> Mapping[ReceiptKey, int]:
        """Where messages without a usable time were filed: the key asked for → instant (µs), the newest of several."""
        ...

    async def find_echoes(self, wanted: Iterable[EchoWanted]) -> list[Echo]:
        """The messages that each of ``wanted`` may be a copy of. Raises TransientError."""
        ...


class Deriver(Protocol):
    """Works out readings from positions, to be filed in the same transaction: how far a vehicle is from its route."""

    def derive(self, fixes: Iterable[Fix]) -> Iterable[Reading]:
        """The readings that follow from filed positions. The same positions give the same readings, at any time."""
        ...


class Decoder(Protocol):
    """Turns a frame of one adapter into claims. Raises DecodeError, and nothing else, on any input."""

    def __call__(self, frame: Frame) -> Decoded:
        """Decode one frame."""
        ...


class Figure(msgspec.Struct, frozen=True):
    """One number of an adapter for ``/metrics``: a family's name (``sanihub_<noun>_<unit>_total``) and help, labels."""

    name: str
    help: str
    value: float
    labels: Mapping[str, str] = {}
    kind: Literal["counter", "gauge"] = "counter"


class Standing(msgspec.Struct, frozen=True):
    """How a connection is doing, for status, readiness and metrics.

    ``title`` is for people (``JT/T 808 sweepers``), ``address`` where it listens or whom it asks. A connection that is
    not ``required`` may be down while the hub is ready. ``kind`` is the protocol's name.
    """

    title: str
    kind: str
    address: str = ""
    connected: bool = True
    required: bool = False
    fault: str = ""
    figures: tuple[Figure, ...] = ()


@runtime_checkable
class Counting(Protocol):
    """A decoder that counts what it decodes, for ``/metrics``."""

    def figures(self) -> tuple[Figure, ...]:
        """The counters; answers from memory."""
        ...


class Adapter(Protocol):
    """A protocol that the hub runs: started with it, and ended in order.

    ``name`` is for logs and may be used once.
    """

    @property
    def name(self) -> str:
        """The adapter and its connection in the settings."""
        ...

    async def run(self) -> None:
        """Work until :meth:`stop`; returns when everything is closed. Raises ConfigError when it cannot begin."""
        ...

    def pause_reading(self) -> None:
        """Take no more frames; those in flight can still be settled."""
        ...

    async def stop(self) -> None:
        """Ask :meth:`run` to finish, after what was settled has been told to the peers."""
        ...

    def standing(self) -> Standing:
        """How it is doing; answers from memory."""
        ...


@runtime_checkable
class Listener(Protocol):
    """An adapter that takes connections from outside; ``listening`` is set once it has its port."""

    listening: asyncio.Event


class CommandError(SanihubError):
    """The device could not be told, or will not do it; the message says why."""


class NoAnswerError(CommandError):
    """The device was told and did not answer; whether it has done it is not known."""


@runtime_checkable
class Commandable(Protocol):
    """An adapter that can tell devices something (:mod:`hub.commanding` finds it)."""

    def reaches(self, device: Device, identities: Sequence[Identity]) -> tuple[str, ...]:
        """The commands that this adapter could carry to the device now, by name; empty when it is none of its own."""
        ...

    async def command(
        self, device: Device, identities: Sequence[Identity], name: str, arguments: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Carry out a command; what the device answered.

        Raises CommandError, of it NoAnswerError when the device was told and does not answer, and ValueError for
        arguments that do not fit. It returns only once the device has confirmed.
        """
        ...


class Intake(Protocol):
    """The part of the pipeline that a transport sees."""

    def offer(self, frame: Frame, delivery: Delivery) -> None:
        """Take a frame."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether to go on reading."""
        ...

    @property
    def healthy(self) -> bool:
        """Whether frames are being committed; while they are not, what cannot be sent again belongs on disk."""
        ...

    def on_room(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when there is room again."""
        ...


class BulkIntake(Intake, Protocol):
    """An intake for transports that get many frames at once."""

    def offer_many(self, frames: Sequence[Frame], consignment: Consignment) -> None:
        """Take frames in their order; at most :attr:`room` of them. The sequence is not copied and must not change."""
        ...

    @property
    def room(self) -> int:
        """How many frames to go on reading; where there is none, ``on_room`` tells when there is again."""
        ...
